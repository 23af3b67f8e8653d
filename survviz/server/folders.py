"""Which folders a page may open slides from: a typed path must never reach another person's files."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from survviz.deployment import allow, record
from survviz.errors import InputError
from survviz.remote import refuse_address
from survviz.workspace import present, workspace

MOST_FILES = 3000
KINDS = {
    ".svs": "Aperio slide",
    ".ndpi": "Hamamatsu slide",
    ".mrxs": "MIRAX slide",
    ".scn": "Leica slide",
    ".bif": "Ventana slide",
    ".dcm": "DICOM",
    ".tif": "TIFF image",
    ".tiff": "TIFF image",
    ".h5": "patch features",
    ".pt": "patch features",
}
SLIDE_FOLDERS_VARIABLE = "SURVVIZ_SLIDES"
COHORT_FILE = "cohort.toml"
SAMPLE_DATA = Path(__file__).resolve().parents[2] / "sample_data"


def folder_name(owner: str) -> str:
    """What an owner's folders are called; it does not reveal the cookie."""
    return hashlib.sha256(owner.encode()).hexdigest()[:24]


def upload_folder(owner: str) -> Path:
    """Where an owner's uploads lie."""
    return workspace("uploads", folder_name(owner))


def cohort_folder(owner: str) -> Path:
    """Where the cohorts lie that an owner uploaded and that survviz wrote anew after checking them."""
    return workspace("cohorts", upload_folder(owner).name)


def own_checkpoints(owner: str) -> Path:
    """Where the checkpoints lie that an owner trained."""
    return workspace("checkpoints", upload_folder(owner).name)


def discard_run(owner: str, name: str) -> None:
    """Throw away what an owner's unfinished training has written.

    Raises:
        AccessError: the owner's role may not.
        InputError: there is none of this name.
    """
    allow(owner, "delete")
    folder = own_checkpoints(owner) / f"{name}.partial"
    if Path(name).name != name or not folder.is_dir():
        raise InputError(f"No unfinished training {name!r} was found. Reload the page.")
    record(owner, "deleted", training=name)
    shutil.rmtree(folder)


def slide_folders(owner: str) -> tuple[Path, ...]:
    """The sample data, the owner's uploads, and the folders of `$SURVVIZ_SLIDES` (separated like `$PATH`)."""
    named = [Path(part) for part in os.environ.get(SLIDE_FOLDERS_VARIABLE, "").split(os.pathsep) if part]
    return tuple(folder.resolve() for folder in (SAMPLE_DATA, upload_folder(owner), *named))


@dataclass(frozen=True, slots=True)
class ServerFile:
    """A file that an owner may open.

    Attributes:
        label: where it lies, as a person sees it: "clinic / 2024 / a.svs".
        kind: what it is by its suffix, in words.
    """

    path: Path
    label: str
    size: int
    kind: str


def allowed_path(owner: str, path: str | Path) -> Path:
    """The resolved path of an existing file inside one of the owner's slide folders, or their checked cohorts.

    Links are followed first, so that none leads out of a folder; hidden files are no one's to open.

    Raises:
        InputError: the file lies elsewhere, is hidden, or does not exist; or it is an address.
    """
    refuse_address(path)
    try:
        found = Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a null byte, a home that nobody has, an over-long name
        raise InputError(f"{str(path)[:200]!r} is no path of a file ({error}). Choose a file from the list.") from error
    if not any(_is_visible(found, folder) for folder in (*slide_folders(owner), cohort_folder(owner).resolve())):
        raise InputError(
            f"{path} lies outside the folders that this app may read, or is hidden. Upload the file, or start the app "
            f"with {SLIDE_FOLDERS_VARIABLE} set to the folder that holds your slides."
        )
    if not found.exists():
        raise InputError(f"{path} does not exist. Choose a file from {', '.join(map(str, slide_folders(owner)[2:]))}.")
    return found


def may_open(owner: str, path: str | Path) -> bool:
    """Whether `allowed_path` gives the path."""
    try:
        allowed_path(owner, path)
    except InputError:
        return False
    return True


def _is_visible(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def list_files(owner: str, suffixes: Sequence[str], *, most: int = MOST_FILES) -> list[ServerFile]:
    """Files of these kinds in the owner's folders, in order; hidden ones and links that lead out are left out.

    Args:
        suffixes: in small letters, with their dot.
        most: stop after so many; a folder of a whole archive must not hold the page up.
    """
    found: list[ServerFile] = []
    for folder, group in _named_folders(owner).items():
        for path, state in present(_files_below(folder, suffixes)):
            if len(found) >= most:
                return found
            label = " / ".join((group, *path.relative_to(folder).parts))
            kind = KINDS.get(path.suffix.lower(), path.suffix.lower().lstrip(".").upper())
            found.append(ServerFile(path, label, state.st_size, kind))
    return found


def list_cohorts(owner: str, *, most: int = 200) -> list[tuple[str, Path]]:
    """(label, folder) of the sample cohort, the owner's checked cohorts, and every cohort in `$SURVVIZ_SLIDES`.

    Uploads are left out: a stranger's cohort file could name files of the server.
    """
    found: list[tuple[str, Path]] = []
    for folder, group in (_named_folders(owner) | {cohort_folder(owner).resolve(): "Checked"}).items():
        if folder == upload_folder(owner).resolve():
            continue
        for where, names, files in os.walk(folder):
            names[:] = [] if COHORT_FILE in files else sorted(name for name in names if not name.startswith("."))
            if COHORT_FILE in files and len(found) < most:
                path = Path(where)
                found.append((" / ".join((group, *path.relative_to(folder).parts)), path))
    return found


def _named_folders(owner: str) -> dict[Path, str]:
    """Each folder with its name for people; of two with one name, both with that of the folder above."""
    uploads, folders = upload_folder(owner).resolve(), slide_folders(owner)
    twice = Counter(folder.name for folder in folders)
    names = {folder: folder.name if twice[folder.name] == 1 else "/".join(folder.parts[-2:]) for folder in folders}
    return names | {uploads: "Uploaded", SAMPLE_DATA: "Sample"}


def _files_below(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    for where, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            path = Path(where, name)
            if path.suffix.lower() in suffixes and _is_visible(path.resolve(), folder) and path.is_file():
                yield path
