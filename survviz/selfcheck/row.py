"""One finding of the self-check, and all of them as a document for an administrator."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from survviz import __version__

State: TypeAlias = Literal["ok", "warn", "fail"]
STATES: tuple[State, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Row:
    """One finding.

    Attributes:
        group: what it belongs to.
        name: what was looked at.
        found: what is there, in words and numbers.
        todo: what to do; "" where it is ok.
    """

    group: str
    name: str
    state: State
    found: str
    todo: str = ""


def worst(rows: Sequence[Row]) -> State:
    """The state of the whole: as bad as its worst row."""
    return STATES[max((STATES.index(row.state) for row in rows), default=0)]


def as_json(rows: Sequence[Row], now: float) -> dict[str, Any]:
    """A document: version, time (UTC), state, rows."""
    time = datetime.datetime.fromtimestamp(now, datetime.UTC).isoformat(timespec="seconds")
    return {"survviz": __version__, "time": time, "state": worst(rows), "rows": [asdict(row) for row in rows]}


def as_text(rows: Sequence[Row], now: float) -> str:
    """The same as lines."""
    document = as_json(rows, now)
    lines = [f"survviz {__version__}, self-check of {document['time']}: {document['state']}"]
    for group in dict.fromkeys(row.group for row in rows):
        lines += ["", group]
        for row in (one for one in rows if one.group == group):
            lines.append(f"  {row.state:4}  {row.name}: {row.found}{f' -> {row.todo}' if row.todo else ''}")
    return "\n".join(lines) + "\n"
