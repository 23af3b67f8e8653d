"""A patient in a session: every view is paid for in the ledger before it is shown."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Self

from survviz.privacy.ledger import Balance, Ledger
from survviz.privacy.release import ReleasePlan, Releaser, View


class PatientSession:
    """One patient's slider: a chain of views, the ledger that it is charged to, and redrawing.

    Args:
        ledger: the session ledger; its cap is what counts before anybody starts.
        subject: who is counted, whatever the session.
        session: name of the session in the ledger.
        releaser: the present draw. The record itself is not kept.
        chain: name of the draw in the ledger.
    """

    def __init__(self, ledger: Ledger, subject: str, session: str, releaser: Releaser, chain: str) -> None:
        self.ledger, self.subject, self.session = ledger, subject, session
        self._releaser, self._chain = releaser, chain

    @classmethod
    def start(cls, ledger: Ledger, subject: str, session: str, plan: ReleasePlan, record: Mapping[str, object]) -> Self:
        """Draw a secret chain. Nothing is shown, so nothing is spent.

        Raises:
            PrivacyError: the record cannot be placed on the plan's lattice.
        """
        return cls(ledger, subject, session, Releaser.draw(plan, record), secrets.token_hex(16))

    @property
    def plan(self) -> ReleasePlan:
        return self._releaser.plan

    @property
    def balance(self) -> Balance:
        """Spent and hard cap of this patient over all sessions."""
        return self.ledger.balance(self.subject)

    @property
    def visited(self) -> float:
        """Highest position of the present draw that was paid for; up to it moving costs nothing."""
        return self._releaser.visited

    def at(self, level: float) -> View:
        """Move the slider: costs what the level lies above the highest one visited, and nothing on the way down.

        Raises:
            PrivacyError: the cap would be passed, or there is no such position. Nothing is shown.
        """
        self._pay(self._releaser, self._chain, level, "view")
        return self._releaser.at(level)

    def redraw(self, record: Mapping[str, object], level: float) -> View:
        """Fresh noise at a level: a separate act, which costs the whole level again.

        Args:
            record: entered again, because it was not kept.

        Raises:
            PrivacyError: the cap would be passed. The present draw stays.
        """
        releaser, chain = Releaser.draw(self.plan, record), secrets.token_hex(16)
        self._pay(releaser, chain, level, "redraw")
        self._releaser, self._chain = releaser, chain
        return releaser.at(level)

    def secret(self) -> str:
        """The draw as JSON, so that a reload does not cost another one. Keep it as safe as the record."""
        return json.dumps({"chain": self._chain, "draw": self._releaser.secret()})

    @classmethod
    def resume(cls, ledger: Ledger, subject: str, session: str, secret: str) -> Self:
        """The session that `secret` has written; the ledger still knows what was visited."""
        stored = json.loads(secret)
        return cls(ledger, subject, session, Releaser.from_secret(stored["draw"]), stored["chain"])

    def _pay(self, releaser: Releaser, chain: str, level: float, act: str) -> None:
        spec = releaser.plan.spec(level)
        self.ledger.spend(
            self.subject, spec, session=self.session, act=act, chain=chain, commitment=releaser.commitment
        )
