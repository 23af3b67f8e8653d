"""What the self-check finds, and that it finds what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.selfcheck import Row, as_json, as_text, run, worst
from survviz.selfcheck.formats import ATTEMPTS
from survviz.selfcheck.formats import rows as format_rows
from survviz.selfcheck.machine import disk_rows
from survviz.selfcheck.models import SHIPPED, checkpoint_folders, golden_rows, tile_rows
from survviz.selfcheck.network import connections, foreign_sources, hosts_named
from survviz.selfcheck.network import rows as network_rows
from survviz.selfcheck.versions import rows as version_rows
from survviz.server.middleware import content_security_policy

NOW = 4_000_000_000.0


def test_this_installation_is_as_pinned() -> None:
    found = list(version_rows())
    assert {row.state for row in found} == {"ok"}, found


def test_every_format_is_read_back() -> None:
    found = list(format_rows())
    assert [row.name for row in found] == list(ATTEMPTS)
    assert {row.state for row in found} == {"ok"}, found


def test_tiles_are_measured() -> None:
    (row,) = tile_rows()
    assert row.state in ("ok", "warn")  # a busy machine is slow
    assert row.found.startswith("median")


def test_a_damaged_checkpoint_is_named_and_the_others_are_not(tmp_path: Path) -> None:
    good = SHIPPED / "demo-survpgc"
    broken = shutil.copytree(good, tmp_path / "broken")
    weights = next(broken.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-8] ^= 255
    weights.write_bytes(data)
    rows = {row.name: row for row in golden_rows({"good": good, "broken": broken})}
    assert rows["good"].state == "ok"
    assert "golden output reproduced by every fold" in rows["good"].found
    assert rows["broken"].state == "fail"
    assert "hashes" in rows["broken"].found


def test_every_shipped_checkpoint_is_looked_at() -> None:
    names = {path.parent.name for path in SHIPPED.glob("**/config.json")}
    assert {folder.name for folder in checkpoint_folders().values()} == names


@pytest.mark.slow
def test_every_shipped_checkpoint_gives_its_golden_answers() -> None:
    assert {row.state for row in golden_rows()} == {"ok"}


def test_a_wrong_clock_and_files_from_the_future_are_seen(survviz_home: Path) -> None:
    rows = {row.name: row for row in disk_rows(NOW)}
    assert (rows["Clock"].state, rows["Files from the future"].state) == ("ok", "ok")
    (survviz_home / "late").write_text("x")
    os.utime(survviz_home / "late", (NOW + 86400, NOW + 86400))
    rows = {row.name: row for row in disk_rows(NOW)}
    assert rows["Files from the future"].state == "warn"
    assert "1 files" in rows["Files from the future"].found
    assert {row.name: row.state for row in disk_rows(0.0)}["Clock"] == "fail"


def own_address() -> str | None:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("203.0.113.1", 9))  # of a UDP socket this sends nothing
        except OSError:
            return None
        return asked.getsockname()[0]


def test_an_outgoing_connection_is_listed_and_an_incoming_one_is_not() -> None:
    assert connections() == []
    here = own_address()
    if here is None or here.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    with socket.create_server((here, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((here, port)), server.accept()[0]:
            assert [(one.peer, one.peer_port) for one in connections()] == [(here, port)]
    assert connections() == []


def test_hosts_in_files_are_found_and_the_apps_files_name_none(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url(https://fonts.example.com/x.woff2) }")
    (tmp_path / "b.js").write_text('import x from "https://cdn.example.org/x.js"; // see https://example.net/docs')
    (tmp_path / "c.html").write_text('<a href="https://linked.example.com">x</a><img src="//img.example.com/x">')
    assert sorted(hosts_named((tmp_path,))) == [
        "a.css: fonts.example.com", "b.js: cdn.example.org", "c.html: img.example.com"
    ]  # fmt: skip
    assert hosts_named() == []


def test_a_policy_that_lets_others_in_is_seen() -> None:
    own = content_security_policy("clinic.org:8501")
    assert foreign_sources(own, "clinic.org:8501") == []
    assert foreign_sources(own + "; img-src https://x.example.com *", "clinic.org:8501") == [
        "https://x.example.com",
        "*",
    ]
    assert foreign_sources("img-src 'self'", "h") == ["everything that it does not name"]


class Bare(BaseHTTPRequestHandler):
    """A proxy that drops headers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_server_without_headers_fails_and_one_that_is_gone_is_told() -> None:
    with HTTPServer(("127.0.0.1", 0), Bare) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        *_, row = network_rows(url)
        assert (row.state, "content-security-policy" in row.found) == ("fail", True)
        server.shutdown()
    *_, row = network_rows(url)
    assert row.state == "warn"


def test_the_whole_is_as_bad_as_its_worst_row() -> None:
    rows = [Row("g", "a", "ok", "fine"), Row("g", "b", "warn", "odd", "look")]
    assert worst(rows) == "warn"
    assert as_json(rows, 0.0)["time"] == "1970-01-01T00:00:00+00:00"
    assert "  warn  b: odd -> look" in as_text(rows, 0.0)
    assert worst([]) == "ok"


@pytest.mark.slow
def test_the_command_writes_its_report(tmp_path: Path) -> None:
    out = tmp_path / "report.txt"
    result = CliRunner().invoke(app, ["selfcheck", "--quick", "--json", "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.stdout
    document = json.loads(result.stdout)
    assert {row["group"] for row in document["rows"]} == {row.group for row in run(checkpoints=False)}
    assert "Network" in out.read_text()
