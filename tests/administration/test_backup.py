"""A backup is whole while the app writes, and goes back only undamaged and into an empty place."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from survviz.administration.backup import MANIFEST, back_up, restore
from survviz.errors import InputError
from survviz.server import store
from survviz.server.folders import upload_folder
from survviz.workspace import secret_key, workspace

OWNER = "0" * 32


@pytest.fixture(autouse=True)
def closed_store() -> Iterator[None]:
    yield
    store.close()


@pytest.fixture
def filled(survviz_home: Path) -> Path:
    """A workspace with a bit of everything."""
    secret_key()
    (workspace("jobs", "a" * 32) / "state.json").write_text("{}")
    (workspace("jobs") / "slot-0.lock").touch()
    (workspace("features") / "a.h5").write_text("cache")
    (upload_folder(OWNER) / "slide.svs").write_text("large")
    store.put([store.Grant("first", OWNER, "slide", {"path": "a.svs"})])
    return survviz_home


def test_it_goes_back_as_it_was(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = secret_key()
    assert back_up(tmp_path / "copy") == 3
    names = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert names == {"cookie.key", "grants.sqlite", f"jobs/{'a' * 32}/state.json", MANIFEST}
    monkeypatch.setenv("SURVVIZ_HOME", str(tmp_path / "new"))
    assert restore(tmp_path / "copy") == [f"uploads/{upload_folder(OWNER).name}/slide.svs"]
    assert secret_key() == key
    assert store.get("first", "slide", OWNER) is not None
    assert (tmp_path / "new" / "grants.sqlite").stat().st_mode & 0o077 == 0


def test_uploads_come_with_it_when_asked_for(filled: Path, tmp_path: Path) -> None:
    back_up(tmp_path / "copy", with_files=True)
    assert (tmp_path / "copy" / "uploads" / upload_folder(OWNER).name / "slide.svs").read_text() == "large"
    assert not (tmp_path / "copy" / "features").exists()


def test_a_database_is_whole_while_somebody_writes(filled: Path, tmp_path: Path) -> None:
    """Two grants per transaction: a copy must never hold an odd number of them."""
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            pair = [store.Grant(f"{number}-{one}", OWNER, "pair", {"n": number}, b"x" * 3000) for one in "ab"]
            store.put(pair)
            number += 1
            if number == 20:
                written.set()
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(60)
        for number in range(3):
            back_up(tmp_path / f"copy{number}")
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        with closing(sqlite3.connect(tmp_path / f"copy{number}" / "grants.sqlite")) as copy:
            (count,) = copy.execute("SELECT count(*) FROM grants WHERE kind = 'pair'").fetchone()
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert count >= 40
        assert count % 2 == 0


def test_a_damaged_or_strange_backup_restores_nothing(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(tmp_path / "copy")
    monkeypatch.setenv("SURVVIZ_HOME", str(tmp_path / "new"))
    (tmp_path / "copy" / "cookie.key").write_bytes(b"0" * 32)
    with pytest.raises(InputError, match=r"cookie\.key .* is missing or damaged\. Nothing was restored"):
        restore(tmp_path / "copy")
    manifest = tmp_path / "copy" / MANIFEST
    manifest.write_text('{"files": {"../out": "0"}, "not_copied": []}')
    with pytest.raises(InputError, match="missing or damaged"):
        restore(tmp_path / "copy")
    manifest.unlink()
    with pytest.raises(InputError, match="is no backup"):
        restore(tmp_path / "copy")
    assert list(workspace().iterdir()) == []


def test_places_that_hold_something_are_refused(filled: Path, tmp_path: Path) -> None:
    back_up(tmp_path / "copy")
    with pytest.raises(InputError, match="is not empty"):
        restore(tmp_path / "copy")
    for out in (tmp_path / "copy", filled / "inside"):
        with pytest.raises(InputError, match="needs a new folder outside"):
            back_up(out)
