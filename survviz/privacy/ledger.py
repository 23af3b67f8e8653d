"""What every person's privacy has cost so far, kept for good: two ledgers that are never added together.

`training` counts what the building of models took from the patients they were trained on; `session` what was released
of a patient entered now. Rows are only ever appended (the database itself refuses anything else), every row is written
before what it pays for is revealed, and a row that would pass the cap is not written and nothing is revealed. Epsilon
is counted in whole millionths, rounded up, so no sum is ever below the truth.

Subjects are keyed hashes: the file names nobody, and without its key nobody can be looked up in it.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from survviz.errors import PrivacyError
from survviz.privacy.ledger_file import connect, open_folder, writing
from survviz.privacy.spec import LedgerKind, PrivacySpec
from survviz.workspace import workspace

MILLIONTHS = 1_000_000
DELTA_UNITS = 10**15
COLUMNS = (
    "number, session, act, chain, level, epsilon, delta, unit, neighbour, mechanism, composition, commitment, time"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: what was taken, from whom (a hash), by which guarantee.

    Attributes:
        act: "draw", "view", "redraw", "release" or "training".
        chain: which draw; views of one chain cost the highest level among them.
        level: epsilon of the view itself.
        epsilon: what this row added.
        commitment: hash of the secret chain.
    """

    number: int
    session: str
    act: str
    chain: str
    level: float
    epsilon: float
    delta: float
    unit: str
    neighbour: str
    mechanism: str
    composition: str
    commitment: str
    time: float


@dataclass(frozen=True, slots=True)
class Balance:
    """What one subject has spent on one ledger, and the most that it may."""

    ledger: LedgerKind
    spent_epsilon: float
    spent_delta: float
    cap_epsilon: float
    cap_delta: float

    @property
    def left(self) -> float:
        return round(self.cap_epsilon - self.spent_epsilon, 6)


class Ledger:
    """One of the two ledgers. Safe for several processes at once, and over restarts.

    Args:
        kind: whose privacy it counts.
        cap_epsilon, cap_delta: hard cap per subject; fixed for a subject by its first row.
        folder: of the database and its key; by default in the workspace.
    """

    def __init__(
        self, kind: LedgerKind, *, cap_epsilon: float = 8.0, cap_delta: float = 1e-5, folder: Path | None = None
    ) -> None:
        if kind not in ("training", "session"):
            raise PrivacyError(f"There is no ledger {kind!r}; there are training and session.")
        if not (0 < cap_epsilon < 1e6 and 0 <= cap_delta < 1):
            raise PrivacyError(f"A cap of epsilon {cap_epsilon} and delta {cap_delta} was given; that caps nothing.")
        self.kind: LedgerKind = kind
        self.folder = folder or workspace("privacy") / "ledger"
        self._cap = (_down(cap_epsilon, MILLIONTHS), _down(cap_delta, DELTA_UNITS))
        self._key = open_folder(self.folder)

    def subject_key(self, subject: str) -> str:
        """Keyed hash of whoever is counted (a patient's id, a training cohort's digest)."""
        return hmac.new(self._key, f"{self.kind}|{subject}".encode(), hashlib.sha256).hexdigest()

    def spend(
        self, subject: str, spec: PrivacySpec, *, session: str, act: str, chain: str = "", commitment: str = ""
    ) -> Balance:
        """Pay for something before it is revealed.

        Args:
            spec: its guarantee. Rows of one `chain` cost the largest epsilon among them; without a chain they add up.

        Raises:
            PrivacyError: the cap would be passed, or the guarantee is of the other ledger, or none. Nothing is written.
        """
        level, delta = self._price(spec, chain)
        key = self.subject_key(subject)
        with writing(self.folder) as database:
            cap = self._open_account(database, key)
            cost = max(0, level - self._top(database, key, chain)) if chain else level
            spent = self._spent(database, key)
            after = (spent[0] + cost, spent[1] + delta)
            if after[0] > cap[0] or after[1] > cap[1]:
                raise PrivacyError(_refusal(spec, spent, after, cap))
            if cost or delta:
                guarantee = (spec.unit, spec.neighbour, spec.mechanism, spec.composition)
                database.execute(
                    f"INSERT INTO entries VALUES (NULL{', ?' * 14})",
                    (self.kind, key, session, act, chain, level, cost, delta, *guarantee, commitment, time.time()),
                )
        return self._balance(after, cap)

    def balance(self, subject: str, *, session: str | None = None) -> Balance:
        """Spent and cap of a subject, in all or in one session (the cap always counts all sessions)."""
        key = self.subject_key(subject)
        with closing(connect(self.folder)) as database:
            return self._balance(self._spent(database, key, session), self._cap_of(database, key) or self._cap)

    def entries(self, subject: str) -> list[Entry]:
        """All rows of a subject, oldest first."""
        asked = f"SELECT {COLUMNS} FROM entries WHERE ledger = ? AND subject = ? ORDER BY number"
        with closing(connect(self.folder)) as database:
            rows = database.execute(asked, (self.kind, self.subject_key(subject))).fetchall()
        return [
            Entry(number, session, act, chain, level / MILLIONTHS, epsilon / MILLIONTHS, delta / DELTA_UNITS, *rest)
            for number, session, act, chain, level, epsilon, delta, *rest in rows
        ]

    def _price(self, spec: PrivacySpec, chain: str) -> tuple[int, int]:
        if spec.ledger != self.kind:
            raise PrivacyError(
                f"A guarantee of the {spec.ledger} ledger was given to the {self.kind} one; they never mix."
            )
        if spec.epsilon is None:
            raise PrivacyError(f"{spec.mechanism}: {spec.reason} What has no finite epsilon cannot be paid for.")
        if chain and spec.delta:
            raise PrivacyError("Only pure guarantees (delta 0) form a chain; anything else is paid for each time.")
        return _up(spec.epsilon, MILLIONTHS), _up(spec.delta, DELTA_UNITS)

    def _top(self, database: sqlite3.Connection, key: str, chain: str) -> int:
        """Highest level of a chain that was paid for."""
        asked = "SELECT coalesce(max(level), 0) FROM entries WHERE ledger = ? AND subject = ? AND chain = ?"
        return database.execute(asked, (self.kind, key, chain)).fetchone()[0]

    def _open_account(self, database: sqlite3.Connection, key: str) -> tuple[int, int]:
        """The subject's cap, written down with its first row."""
        if (cap := self._cap_of(database, key)) is not None:
            return cap
        database.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", (self.kind, key, *self._cap, time.time()))
        return self._cap

    def _cap_of(self, database: sqlite3.Connection, key: str) -> tuple[int, int] | None:
        """The cap of the first row for ever, or a smaller one that is asked for now; None before the first row."""
        asked = "SELECT cap_epsilon, cap_delta FROM accounts WHERE ledger = ? AND subject = ?"
        cap = database.execute(asked, (self.kind, key)).fetchone()
        return cap and (min(cap[0], self._cap[0]), min(cap[1], self._cap[1]))

    def _spent(self, database: sqlite3.Connection, key: str, session: str | None = None) -> tuple[int, int]:
        asked = (
            "SELECT coalesce(sum(epsilon), 0), coalesce(sum(delta), 0) FROM entries WHERE ledger = ? AND subject = ?"
        )
        return database.execute(
            asked + ("" if session is None else " AND session = ?"),
            (self.kind, key) if session is None else (self.kind, key, session),
        ).fetchone()

    def _balance(self, spent: tuple[int, int], cap: tuple[int, int]) -> Balance:
        return Balance(
            self.kind, spent[0] / MILLIONTHS, spent[1] / DELTA_UNITS, cap[0] / MILLIONTHS, cap[1] / DELTA_UNITS
        )


def _up(value: float, units: int) -> int:
    return math.ceil(Fraction(repr(float(value))) * units)  # as it is written: 0.3 is three tenths


def _down(value: float, units: int) -> int:
    return math.floor(Fraction(repr(float(value))) * units)


def _refusal(spec: PrivacySpec, spent: tuple[int, int], after: tuple[int, int], cap: tuple[int, int]) -> str:
    if after[0] > cap[0]:
        shown = [value / MILLIONTHS for value in (after[0] - spent[0], spent[0], cap[0])]
    else:
        shown = [value / DELTA_UNITS for value in (after[1] - spent[1], spent[1], cap[1])]
    name = "epsilon" if after[0] > cap[0] else "delta"
    return (
        f"Refused: {spec.bound} would add {name} {shown[0]:g} to the {shown[1]:g} already spent, past the hard cap of "
        f"{shown[2]:g}. Nothing was released."
    )
