"""Which folders a page may open slides from: a typed path must never reach another person's files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from survviz.errors import InputError
from survviz.workspace import workspace

SLIDE_FOLDERS_VARIABLE = "SURVVIZ_SLIDES"
SAMPLE_DATA = Path(__file__).resolve().parents[2] / "sample_data"


def upload_folder(owner: str) -> Path:
    """Where an owner's uploads lie; its name does not reveal the cookie."""
    return workspace("uploads", hashlib.sha256(owner.encode()).hexdigest()[:24])


def slide_folders(owner: str) -> tuple[Path, ...]:
    """The sample data, the owner's uploads, and the folders of `$SURVVIZ_SLIDES` (separated like `$PATH`)."""
    named = [Path(part) for part in os.environ.get(SLIDE_FOLDERS_VARIABLE, "").split(os.pathsep) if part]
    return tuple(folder.resolve() for folder in (SAMPLE_DATA, upload_folder(owner), *named))


def allowed_path(owner: str, path: str | Path) -> Path:
    """The resolved path of an existing file inside one of the owner's slide folders.

    Raises:
        InputError: the file lies elsewhere, or does not exist.
    """
    found = Path(path).expanduser().resolve()
    if not any(found.is_relative_to(folder) for folder in slide_folders(owner)):
        raise InputError(
            f"{path} lies outside the folders that this app may read. Upload the file, or start the app with "
            f"{SLIDE_FOLDERS_VARIABLE} set to the folder that holds your slides."
        )
    if not found.exists():
        raise InputError(f"{path} does not exist. Choose a file from {', '.join(map(str, slide_folders(owner)[2:]))}.")
    return found
