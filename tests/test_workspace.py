"""What is listed and gone a moment later is left out, wherever folders are read that others write to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from survviz.workspace import files_below, newest_first, present


def removed_on_the_way(*paths: Path) -> Iterator[Path]:
    """A listing; each file is removed just before it is looked at."""
    for path in paths:
        path.unlink()
        yield path


def test_what_is_removed_after_the_listing_is_left_out(tmp_path: Path) -> None:
    stays, goes = tmp_path / "stays", tmp_path / "goes"
    for path in (stays, goes):
        path.write_bytes(b"12345")
    assert list(present(removed_on_the_way(goes))) == []
    assert [(path, state.st_size) for path, state in present([goes, stays])] == [(stays, 5)]


def test_newest_comes_first(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("b", "a", "c")]
    for age, path in enumerate(paths):
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    assert [path for path, _ in newest_first(sorted(paths))] == paths


def test_files_below_are_files_and_a_folder_that_is_gone_holds_none(tmp_path: Path) -> None:
    (tmp_path / "one" / "two").mkdir(parents=True)
    (tmp_path / "one" / "two" / "file").write_bytes(b"123")
    (tmp_path / "one" / "link").symlink_to(tmp_path / "nowhere")
    assert [(path.name, state.st_size) for path, state in files_below(tmp_path)] == [("file", 3)]
    walk = files_below(tmp_path)
    (tmp_path / "one" / "two" / "file").unlink()
    (tmp_path / "one" / "two").rmdir()
    assert list(walk) == []
    assert list(files_below(tmp_path / "gone")) == []
