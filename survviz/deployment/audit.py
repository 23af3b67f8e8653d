"""The audit log: one JSON line per deed, only ever appended to. A deed that cannot be written down is not done."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from survviz.deployment.people import person_of_owner
from survviz.deployment.settings import settings
from survviz.errors import SurvvizError
from survviz.workspace import secret_key, workspace

CURRENT = "audit.jsonl"
COMMAND_LINE = "command line"
"""Who stands for an administrator at the machine itself."""


def record(owner: str, what: str, *, case: str = "", **about: str | int) -> None:
    """Write down what somebody did; nothing where there is no settings file, or its audit log is off.

    Args:
        owner: who.
        what: opened, uploaded, exported, trained, computed, deleted or refused.
        case: the case's id; kept as a keyed hash unless the settings say otherwise.
        about: more, which must not say who a patient is.

    Raises:
        SurvvizError: it cannot be written.
    """
    found = settings()
    if found is None or not found.audit.enabled:
        return
    now = datetime.now(UTC)
    line: dict[str, Any] = {"time": now.isoformat(timespec="milliseconds"), "who": who(owner), "what": what}
    if case:
        line["case"] = case if found.audit.case == "id" else case_hash(case)
    try:
        _append(workspace("audit"), json.dumps(line | about), int(found.audit.file_mb * 1e6), now)
    except OSError as error:
        raise SurvvizError(
            f"This was not done, because it could not be written into the audit log ({error.strerror}). "
            "Tell your administrator: the disk may be full or read-only."
        ) from error


def who(owner: str) -> str:
    """The e-mail address of an owner; for a browser without sign-in, a name of the browser."""
    if owner == COMMAND_LINE:
        return owner
    person = person_of_owner(owner)
    return person.email if person else f"browser {hashlib.sha256(owner.encode()).hexdigest()[:8]}"


def case_hash(case: str) -> str:
    """What stands for a case id: the same for one workspace, and not to be found by trying ids without its key."""
    return hmac.new(secret_key(), f"case\0{case}".encode(), hashlib.sha256).hexdigest()[:16]


def _append(folder: Path, line: str, most: int, now: datetime) -> None:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        current = folder / CURRENT
        if current.exists() and current.stat().st_size >= most:
            current.rename(folder / f"audit-{now:%Y%m%dT%H%M%S%f}.jsonl")
        descriptor = os.open(current, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            cut_off = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # a crash or a full disk, before
            data = (b"\n" if cut_off else b"") + (line + "\n").encode()
            if os.write(descriptor, data) < len(data):
                raise OSError(0, "only a part of the line was written")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def entries() -> Iterator[dict[str, Any]]:
    """Every line, the oldest first; one that was cut off by a crash or a full disk is given as {"damaged": text}."""
    folder = workspace("audit")
    for path in (*sorted(folder.glob("audit-*.jsonl")), folder / CURRENT):
        if path.exists():
            for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    yield json.loads(text)
                except ValueError:
                    yield {"damaged": text}
