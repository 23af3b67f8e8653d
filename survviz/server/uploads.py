"""Uploaded files on disk: finished ones, and ones of which parts have arrived."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import unicodedata
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from survviz.deployment import allow, record, settings
from survviz.errors import InputError
from survviz.server.folders import cohort_folder, own_checkpoints, upload_folder
from survviz.workspace import files_below, newest_first, present, workspace

SIZE_VARIABLE = "SURVVIZ_MAX_UPLOAD_GB"
DEFAULT_SIZE_GB = 20.0
KEEP_FREE = 1 << 30
KEEP_PARTS_DAYS = 7
LONGEST_NAME = 150
"""Bytes of a file's name, its end, which says its kind; a file system takes 255, and names are made longer."""
UPLOAD_FORM = re.compile(r"[A-Za-z0-9_-]{8,64}")
SLIDE_SUFFIXES = (".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".dcm", ".svslide", ".vms", ".vmu")
OTHER_SUFFIXES = (
    ".h5", ".pt", ".csv", ".tsv", ".txt", ".tab", ".gz", ".xlsx", ".parquet", ".json", ".toml", ".zip",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file of which only a part has arrived. Choosing it again goes on where it stopped.

    Attributes:
        id: made by the browser from the file's name, size, time and content, so that the same file finds its part.
        name: clean name of the file.
        size: bytes of the whole file.
        received: bytes that are here.
    """

    id: str
    name: str
    size: int
    received: int = 0


def clean_name(name: str) -> str:
    """A file name without folders, control characters or leading dots.

    Raises:
        InputError: nothing is left, or the kind of file is not one that survviz reads.
    """
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    clean = re.sub(r"[^\w.\- ()]", "_", base).strip(" .")
    clean = clean.encode()[-LONGEST_NAME:].decode(errors="ignore").strip(" .")  # a file system counts bytes
    if Path(clean).suffix.lower() not in SLIDE_SUFFIXES + OTHER_SUFFIXES:
        raise InputError(
            f"A file named {base!r} was given; expected one of {' '.join(SLIDE_SUFFIXES + OTHER_SUFFIXES)}."
        )
    return clean


def largest_upload() -> int:
    """Bytes; `$SURVVIZ_MAX_UPLOAD_GB`, by default 20, or what the settings allow, if that is less."""
    most, found = int(float(os.environ.get(SIZE_VARIABLE) or DEFAULT_SIZE_GB) * (1 << 30)), settings()
    given = found.limits.upload_gb if found else None
    return most if given is None else min(most, int(given * 1e9))


def room_for_upload(owner: str, upload: str = "") -> int:
    """Bytes that may still arrive: by the limits, and by what the disk holds with a reserve kept free.

    Args:
        upload: the one that is meant; what others have announced is kept free for them.
    """
    free = free_for_uploads(owner)
    found = settings()
    most = found.limits.disk_gb if found else None
    if most is not None:
        coming = sum(one.size - one.received for one in list_unfinished(owner) if one.id != upload)
        free = min(free, int(most * 1e9) - used_by(owner) - coming)
    return max(0, min(largest_upload(), free))


def free_for_uploads(owner: str) -> int:
    """Bytes that the disk holds, with a reserve kept free; negative when that is touched."""
    return shutil.disk_usage(upload_folder(owner)).free - KEEP_FREE


def used_by(owner: str) -> int:
    """Bytes of an owner's uploads, cohorts and trained checkpoints."""
    folders = (upload_folder(owner), cohort_folder(owner), own_checkpoints(owner))
    return sum(state.st_size for folder in folders for _, state in files_below(folder))


def uploaded_file(owner: str, name: str) -> Path:
    """The path of a finished upload.

    Raises:
        InputError: there is none of this name.
    """
    path = upload_folder(owner) / clean_name(name)
    if not path.is_file():
        raise InputError(f"No upload named {name!r} was found. Upload the file again.")
    return path


def list_uploads(owner: str) -> list[Path]:
    """Finished uploads, newest first."""
    shown = (path for path in upload_folder(owner).iterdir() if not path.name.startswith("."))
    return [path for path, _ in newest_first(shown)]


def delete_upload(owner: str, name: str) -> None:
    """Remove a finished upload.

    Raises:
        AccessError: the owner's role may not.
        InputError: there is none of this name.
    """
    allow(owner, "delete")
    path = uploaded_file(owner, name)
    record(owner, "deleted", file=path.name)
    path.unlink()


def part_file(owner: str, upload: str) -> Path:
    """Where the bytes of an unfinished upload lie.

    Raises:
        InputError: the id has another form than ids have.
    """
    if not UPLOAD_FORM.fullmatch(upload):
        raise InputError("The upload's id is not understood. Reload the page and choose the file again.")
    return upload_folder(owner) / f".{upload}.part"


def announce(owner: str, unfinished: Unfinished) -> None:
    """Write down what a part is the beginning of; the sheet appears whole, and a damaged one is written anew."""
    sheet = part_file(owner, unfinished.id).with_suffix(".json")
    if _read_sheet(sheet) is None:
        fresh = sheet.with_suffix(".sheet")
        fresh.write_text(json.dumps(asdict(unfinished)))
        fresh.replace(sheet)


def _read_sheet(sheet: Path) -> Unfinished | None:
    """What a sheet says; None where there is none, or a crash left half of one."""
    try:
        return Unfinished(**json.loads(sheet.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def list_unfinished(owner: str) -> list[Unfinished]:
    """Uploads that stopped on their way, the latest first."""
    return [
        replace(said, received=state.st_size)
        for part, state in newest_first(upload_folder(owner).glob(".*.part"))
        if (said := _read_sheet(part.with_suffix(".json"))) is not None
    ]


def discard(owner: str, upload: str) -> bool:
    """Remove an unfinished upload; whether there was one.

    Raises:
        InputError: the id has another form than ids have.
    """
    part = part_file(owner, upload)
    existed = part.exists()
    _remove(part)
    return existed


def forget_unfinished(days: float = KEEP_PARTS_DAYS) -> int:
    """Remove parts of uploads that nobody has gone on with; returns how many."""
    oldest = time.time() - days * 86400
    stale = [part for part, state in present(workspace("uploads").glob("*/.*.part")) if state.st_mtime < oldest]
    for part in stale:
        _remove(part)
    return len(stale)


def finish(owner: str, upload: str, name: str) -> Path:
    """Give a complete upload its name; never that of another file."""
    part = part_file(owner, upload)
    target = part.with_name(name)
    number, final = 1, target
    while final.exists():
        number += 1
        final = target.with_name(f"{target.stem} ({number}){target.suffix}")
    part.replace(final)
    part.with_suffix(".json").unlink(missing_ok=True)
    return final


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_suffix(".json").unlink(missing_ok=True)
