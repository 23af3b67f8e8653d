"""Secret draws on disk, so that a reload, another tab or a restart shows the same noise and costs nothing.

A draw holds the finest release. It lies beside the ledger, for its owner only, under names that tell nobody apart.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from survviz.privacy.ledger import Ledger
from survviz.privacy.release import ReleasePlan
from survviz.privacy.session import PatientSession


def open_session(
    ledger: Ledger, subject: str, session: str, plan: ReleasePlan, record: Mapping[str, object]
) -> PatientSession:
    """The session as it was left, or a new draw where there is none under this plan.

    A changed record is not noticed, and must not be: the old draw stays until it is redrawn.

    Raises:
        PrivacyError: the record cannot be placed on the plan's lattice.
    """
    path = _path(ledger, subject, session)
    if path.exists():
        stored = PatientSession.resume(ledger, subject, session, path.read_text())
        if stored.plan == plan:
            return stored
    started = PatientSession.start(ledger, subject, session, plan, record)
    keep(started)
    return started


def keep(session: PatientSession) -> None:
    """Write the session's present draw; after each redraw."""
    path = _path(session.ledger, session.subject, session.session)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(session.secret())
    new.replace(path)


def _path(ledger: Ledger, subject: str, session: str) -> Path:
    return ledger.folder / "draws" / f"{ledger.subject_key(f'{subject}|{session}')}.json"
