"""Remote files on this machine: at most so many gigabytes, the least recently read go first, none while it is read.

A file lies in a folder named by its address, size and stamp, so a changed one is another file. Locks are those of this
machine: a reader holds its file's lock shared, a fetch and an eviction hold it alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from survviz.errors import InputError
from survviz.remote.mirror import RemoteEntry, entry_of
from survviz.remote.store import fetch
from survviz.workspace import present, workspace

LIMIT_VARIABLE = "SURVVIZ_CACHE_GB"
DEFAULT_GB = 20.0
PART = ".part"


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """The file of a path while the block lasts: itself, or the copy of the remote file that the path stands for.

    Raises:
        InputError: the file cannot be fetched, or the cache has no room for it.
    """
    entry = entry_of(path)
    if entry is None:
        yield path
        return
    with _held(entry) as file:
        yield file


@contextmanager
def _held(entry: RemoteEntry) -> Iterator[Path]:
    root = workspace("remote", "files")
    file = root / entry.key / entry.address.rsplit("/", 1)[-1]
    with _lock(root, entry.key) as lock:
        while True:
            fcntl.flock(lock, fcntl.LOCK_SH)
            if file.is_file():
                break
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.is_file():
                _bring(root, entry, file)
        os.utime(file)
        yield file


def _bring(root: Path, entry: RemoteEntry, file: Path) -> None:
    """Fetch into room that was made for it; the file appears complete or not at all."""
    fresh = file.with_name(file.name + PART)
    _make_room(root, entry, fresh)
    try:
        fetch(entry.address, fresh, entry.found)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def _make_room(root: Path, entry: RemoteEntry, fresh: Path) -> None:
    """Evict until the file fits, and claim its space, so that two processes do not both count on it."""
    limit = limit_bytes()
    with _lock(root, "room") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sizes = {folder: _size(folder) for folder in root.iterdir() if folder.is_dir()}
        sizes.pop(fresh.parent, None)
        for folder in sorted(sizes, key=_last_read):
            if sum(sizes.values()) + entry.found.size <= limit:
                break
            if _evict(root, folder):
                del sizes[folder]
        if sum(sizes.values()) + entry.found.size > limit:
            raise InputError(
                f"{entry.address} has {entry.found.size / 1e9:.2f} GB; the cache of {limit / 1e9:.2f} GB has no room "
                f"for it beside what is being read. Set {LIMIT_VARIABLE} to more."
            )
        fresh.parent.mkdir(exist_ok=True)
        with fresh.open("wb") as file:
            file.truncate(entry.found.size)


def _evict(root: Path, folder: Path) -> bool:
    """Remove a file that nobody reads or fetches; says whether it is gone."""
    with _lock(root, folder.name) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        shutil.rmtree(folder)
    return True


@contextmanager
def _lock(root: Path, name: str) -> Iterator[int]:
    """An open lock file; what is locked on it is let go when the block ends, or the process."""
    handle = os.open(root / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:  # another process has just given a fetched file its name
        return _size(folder)


def _last_read(folder: Path) -> float:
    return max((state.st_mtime for _, state in present(folder.iterdir())), default=0.0)


def limit_bytes() -> float:
    """Bytes of remote files to keep, from `$SURVVIZ_CACHE_GB`.

    Raises:
        InputError: it is no positive number.
    """
    text = os.environ.get(LIMIT_VARIABLE) or str(DEFAULT_GB)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise InputError(f"{LIMIT_VARIABLE} is {text!r}; expected a number of gigabytes above 0.")
    return value * 1e9
