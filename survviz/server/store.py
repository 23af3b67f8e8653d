"""What each owner may see: slides and maps by token, in SQLite, so that a reload or a restart loses nothing."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survviz.errors import SurvvizError
from survviz.workspace import disk_words, workspace

KEEP_DAYS = 30
SCHEMA = """
CREATE TABLE IF NOT EXISTS grants (
    token TEXT PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL,
    payload TEXT NOT NULL, data BLOB, used REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS grants_owner ON grants (owner, kind, used);
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing that one owner may see.

    Attributes:
        token: names it in URLs.
        owner: whose it is.
        kind: "slide", "map", "detail", "layout", "features", ...
        payload: what the server needs to answer; never sent to the browser as it is.
        data: the binary body of a map or a layout.
    """

    token: str
    owner: str
    kind: str
    payload: Mapping[str, Any]
    data: bytes | None = None


REFRESH = """
INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (token) DO UPDATE SET payload = excluded.payload, used = excluded.used
"""  # a token stands for its binary body too, so that is not written again

_local = threading.local()


def _connection() -> sqlite3.Connection:
    """One connection per thread and workspace."""
    path = workspace() / "grants.sqlite"
    connections: dict[Path, sqlite3.Connection] = _local.__dict__.setdefault("connections", {})
    if path not in connections or not path.exists():
        connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(SCHEMA)
        path.chmod(0o600)
        connections[path] = connection
    return connections[path]


def close() -> None:
    """Close this thread's connections."""
    for connection in _local.__dict__.pop("connections", {}).values():
        connection.close()


@contextmanager
def _told() -> Iterator[None]:
    """A database that cannot be written, in words.

    Raises:
        SurvvizError: the disk is full or read-only.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if words := disk_words(error):
            raise SurvvizError(words) from error
        raise


def put(grants: Iterable[Grant]) -> None:
    """Keep grants, in one transaction; an existing token is refreshed."""
    now = time.time()
    rows = [(g.token, g.owner, g.kind, json.dumps(dict(g.payload)), g.data, now) for g in grants]
    with _told(), (connection := _connection()):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(REFRESH, rows)


def get(token: str, kind: str, owner: str | None) -> Grant | None:
    """The grant, or None when there is none, it is of another kind, or it is another owner's."""
    if owner is None:
        return None
    asked = "SELECT token, owner, kind, payload, data FROM grants WHERE token = ? AND kind = ? AND owner = ?"
    with _told():
        row = _connection().execute(asked, (token, kind, owner)).fetchone()
    return Grant(row[0], row[1], row[2], json.loads(row[3]), row[4]) if row else None


def all_of(owner: str, kind: str) -> list[Grant]:
    """Every grant of a kind that an owner has, the newest first; without their binary bodies."""
    rows = _connection().execute(
        "SELECT token, payload FROM grants WHERE owner = ? AND kind = ? ORDER BY used DESC", (owner, kind)
    )
    return [Grant(token, owner, kind, json.loads(payload)) for token, payload in rows]


def forget_old(days: float = KEEP_DAYS) -> int:
    """Remove what nobody has registered for some days; returns how many."""
    connection = _connection()
    with connection:
        cursor = connection.execute("DELETE FROM grants WHERE used < ?", (time.time() - days * 86400,))
    return cursor.rowcount


def forget_owner(owner: str) -> int:
    """Remove everything that an owner may see; returns how many grants."""
    connection = _connection()
    with connection:
        return connection.execute("DELETE FROM grants WHERE owner = ?", (owner,)).rowcount
