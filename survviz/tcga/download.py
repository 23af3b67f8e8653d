"""Downloading with resume: a file has its name only when it is whole and its MD5 is right."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survviz.errors import InputError
from survviz.tcga.folder import wanted
from survviz.tcga.interface import AGENT, BROKEN, Gdc, refused
from survviz.tcga.listing import UUID, ListedFile, from_metadata
from survviz.tcga.projects import Kind
from survviz.types import Progress

CHUNK = 1 << 20
PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP errors that may be gone when asked again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a project has and what of it would be downloaded.

    Attributes:
        rows: kind -> every listed file, as the interface gave it; they become `files.KIND.json`.
        cases: they become `cases.json`.
        files: kind -> the files to fetch; normal samples and further samples of a patient are not among them.
    """

    rows: Mapping[Kind, Sequence[Mapping[str, Any]]]
    cases: tuple[Mapping[str, Any], ...]
    files: Mapping[Kind, tuple[ListedFile, ...]]

    @property
    def all_files(self) -> list[ListedFile]:
        """The files of every kind."""
        return [file for files in self.files.values() for file in files]


def plan(gdc: Gdc, projects: Sequence[str], kinds: Sequence[Kind]) -> Plan:
    """Ask what there is; nothing is downloaded.

    Raises:
        InputError: the interface cannot be reached, or lists a file without size, MD5 or a safe name.
    """
    rows: dict[Kind, Sequence[Mapping[str, Any]]] = {}
    files: dict[Kind, tuple[ListedFile, ...]] = {}
    for kind in kinds:
        rows[kind] = gdc.files(projects, kind)
        listed = [_safe(file) for file in from_metadata(rows[kind]) if file.kind == kind]
        files[kind] = tuple(wanted(listed, kind))
    return Plan(rows, tuple(gdc.cases(projects)), files)


def n_bytes(files: Sequence[ListedFile]) -> int:
    """Bytes of some files, by their list."""
    return sum(file.size or 0 for file in files)


def to_fetch(folder: Path, files: Sequence[ListedFile]) -> list[ListedFile]:
    """The files that are not there yet."""
    return [file for file in files if not (folder / file.file_id / file.name).is_file()]


def download(
    gdc: Gdc, made: Plan, folder: Path, *, progress: Progress | None = None, attempts: int = 5, pause: float = 2.0
) -> None:
    """Fetch what is not there yet, each file to `UUID/NAME`, and write the lists.

    Stopped at any time, the next call goes on where this one was.

    Args:
        attempts: per file, each resuming the one before.
        pause: seconds before the second attempt; doubled before each further one.

    Raises:
        InputError: the disk is too small, or a file cannot be fetched whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = to_fetch(folder, made.all_files)
    free = shutil.disk_usage(folder).free
    if n_bytes(todo) > free:
        raise InputError(
            f"{n_bytes(todo) / 1e9:,.1f} GB are to be downloaded and {folder} has {free / 1e9:,.1f} GB left. Free "
            "some space, give another folder, or fewer --modalities."
        )
    for kind, rows in made.rows.items():
        _write_json(folder / f"files.{kind}.json", rows)
    _write_json(folder / "cases.json", made.cases)
    for done, file in enumerate(todo):
        if progress is not None:
            progress(done, len(todo))
        fetch(gdc, file, folder / file.file_id / file.name, attempts=attempts, pause=pause)


def fetch(gdc: Gdc, file: ListedFile, target: Path, *, attempts: int = 5, pause: float = 2.0) -> None:
    """One file; what a broken connection left in `NAME.part` is kept and continued.

    Raises:
        InputError: it is refused, or is not whole and right after all attempts.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    problem = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        problem = _attempt(gdc, file, part)
        if not problem:
            os.replace(part, target)
            return
    raise InputError(
        f"{file.name} ({file.file_id}) was tried {attempts} times without success: {problem}. What was downloaded is "
        "kept; run the same command again to go on."
    )


def _attempt(gdc: Gdc, file: ListedFile, part: Path) -> str:
    """Go on with a file; what is wrong with it in words, "" if it is whole and right.

    Raises:
        InputError: it is refused for good.
    """
    problem = ""
    try:
        _continue(gdc, file, part)
    except urllib.error.HTTPError as error:
        problem = refused(error, gdc.api).rstrip(".")
        if error.code == 416:  # what we have is no part of this file
            part.unlink(missing_ok=True)
        elif error.code not in PASSING:
            raise InputError(f"{file.name} ({file.file_id}): {problem}.") from error
        return problem
    except BROKEN as error:
        problem = f"the download broke off ({getattr(error, 'reason', None) or error or type(error).__name__})"
    size = part.stat().st_size if part.exists() else 0
    if size < (file.size or 0):
        return problem or f"the download broke off after {size:,} of {file.size:,} bytes"
    if size == file.size and _md5(part) == file.md5:
        return ""
    part.unlink()
    return "its MD5 is not the one that the GDC lists"


def _continue(gdc: Gdc, file: ListedFile, part: Path) -> None:
    """Append what is missing; from the start where the server does not know ranges."""
    have = part.stat().st_size if part.exists() else 0
    if have >= (file.size or 0) > 0:
        return
    headers = {**AGENT, **({"Range": f"bytes={have}-"} if have else {})}
    request = urllib.request.Request(f"{gdc.api.rstrip('/')}/data/{file.file_id}", headers=headers)
    with urllib.request.urlopen(request, timeout=gdc.timeout) as answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        with part.open("ab" if have and goes_on else "wb") as out:
            shutil.copyfileobj(answer, out, CHUNK)


def _safe(file: ListedFile) -> ListedFile:
    """A listed file whose UUID and name can be used as paths."""
    plain = Path(file.name).name == file.name and file.name not in ("", ".", "..") and "\\" not in file.name
    if not (UUID.match(file.file_id) and plain and file.size and len(file.md5) == 32):
        raise InputError(f"The GDC lists a file without a plain name, size or MD5 ({file}). Nothing was downloaded.")
    return file


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _write_json(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".gdc.", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(list(rows), file, indent=1)
    Path(temporary).chmod(0o644)
    os.replace(temporary, path)
