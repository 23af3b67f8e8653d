"""What every verb prints with: progress on stderr, results on stdout, JSON where a program reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from survviz.types import Notice
from survviz.types import Progress as ProgressCallback

MARKS = {"info": "note", "warning": "WARNING", "stop": "STOP"}

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def to_json(value: Any) -> Any:
    """Plain JSON values of dataclasses, arrays, paths and tuples; an undefined number becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_json(asdict(value))
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def show_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(to_json(value), indent=2, ensure_ascii=False))


def show_notices(notices: tuple[Notice, ...]) -> None:
    """Print notices on stderr, in words."""
    for notice in notices:
        style = "bold red" if notice.level == "stop" else None
        stderr.print(f"{MARKS[notice.level]}: {notice.text}", style=style, markup=False)


@contextmanager
def progress_bar(text: str) -> Iterator[ProgressCallback]:
    """A bar on stderr; yields the callback that a long step takes."""
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
