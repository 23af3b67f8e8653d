"""Only files inside the configured folders are listed and opened, whatever path is typed or linked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from survviz.errors import InputError
from survviz.server import allowed_path, list_files, upload_folder
from survviz.server.auth import new_owner
from survviz.server.folders import list_cohorts
from survviz.server.uploads import SLIDE_SUFFIXES


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with slides at two depths, hidden ones, and links that stay in it and lead out of it."""
    root = tmp_path / "clinic"
    (root / "2024").mkdir(parents=True)
    (root / ".trash").mkdir()
    (tmp_path / "private").mkdir()
    for name in ("b.SVS", "2024/a.svs", ".hidden.svs", ".trash/c.svs", "notes.md", "../private/x.svs"):
        (root / name).write_bytes(b"12345")
    (root / "link.svs").symlink_to(root / "b.SVS")
    (root / "away.svs").symlink_to(tmp_path / "private" / "x.svs")
    (root / "away").symlink_to(tmp_path / "private")
    (root / "gone.svs").symlink_to(tmp_path / "nothing.svs")
    (root / "trashed.svs").symlink_to(root / ".trash" / "c.svs")
    monkeypatch.setenv("SURVVIZ_SLIDES", str(root))
    return root


def labels(owner: str) -> list[str]:
    return [file.label for file in list_files(owner, SLIDE_SUFFIXES) if not file.label.startswith("Sample")]


def test_slides_of_the_folder_are_listed_with_size_and_kind(clinic: Path, owner: str) -> None:
    assert labels(owner) == ["clinic / b.SVS", "clinic / link.svs", "clinic / 2024 / a.svs"]
    first = next(file for file in list_files(owner, SLIDE_SUFFIXES) if file.label == "clinic / b.SVS")
    assert (first.path, first.size, first.kind) == (clinic / "b.SVS", 5, "Aperio slide")


def test_what_is_listed_may_be_opened(clinic: Path, owner: str) -> None:
    for file in list_files(owner, SLIDE_SUFFIXES):
        assert allowed_path(owner, file.path) == file.path.resolve()


ELSEWHERE = ["../private/x.svs", "away.svs", "away/x.svs", "2024/../../x", "/etc/passwd"]
HIDDEN = [".hidden.svs", ".trash/c.svs", "trashed.svs"]


@pytest.mark.parametrize("path", ELSEWHERE + HIDDEN)
def test_what_lies_elsewhere_or_is_hidden_is_refused(clinic: Path, owner: str, path: str) -> None:
    with pytest.raises(InputError, match="outside the folders"):
        allowed_path(owner, os.path.join(clinic, path))


def test_a_folder_whose_name_begins_alike_is_another_folder(clinic: Path, owner: str) -> None:
    sibling = clinic.with_name("clinic-b")
    sibling.mkdir()
    (sibling / "x.svs").write_bytes(b"")
    with pytest.raises(InputError, match="outside the folders"):
        allowed_path(owner, sibling / "x.svs")


def test_parts_of_uploads_and_uploads_of_others_are_neither_listed_nor_opened(clinic: Path, owner: str) -> None:
    mine, other = upload_folder(owner), upload_folder(new_owner())
    for path in (mine / "mine.svs", mine / ".abcdefgh.part", other / "other.svs"):
        path.write_bytes(b"")
    assert [label for label in labels(owner) if not label.startswith("clinic")] == ["Uploaded / mine.svs"]
    for path in (mine / ".abcdefgh.part", other / "other.svs"):
        with pytest.raises(InputError, match="outside the folders"):
            allowed_path(owner, path)


def test_two_folders_of_one_name_are_told_apart(
    clinic: Path, owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "archive" / "clinic"
    second.mkdir(parents=True)
    (second / "b.SVS").write_bytes(b"")
    monkeypatch.setenv("SURVVIZ_SLIDES", os.pathsep.join(map(str, (clinic, second))))
    found = labels(owner)
    assert len(found) == len(set(found)) == 4
    assert "archive/clinic / b.SVS" in found


def test_a_huge_folder_is_cut_short(clinic: Path, owner: str) -> None:
    assert len(list_files(owner, SLIDE_SUFFIXES, most=2)) == 2


def test_a_folder_that_is_not_there_is_no_error(owner: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SURVVIZ_SLIDES", str(tmp_path / "unmounted"))
    assert labels(owner) == []


def test_cohorts_are_found_in_configured_folders_but_not_among_uploads(clinic: Path, owner: str) -> None:
    for folder in (
        clinic / "2024" / "kirc",
        clinic / "2024" / "kirc" / "inner",
        clinic / ".trash",
        upload_folder(owner),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cohort.toml").touch()
    assert [label for label, _ in list_cohorts(owner)] == ["Sample", "clinic / 2024 / kirc"]
