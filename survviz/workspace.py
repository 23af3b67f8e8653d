"""The one folder that survviz writes to at run time: uploads, cached features, jobs, the cookie key."""

from __future__ import annotations

import os
from pathlib import Path

from survviz.errors import InputError

ENVIRONMENT_VARIABLE = "SURVVIZ_HOME"


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
