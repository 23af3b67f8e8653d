"""The line of jobs that wait for a place: first come, first served, and a waiting job that dies leaves it."""

from __future__ import annotations

import fcntl
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from survviz.workspace import workspace


@dataclass(frozen=True, slots=True)
class Turn:
    """A place in the line: a file that its job keeps locked for as long as it waits."""

    ticket: Path

    def before(self) -> int:
        """How many wait before this one."""
        others = [path for path in self.ticket.parent.glob("*.ticket") if path.name < self.ticket.name]
        return sum(map(_still_waits, others))


@contextmanager
def waiting_line(row: str) -> Iterator[Turn]:
    """Stand at the end of a row's line while the `with` block lasts."""
    folder = workspace("jobs", f"{row}.line")
    ticket = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.ticket"
    drawn = ticket.with_suffix(".drawn")  # becomes a ticket once it is locked
    with drawn.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        drawn.rename(ticket)
        try:
            yield Turn(ticket)
        finally:
            ticket.unlink(missing_ok=True)


def waiting(row: str) -> int:
    """How many wait in a row's line."""
    return sum(map(_still_waits, workspace("jobs", f"{row}.line").glob("*.ticket")))


def _still_waits(ticket: Path) -> bool:
    try:
        with ticket.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    ticket.unlink(missing_ok=True)  # its job has died
    return False
