"""The copy of a remote cohort's tables in the workspace, and which of its paths stand for files behind the address."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time as clock
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from survviz.remote.addresses import joined
from survviz.remote.store import Found, fetch
from survviz.workspace import workspace

LIST = ".remote.json"
KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """A file behind an address, as it was listed."""

    address: str
    found: Found

    @property
    def key(self) -> str:
        """Changes with the address and with the content."""
        text = json.dumps([self.address, self.found.size, self.found.stamp])
        return hashlib.sha256(text.encode()).hexdigest()[:40]


def mirror(address: str, tables: Mapping[str, Found], files: Mapping[str, Found]) -> Path:
    """The folder of a cohort in this state: its tables, and the list of its other files. Made once.

    Args:
        tables, files: by path below the address.

    Raises:
        InputError: a table cannot be fetched.
    """
    listed = {name: asdict(found) for name, found in sorted(files.items())}
    state = {name: asdict(found) for name, found in sorted(tables.items())}
    document = json.dumps({"address": address, "tables": state, "files": listed}, ensure_ascii=False)
    root = _root()
    folder = root / hashlib.sha256(document.encode()).hexdigest()[:32]
    if not (folder / LIST).is_file():
        fresh = Path(tempfile.mkdtemp(dir=root, prefix=".part-"))
        try:
            for name in tables:
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                fetch(joined(address, name), fresh / name, tables[name])
            for name in files:
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / LIST).write_text(document, encoding="utf-8")
            _rename(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    os.utime(folder / LIST)
    _forget_old(root)
    return folder


def _rename(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        if not (folder / LIST).is_file():  # else another process was first
            raise


def _forget_old(root: Path) -> None:
    """Tables that nobody asked for in so many days."""
    now = clock.time()
    for folder in root.iterdir():
        stamp = folder / LIST if (folder / LIST).is_file() else folder
        try:
            if now - stamp.stat().st_mtime > KEPT_DAYS * 86_400:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:  # another process was first
            continue


def address_of(folder: Path) -> str | None:
    """Where a cohort folder of the workspace was copied from; None for every other folder."""
    known = _known(folder)
    return None if known is None else known[0]


def entry_of(path: Path) -> RemoteEntry | None:
    """The file that a path of a copied cohort stands for; None where the path means itself."""
    folder = _folder_of(path)
    known = None if folder is None else _known(folder)
    if folder is None or known is None:
        return None
    address, files = known
    name = path.relative_to(folder).as_posix()
    return RemoteEntry(joined(address, name), files[name]) if name in files else None


def files_in(folder: Path) -> list[Path]:
    """What lies in a folder, in order; in that of a copied cohort also what lies behind the address."""
    there = set(folder.iterdir())
    copied = _folder_of(folder)
    known = None if copied is None else _known(copied)
    if copied is not None and known is not None:
        there |= {copied / name for name in known[1] if (copied / name).parent == folder}
    return sorted(there)


def _root() -> Path:
    return workspace("remote", "cohorts").resolve()


def _folder_of(path: Path) -> Path | None:
    """The copied cohort that a path lies in. Nothing outside the workspace's own folder is one, whatever it holds."""
    root = _root()
    if not path.is_absolute() or not path.is_relative_to(root) or path == root:
        return None
    return root / path.relative_to(root).parts[0]


def _known(folder: Path) -> tuple[str, Mapping[str, Found]] | None:
    if folder.parent != _root() or not (folder / LIST).is_file():
        return None
    return _read(folder / LIST)


@lru_cache(maxsize=8)
def _read(path: Path) -> tuple[str, Mapping[str, Found]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    return document["address"], {name: Found(**found) for name, found in document["files"].items()}
