"""Which study the app shows: none, unless somebody said so."""

from __future__ import annotations

import os
from pathlib import Path

from survviz.study.design import Study, load_study
from survviz.workspace import workspace

STUDY_VARIABLE = "SURVVIZ_READER_STUDY"


def marker() -> Path:
    """The file in the workspace that names the enabled study; delete it to hide the page again."""
    return workspace("studies") / "enabled.txt"


def enable_study(path: Path) -> Path:
    """Show this study in the app from now on; returns the marker."""
    target = marker()
    target.write_text(f"{path.resolve()}\n", encoding="utf-8")
    return target


def study_path() -> Path | None:
    """Path of the enabled study: of `$SURVVIZ_READER_STUDY`, else of the marker; None = none is enabled."""
    named = os.environ.get(STUDY_VARIABLE, "").strip()
    if not named and marker().exists():
        named = marker().read_text(encoding="utf-8").strip()
    return Path(named) if named else None


def enabled_study() -> Study | None:
    """The study that the app shows, or None.

    Raises:
        InputError: one is named, and cannot be read.
    """
    path = study_path()
    return None if path is None else load_study(path)
