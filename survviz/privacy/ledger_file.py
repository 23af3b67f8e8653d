"""The folder of the ledgers: a SQLite database that only ever grows, and beside it the key of its hashes."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from survviz.errors import PrivacyError
from survviz.workspace import disk_words

DATABASE = "entries.sqlite"
KEY = "subjects.key"
WAIT_SECONDS = 30.0

SCHEMA = """
CREATE TABLE key (digest TEXT NOT NULL) STRICT;
CREATE TABLE accounts (
    ledger TEXT NOT NULL, subject TEXT NOT NULL, cap_epsilon INTEGER NOT NULL, cap_delta INTEGER NOT NULL,
    opened REAL NOT NULL, PRIMARY KEY (ledger, subject)
) STRICT;
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, ledger TEXT NOT NULL, subject TEXT NOT NULL, session TEXT NOT NULL,
    act TEXT NOT NULL, chain TEXT NOT NULL, level INTEGER NOT NULL CHECK (level > 0),
    epsilon INTEGER NOT NULL CHECK (epsilon >= 0), delta INTEGER NOT NULL CHECK (delta >= 0),
    unit TEXT NOT NULL, neighbour TEXT NOT NULL, mechanism TEXT NOT NULL, composition TEXT NOT NULL,
    commitment TEXT NOT NULL, time REAL NOT NULL, FOREIGN KEY (ledger, subject) REFERENCES accounts
) STRICT;
CREATE INDEX entries_of ON entries (ledger, subject, chain);
"""
APPEND_ONLY = """
CREATE TRIGGER {table}_{act} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""


def open_folder(folder: Path) -> bytes:
    """The key of a ledger, which is made if the folder does not exist. Processes that start together get the same one.

    Raises:
        PrivacyError: the database or the key was removed or exchanged: what was spent could no longer be known.
    """
    if not folder.exists():
        _make(folder)
    database_path, key_path = folder / DATABASE, folder / KEY
    for lost, kept in ((database_path, key_path), (key_path, database_path)):
        if not lost.exists():
            raise PrivacyError(
                f"{folder} holds {kept.name} but not {lost.name}, so nobody knows what was spent. Put it back; "
                "or, to forget all that was spent, remove the folder."
            )
    key = key_path.read_bytes()
    try:
        with closing(connect(folder)) as database:
            digest = database.execute("SELECT digest FROM key").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        _raise_of_disk(error)
        raise PrivacyError(
            f"{DATABASE} in {folder} cannot be read ({error}), so nobody knows what was spent. Put a backup back, or "
            "try again when no other program uses it. Nothing was revealed."
        ) from error
    if digest != (hashlib.sha256(key).hexdigest(),):
        raise PrivacyError(f"{KEY} in {folder} is not the key that {DATABASE} was made with. Put the right one back.")
    return key


def connect(folder: Path) -> sqlite3.Connection:
    """A connection that waits for other writers, and writes to disk before it returns."""
    database = sqlite3.connect(folder / DATABASE, timeout=WAIT_SECONDS, isolation_level=None)
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("PRAGMA synchronous = FULL")  # a power cut must not forget what was revealed
    return database


@contextmanager
def writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """A transaction that no other process is in; undone on any error."""
    try:
        with closing(connect(folder)) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                if database.in_transaction:  # SQLite has undone it itself where the disk was full
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
    except sqlite3.OperationalError as error:
        _raise_of_disk(error)
        raise


def _raise_of_disk(error: Exception) -> None:
    """In words, where an error comes from a disk that takes nothing."""
    if words := disk_words(error):
        raise PrivacyError(
            f"The ledger could not be written, so nothing was spent and nothing revealed. {words}"
        ) from error


def _make(folder: Path) -> None:
    """Database and key under another name, which then becomes the folder, unless another process was first."""
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # for its owner only
    key = secrets.token_bytes(32)
    (new / KEY).write_bytes(key)
    tables, acts = ("key", "accounts", "entries"), ("UPDATE", "DELETE")
    with closing(connect(new)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(SCHEMA + "".join(APPEND_ONLY.format(table=t, act=a) for t in tables for a in acts))
        database.execute("INSERT INTO key VALUES (?)", (hashlib.sha256(key).hexdigest(),))
    try:
        new.rename(folder)
    except OSError:
        shutil.rmtree(new)
        if not folder.is_dir():
            raise
