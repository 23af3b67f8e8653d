"""Archives, sheets, cookies and addresses made to hurt: refused in words; nothing is written or opened elsewhere."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from starlette.applications import Starlette
from starlette.testclient import TestClient

from survviz.checkpoint.layout import GOLDEN, read_config
from survviz.checkpoint.weights import read_tensors
from survviz.data.tables import read_matrix
from survviz.errors import CheckpointError, InputError
from survviz.intake.archive import MAX_RATIO, gunzip, members
from survviz.intake.plan import check
from survviz.intake.reading import read_sources
from survviz.intake.text_source import read_text
from survviz.server import routes
from survviz.server.auth import cookie_name, new_owner, sign_owner, verify_owner
from survviz.server.folders import allowed_path, upload_folder
from survviz.server.receive import same_origin
from survviz.workspace import secret_key

MakeZip = Callable[[dict[str, bytes]], Path]


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    def make(files: dict[str, bytes]) -> Path:
        path = tmp_path / "brought.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path

    return make


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv", "..\\evil.csv"])
def test_a_path_that_leads_out_of_an_archive_is_refused(make_zip: MakeZip, name: str) -> None:
    with pytest.raises(InputError, match="leads out of it"):
        members(make_zip({name: b"a,b\n1,2\n"}))


def test_a_file_without_a_name_in_an_archive_is_refused(make_zip: MakeZip) -> None:
    path = make_zip({"name": b"a,b\n1,2\n"})
    path.write_bytes(path.read_bytes().replace(b"name", b"\0ame"))
    with pytest.raises(InputError, match="without a name"):
        members(path)


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    link = zipfile.ZipInfo("clinical.csv")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="is a link"):
        members(path)


def test_a_link_in_a_folder_that_was_brought_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("case_id,time\nA,1\n")
    folder = tmp_path / "brought"
    folder.mkdir()
    (folder / "link.csv").symlink_to(secret)
    (folder / "good.csv").write_text("case_id,time\nB,2\n")
    assert [source.name for source in read_sources([folder]).sources] == ["good.csv"]


def test_bombs_are_refused_before_they_are_unpacked(make_zip: MakeZip) -> None:
    with pytest.raises(InputError, match="times its size"):
        members(make_zip({"bomb.csv": bytes(64 << 20)}))
    with pytest.raises(InputError, match="archive in an archive"):
        members(make_zip({"inner.zip": b"PK"}))
    with pytest.raises(InputError, match="expected at most 5,000"):
        members(make_zip({f"{number}.csv": b"" for number in range(5001)}))


def test_a_member_that_says_less_than_it_is_stops_there(make_zip: MakeZip) -> None:
    path = make_zip({"a.csv": bytes(1000)})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv"):
        members(path)[0].read()


def test_a_gzip_bomb_stops_at_its_limit() -> None:
    import gzip

    with pytest.raises(InputError, match="unpacks to more than"):
        gunzip("a.csv.gz", gzip.compress(bytes(10 * MAX_RATIO * 2048)))


def test_a_workbook_that_is_a_bomb_is_refused(make_zip: MakeZip, tmp_path: Path) -> None:
    path = make_zip({"[Content_Types].xml": b"<a/>", "xl/worksheets/sheet1.xml": b"<c/>" + b" " * (200 << 20)})
    sheet = path.rename(tmp_path / "bomb.xlsx")
    brought = read_sources([sheet])
    assert [(finding.code, finding.severity) for finding in brought.findings] == [("unreadable", "error")]


def test_entities_in_a_workbook_are_not_expanded(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["case_id", "time"])
    buffer = io.BytesIO()
    book.save(buffer)
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    hostile = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    path = tmp_path / "laughs.xlsx"
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                body = data.decode().replace(
                    "<sheetData>", "<sheetData><row><c t='inlineStr'><is><t>&l9;&f;</t></is></c></row>"
                )
                data = (hostile + body[body.index("<worksheet") :]).encode()
            new.writestr(name, data)
    brought = read_sources([path])
    words = " ".join([finding.text for finding in brought.findings] + [str(one.columns) for one in brought.sources])
    assert "root:" not in words
    assert "hahaha" not in words


def test_html_and_formulas_in_cells_stay_what_they_are() -> None:
    evil = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "{{7*7}}", "![x](http://x)", "$\\textbf{x}$"]
    rows = "\n".join(f'A-{number},"{text}",{number + 1},1' for number, text in enumerate(evil))
    source = read_text("a.csv", "0", f"case_id,stage,time,event\n{rows}\n".encode())
    assert source.text()["stage"].tolist() == evil


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity", "1e999", "--", ""])
def test_a_storm_of_values_that_are_none_is_counted_not_computed(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "rna.csv"
    rows = "".join(f"TP53{number},{cell},{cell},{cell}\n" for number in range(300))
    path.write_text(f"gene,TCGA-A1-A001,TCGA-A1-A002,TCGA-A1-A003\n{rows}")
    try:
        table = read_matrix(path)
    except InputError as error:
        assert "rna.csv" in str(error)  # noqa: PT017 (either outcome is an answer)
    else:
        assert not np.isinf(table.to_numpy()).any()
    check(read_sources([path]))


@pytest.mark.parametrize(
    "document",
    [
        {"format": "survviz-checkpoint-1", "name": "../../evil"},
        {"format": "survviz-checkpoint-1", "name": "a" * 81},
        {"__class__": "os.system", "name": "x"},
        {"folds": [{}] * 101},
    ],
)
def test_hostile_settings_of_a_checkpoint_are_refused(tmp_path: Path, document: dict[str, object]) -> None:
    demo = Path(__file__).parents[2] / "checkpoints" / "demo-survpgc"
    good = json.loads((demo / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(good | document))
    with pytest.raises(CheckpointError, match="does not follow the format"):
        read_config(tmp_path)


def test_a_header_of_tensors_that_declares_more_than_the_file_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(4)}, tmp_path / GOLDEN)
    data = (tmp_path / GOLDEN).read_bytes()
    for hostile in (
        (2**63 - 1).to_bytes(8, "little") + data[8:],
        (2**40).to_bytes(8, "little") + data[8:],
        data.replace(b"[4]", b"[9]"),
        data.replace(b"[0,16]", b"[0,99]"),
        data[:-1],
        data + b"PK\x03\x04 a second file behind the first",
    ):
        (tmp_path / GOLDEN).write_bytes(hostile)
        with pytest.raises(CheckpointError, match="not a readable safetensors file"):
            read_tensors(tmp_path, GOLDEN)


def test_no_cookie_but_the_signed_one_names_an_owner() -> None:
    owner = new_owner()
    good = sign_owner(owner)
    assert verify_owner(good) == owner
    digest = good.partition(".")[2]
    other = new_owner()
    forged = [
        f"{other}.{digest}", f"{owner}.", owner, f"{owner}.{digest[:-1]}", f"{owner}.{digest.upper()}", f".{digest}",
        f"{owner}.{hashlib.sha256(owner.encode()).hexdigest()}", f"{owner}.{digest}.{digest}", f" {good}", f"{good} ",
        f"{owner}\0.{digest}", f"{owner}.{'é' * 64}", good.replace(".", "%2e"),
    ]  # fmt: skip
    assert [value for value in forged if verify_owner(value) is not None] == []
    assert secret_key() not in good.encode()


def test_a_token_is_of_no_use_with_another_cookie_or_in_another_spelling(tmp_path: Path) -> None:
    owner = new_owner()
    with TestClient(Starlette(routes=routes()), cookies={cookie_name(): sign_owner(owner)}) as client:
        for token in ("..%2f..%2fcookie.key", "a" * 5000, "%00", "' OR 1=1 --", "𝕏"):
            answer = client.get(f"/sv/thumbnail/{token}.jpg")
            assert answer.status_code == 404
            assert answer.json().keys() == {"error"}


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://app.example", "app.example", True),
        ("http://app.example:8501", "app.example", False),
        ("http://evil.example", "app.example", False),
        ("http://app.example.evil.example", "app.example", False),
        ("http://evil.example/app.example", "app.example", False),
        ("http://app.example@evil.example", "app.example", False),
        ("null", "app.example", False),
        ("", "app.example", False),
    ],
)
def test_only_pages_of_the_app_itself_may_write(origin: str, host: str, own: bool) -> None:
    from starlette.requests import Request

    headers = [(b"origin", origin.encode()), (b"host", host.encode())]
    assert same_origin(Request({"type": "http", "headers": headers})) is own


@pytest.mark.parametrize(
    "path",
    ["http://169.254.169.254/latest/meta-data", "s3://bucket/a.svs", "file:///etc/passwd", "memory://x", "gopher://x/",
     "s3:/bucket/a.svs", "//host/share/a.svs", "\\\\host\\share\\a.svs"],
)  # fmt: skip
def test_an_address_in_the_place_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=r"is an address|outside the folders"):
        allowed_path(new_owner(), path)


@pytest.mark.parametrize(
    "path", ["../../cookie.key", "../cookie.key", ".hidden.svs", "..%2f..%2fcookie.key", "/etc/passwd"]
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    owner = new_owner()
    secret_key()
    with pytest.raises(InputError, match=r"outside the folders|does not exist"):
        allowed_path(owner, upload_folder(owner) / path)


def test_a_link_among_uploads_opens_nothing_elsewhere() -> None:
    owner = new_owner()
    secret_key()
    link = upload_folder(owner) / "a.svs"
    link.symlink_to(upload_folder(owner).parents[1] / "cookie.key")
    with pytest.raises(InputError, match="outside the folders"):
        allowed_path(owner, link)


def test_a_table_of_too_many_cells_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from survviz.intake import text_source

    monkeypatch.setattr(text_source, "MAX_CELLS", 1000)
    with pytest.raises(InputError, match="more than 1,000 cells"):
        read_text("a.csv", "0", pd.DataFrame(np.zeros((400, 3))).to_csv().encode())


def test_a_table_of_ten_million_rows_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"case_id,time\n" + b"A,1\n" * 10_000_000)
    brought = read_sources([path])
    assert [finding.code for finding in brought.findings] == ["unreadable"]
    assert "10,000,000 rows" in brought.findings[0].text
