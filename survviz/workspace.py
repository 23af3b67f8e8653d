"""The one folder that survviz writes to at run time: uploads, cached features, jobs, the cookie key."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from survviz.errors import InputError

ENVIRONMENT_VARIABLE = "SURVVIZ_HOME"
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_WORDS = ("no space left on device", "disk quota exceeded", "disk is full")
READ_ONLY_WORDS = ("read-only file system", "readonly database")
VAGUE_WORDS = ("unable to open database file", "disk i/o error")
"""What SQLite says on a disk that is full or read-only too, where it cannot make the small files beside a database."""
LEAST_BYTES = 1 << 16
"""With less, a disk is full: SQLite's index of a log has half of it."""

OF_PEOPLE = ("uploads", "cohorts")
"""Folders of the workspace in which files lie that people brought."""


def workspace(*parts: str) -> Path:
    """A folder below `$SURVVIZ_HOME` (default `~/.survviz`), made if it does not exist.

    Raises:
        InputError: the folder cannot be written.
    """
    root = Path(os.environ.get(ENVIRONMENT_VARIABLE) or Path.home() / ".survviz")
    folder = root.joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(
            f"survviz cannot write to {folder} ({error.strerror}). Set {ENVIRONMENT_VARIABLE} to a writable folder."
        ) from error
    return folder


def present(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """What is there, with its state: between a listing and the look at a file, another process may have removed it."""
    for path in paths:
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        yield path, state


def files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Files of a folder and of those in it, with their state; what goes meanwhile, files or folders, is left out."""
    for where, _, names in os.walk(folder):
        for path, state in present(Path(where, name) for name in names):
            if stat.S_ISREG(state.st_mode):
                yield path, state


def newest_first(paths: Iterable[Path]) -> list[tuple[Path, os.stat_result]]:
    """As `present`, by the time at which it was written last."""
    return sorted(present(paths), key=lambda one: one[1].st_mtime, reverse=True)


def is_from_people(path: Path) -> bool:
    """Whether a file was brought by a person through the app, and not by who runs it. Links are followed."""
    root = Path(os.environ.get(ENVIRONMENT_VARIABLE) or Path.home() / ".survviz").resolve()
    found = path.resolve()
    return any(found.is_relative_to(root / name) for name in OF_PEOPLE)


def disk_words(error: BaseException) -> str:
    """In words, that the disk is full or cannot be written; "" where an error says something else.

    Libraries tell it in their own ways: by an errno (h5py too), or only in their text (SQLite, safetensors).
    """
    said = str(error).lower()
    disk = os.statvfs(workspace()) if any(words in said for words in VAGUE_WORDS) else None
    is_full = disk is not None and disk.f_bavail * disk.f_frsize < LEAST_BYTES
    if is_full or getattr(error, "errno", None) in FULL or any(words in said for words in FULL_WORDS):
        return (
            "The disk of SURVVIZ_HOME is full. Nothing that was there is lost; what was being written was not kept. "
            "Make room (`survviz admin retain` says what is old), then do it again."
        )
    is_closed = disk is not None and bool(disk.f_flag & os.ST_RDONLY)
    if is_closed or getattr(error, "errno", None) == errno.EROFS or any(words in said for words in READ_ONLY_WORDS):
        return (
            "The disk of SURVVIZ_HOME cannot be written: it is read-only. Nothing that was there is lost; have it "
            "mounted writable, then do it again."
        )
    return ""


def secret_key() -> bytes:
    """32 random bytes, made once and kept in the workspace, readable by its user only (mode 0600)."""
    return _read_or_make_key(workspace() / "cookie.key")


@lru_cache(maxsize=8)
def _read_or_make_key(path: Path) -> bytes:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(fresh, path)  # unlike rename, fails when another process was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
