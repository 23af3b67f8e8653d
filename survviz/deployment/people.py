"""People: whom a signed-in request names, the owner that their files belong to, and their role."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from survviz.deployment.settings import ROLES, Role, Roles
from survviz.workspace import secret_key, workspace

SCHEMA = "CREATE TABLE IF NOT EXISTS people (owner TEXT PRIMARY KEY, email TEXT NOT NULL, groups TEXT NOT NULL)"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in.

    Attributes:
        email: in small letters.
        groups: as the identity provider names them.
    """

    email: str
    groups: frozenset[str] = frozenset()


def owner_of_person(email: str) -> str:
    """The owner of a person's files: the same on every browser, and not to be guessed from the address."""
    return hmac.new(secret_key(), f"person\0{email}".encode(), hashlib.sha256).hexdigest()[:32]


def role_of_person(person: Person, roles: Roles) -> Role | None:
    """The highest role that a rule gives; None for who is refused."""
    domain = "@" + person.email.rpartition("@")[2]
    names = {person.email, domain} | {f"group:{group}" for group in person.groups}
    for role in ROLES:
        if any((rule if rule.startswith("group:") else rule.lower()) in names for rule in getattr(roles, role)):
            return role
    return None if roles.everyone_else == "refused" else roles.everyone_else


def remember(person: Person) -> str:
    """Keep who an owner is, for roles, the audit log and `survviz admin`; returns the owner."""
    owner = owner_of_person(person.email)
    if person_of_owner(owner) != person:
        with closing(sqlite3.connect(_file(), timeout=10)) as database, database:
            database.execute(SCHEMA)
            _file().chmod(0o600)
            database.execute(
                "INSERT OR REPLACE INTO people VALUES (?, ?, ?)",
                (owner, person.email, json.dumps(sorted(person.groups))),
            )
    return owner


def person_of_owner(owner: str) -> Person | None:
    """Who an owner is, as last seen; None for a browser without sign-in."""
    found = _select("WHERE owner = ?", owner)
    return found.get(owner)


def everybody() -> dict[str, Person]:
    """Owner -> person, of all who ever signed in."""
    return _select("ORDER BY email")


def forget(owner: str) -> None:
    """Remove who an owner is."""
    if _file().exists():
        with closing(sqlite3.connect(_file(), timeout=10)) as database, database:
            database.execute("DELETE FROM people WHERE owner = ?", (owner,))


def _file() -> Path:
    return workspace() / "people.sqlite"


def _select(clause: str, *values: str) -> dict[str, Person]:
    if not _file().exists():
        return {}
    with closing(sqlite3.connect(_file(), timeout=10)) as database:
        rows = database.execute(f"SELECT owner, email, groups FROM people {clause}", values).fetchall()
    return {owner: Person(email, frozenset(json.loads(groups))) for owner, email, groups in rows}
