"""The one folder that survviz writes to at run time: uploads, cached features, jobs, the cookie key."""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from pathlib import Path

from survviz.errors import InputError

ENVIRONMENT_VARIABLE = "SURVVIZ_HOME"
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


def is_from_people(path: Path) -> bool:
    """Whether a file was brought by a person through the app, and not by who runs it. Links are followed."""
    root = Path(os.environ.get(ENVIRONMENT_VARIABLE) or Path.home() / ".survviz").resolve()
    found = path.resolve()
    return any(found.is_relative_to(root / name) for name in OF_PEOPLE)


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
