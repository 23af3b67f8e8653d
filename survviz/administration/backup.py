"""A copy of what cannot be made again: ledgers, jobs, cohorts, cases, answers, keys; taken while the app runs."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from survviz import __version__
from survviz.administration.retention import CACHES
from survviz.deployment.settings import settings_file
from survviz.errors import InputError
from survviz.workspace import workspace

MANIFEST = "backup.json"
LARGE = ("uploads", "checkpoints")
DATABASE = ".sqlite"
SKIPPED = ("-wal", "-shm", ".lock", ".ticket", ".drawn")


def back_up(out: Path, *, with_files: bool = False) -> int:
    """Copy the workspace without its caches; returns how many files.

    Databases are copied by SQLite's online backup, each as of one moment; other files are replaced as a whole when
    they change, so each copy is whole.

    Args:
        out: a folder that does not exist yet.
        with_files: uploads and checkpoints too; otherwise their names, sizes and times are written down.

    Raises:
        InputError: the folder exists, or lies in the workspace.
    """
    home = workspace()
    if out.exists() or out.resolve().is_relative_to(home.resolve()):
        raise InputError(f"{out} was given; a backup needs a new folder outside of {home}.")
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    left_out = CACHES if with_files else CACHES + LARGE
    copied: dict[str, str] = {}
    for path in _files(home):
        name = path.relative_to(home)
        if name.parts[0] not in left_out and _copy(path, unfinished / name):
            copied[str(name)] = _digest(unfinished / name)
    if not settings_file().is_relative_to(home) and settings_file().is_file():
        _copy(settings_file(), unfinished / "config.toml")
        copied["config.toml"] = _digest(unfinished / "config.toml")
    listed = [] if with_files else [_line(path, home) for kind in LARGE for path in _files(workspace(kind))]
    manifest = {"survviz": __version__, "files": copied, "not_copied": listed}
    (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=1))
    unfinished.rename(out)
    return len(copied)


def restore(backup: Path) -> list[str]:
    """Put a backup into an empty workspace; returns the names of uploads and checkpoints that are not in it.

    Raises:
        InputError: it is no backup, a file of it is damaged or strange, or the workspace holds something.
    """
    home = workspace()
    if any(home.iterdir()):
        raise InputError(f"{home} is not empty. Restore into a new SURVVIZ_HOME, with the app stopped.")
    try:
        manifest = json.loads((backup / MANIFEST).read_text())
        files: dict[str, str] = manifest["files"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{backup} is no backup: {MANIFEST} cannot be read ({error}).") from error
    for name, digest in files.items():
        path = backup / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_file() or _digest(path) != digest:
            raise InputError(f"{name} in {backup} is missing or damaged. Nothing was restored; take another backup.")
    for name in files:
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(backup / name, target)
    return [str(one["name"]) for one in manifest["not_copied"]]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden and not path.name.endswith(SKIPPED):
            yield path


def _copy(path: Path, target: Path) -> bool:
    """Whether it was still there."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if path.suffix != DATABASE:
            shutil.copy2(path, target)
            return True
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    except FileNotFoundError:
        return False
    target.chmod(0o600)
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(path: Path, home: Path) -> dict[str, object]:
    stat = path.stat()
    return {"name": str(path.relative_to(home)), "bytes": stat.st_size, "written": stat.st_mtime}
