"""A job on disk: what was asked, how far it is, what came out. Every write is atomic, every reader sees whole files."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from survviz.errors import InputError
from survviz.workspace import workspace

State = Literal["queued", "running", "done", "failed", "cancelled"]
ID_FORM = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How far a job is.

    Attributes:
        id: unguessable name; its first 8 characters stand in messages to people.
        done: steps finished, out of `total` (0 while unknown).
        message: what it is doing, in words.
        error: why it failed, in words.
        result: what its kind returns, once `state` is "done".
        owner: whose job it is.
        created: seconds since the epoch.
        updated: seconds since the epoch.
    """

    id: str
    kind: str
    state: State = "queued"
    done: int = 0
    total: int = 0
    message: str = ""
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    created: float = 0.0
    updated: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def fraction(self) -> float:
        """0 to 1; 0 while the total is unknown."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


_checked = TypeAdapter(JobStatus)


def new_id() -> str:
    """A random job id."""
    return secrets.token_hex(16)


def job_folder(job_id: str) -> Path:
    """The folder of an existing job.

    Raises:
        InputError: there is no such job.
    """
    folder = workspace("jobs") / job_id
    if not ID_FORM.fullmatch(job_id) or not (folder / "state.json").exists():
        raise InputError(f"No job {job_id!r} is known here. It may have been removed; start it again.")
    return folder


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write to a temporary name, then rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(dict(content)))
    temporary.replace(path)


def read_state(folder: Path) -> JobStatus:
    """The state as it was last written.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return _checked.validate_json((folder / "state.json").read_bytes())
    except ValidationError as error:
        raise InputError(f"What is known of job {folder.name[:8]} is damaged ({folder}). Start it again.") from error


def write_state(folder: Path, status: JobStatus) -> None:
    """Keep a state."""
    write_json(folder / "state.json", asdict(status))


def cancel_asked(folder: Path) -> bool:
    """Whether a person asked the job to stop."""
    return (folder / "cancel").exists()
