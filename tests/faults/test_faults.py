"""kill -9 at the stages of what writes, a full and a read-only disk, clocks that jump. The whole walk is `slow`."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from survviz import jobs
from survviz.jobs.state import JobStatus, new_id, write_json, write_state
from survviz.server import store, uploads
from survviz.server.auth import new_owner
from survviz.server.folders import upload_folder
from survviz.server.store import Grant
from survviz.server.uploads import Unfinished, announce, list_unfinished, part_file
from survviz.workspace import disk_words, workspace
from tests.conftest import missing
from tests.faults.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
DAY = 86400.0


def walked(kind: str, tmp_path: Path, most: int | None = None) -> dict[str, Any]:
    out = tmp_path / f"{kind}.json"
    words = [sys.executable, "-m", "tests.faults.walk", kind, str(out), *([str(most)] if most else [])]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert out.exists(), done.stdout + done.stderr
    return json.loads(out.read_text())


def assert_nothing_was_lost(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        assert row["killed"], row
        assert row["again"]["state"] == "done", row
        assert row["same"], row
        assert row["kept"] == row["was_there"] or SCENARIOS[found["kind"]].anew, row
        assert row["told"]["state"] in ("failed", "queued", "ended", "none", "done"), row


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(SCENARIOS))
def test_every_stage_of_every_kind_can_be_the_last(kind: str, tmp_path: Path) -> None:
    assert_nothing_was_lost(walked(kind, tmp_path))


def test_some_stages_of_reading_tables(tmp_path: Path) -> None:
    assert_nothing_was_lost(walked("intake", tmp_path, most=4))


def on_disk(tmp_path: Path, mode: str) -> dict[str, Any]:
    """The deeds of `tests.faults.on_disk` on a small disk, in a mount namespace of their own."""
    if shutil.which("unshare") is None:
        missing("no unshare(1)")
    folder = tmp_path / "disk"
    folder.mkdir()
    alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        missing("this system gives no mount namespaces")
    done = subprocess.run(
        [*alone, sys.executable, "-m", "tests.faults.on_disk", str(folder), mode], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[-1].removeprefix("RESULT "))


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "words"), [("full", "full"), ("read-only", "read-only")])
def test_a_disk_that_takes_nothing_is_told_and_nothing_is_lost(tmp_path: Path, mode: str, words: str) -> None:
    found = on_disk(tmp_path, mode)
    for state in ("good", "bad", "mended"):
        assert not [name for name, one in found[state].items() if "fault" in one], (state, found[state])
    bad = found["bad"]
    assert bad["upload"]["ok"]["status"] == 507
    assert words in bad["job"].get("refused", "") or words in bad["job"]["ok"]["error"]
    assert "nothing was spent and nothing revealed" in bad["ledger"]["refused"]
    assert "audit log" in bad["audit"]["refused"]
    assert bad["health"]["ok"] == 503
    assert found["mended"]["job"]["ok"]["state"] == "done"
    assert found["mended"]["health"]["ok"] == 200
    assert found["upload is whole"]
    assert found["spent"]["ok"] == 1.0  # before and after; what was refused cost nothing


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "full"),
        (OSError("Can't write data (No space left on device)"), "full"),
        (RuntimeError("database or disk is full"), "full"),
        (OSError(30, "Read-only file system"), "read-only"),
        (RuntimeError("attempt to write a readonly database"), "read-only"),
        (OSError(13, "Permission denied"), ""),
    ],
)
def test_a_disk_is_told_in_words_however_a_library_says_it(error: BaseException, said: str) -> None:
    assert said in disk_words(error)
    assert bool(disk_words(error)) == bool(said)


@pytest.mark.parametrize(
    ("free", "flag", "said"), [(4096, 0, "is full"), (1 << 30, os.ST_RDONLY, "read-only"), (1 << 30, 0, "")]
)
@pytest.mark.parametrize("vague", ["disk I/O error", "unable to open database file"])
def test_a_vague_word_of_a_database_is_explained_by_its_disk(
    vague: str, free: int, flag: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SimpleNamespace(f_bavail=free // 4096, f_frsize=4096, f_flag=flag)
    monkeypatch.setattr(os, "statvfs", lambda path: disk)
    words = disk_words(sqlite3.OperationalError(vague))
    assert said in words
    assert bool(words) == bool(said)


def test_a_sheet_that_a_crash_cut_off_does_not_hide_the_other_uploads() -> None:
    owner = new_owner()
    for name in ("whole-upload", "torn-upload"):
        announce(owner, Unfinished(name, "a.csv", 100))
        part_file(owner, name).write_bytes(b"12345")
    sheet = part_file(owner, "torn-upload").with_suffix(".json")
    sheet.write_text("")
    assert [one.id for one in list_unfinished(owner)] == ["whole-upload"]
    announce(owner, Unfinished("torn-upload", "a.csv", 100))  # the same file is chosen again
    assert {one.id: one.received for one in list_unfinished(owner)} == {"whole-upload": 5, "torn-upload": 5}
    assert not list(upload_folder(owner).glob("*.sheet"))


def queued(created: float) -> str:
    """A job whose server died before it had started the worker."""
    name = new_id()
    folder = workspace("jobs", name)
    write_json(folder / "job.json", {"kind": "extract", "arguments": {"slide": "none"}})
    write_state(folder, JobStatus(name, "extract", owner="me", created=created, updated=created))
    return name


@pytest.mark.parametrize("jump", [-3 * DAY, 3 * DAY])
def test_a_job_that_never_started_is_told_whichever_way_the_clock_jumped(jump: float) -> None:
    name = queued(time.time() + jump)
    assert jobs.status(name).state == "failed"
    assert "stopped without a word" in jobs.status(name).error


def test_a_job_that_was_just_asked_for_is_waited_for() -> None:
    assert jobs.status(queued(time.time())).state == "queued"


def test_jobs_are_listed_when_their_times_lie_in_the_future() -> None:
    names = [queued(time.time() + offset * DAY) for offset in (1, 400)]
    assert [one.id for one in jobs.list_jobs("me")] == names[::-1]


def test_cookies_and_tokens_do_not_depend_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    from survviz.server.auth import sign_owner, token_for, verify_owner

    owner = new_owner()
    cookie, token = sign_owner(owner), token_for(owner, "map", "x")
    store.put([Grant(token, owner, "map", {})])
    for jump in (-400 * DAY, 400 * DAY):
        later = time.time() + jump
        with monkeypatch.context() as moved:
            moved.setattr(time, "time", lambda at=later: at)
            assert verify_owner(cookie) == owner
            assert store.get(token, "map", owner) is not None
    store.close()


@pytest.mark.parametrize("ahead", [1.0, 3650.0])
def test_files_from_the_future_are_kept_by_what_forgets(ahead: float, write_settings: Callable[[str], Path]) -> None:
    from survviz.administration.retention import too_old

    write_settings("[retention]\nuploads_days = 30\ncaches_days = 10\n")
    owner = new_owner()
    announce(owner, Unfinished("from-future", "a.csv", 100))
    part = part_file(owner, "from-future")
    part.write_bytes(b"1")
    cache = workspace("features") / "a.h5"
    cache.write_bytes(b"1")
    for path in (part, cache):
        os.utime(path, (time.time() + ahead * DAY, time.time() + ahead * DAY))
    assert uploads.forget_unfinished() == 0
    assert too_old(time.time()) == []
    assert [one.id for one in list_unfinished(owner)] == ["from-future"]


def test_a_scoring_that_was_killed_before_it_said_what_it_is_can_begin_again(tmp_path: Path) -> None:
    from survviz.pipeline.cohort.inference import RUN, _prepared

    (tmp_path / f".{RUN}").write_text('{"form')
    with _prepared(tmp_path, {"format": "x"}) as is_finished:
        assert not is_finished
    assert json.loads((tmp_path / RUN).read_text()) == {"format": "x"}
