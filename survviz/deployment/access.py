"""What an owner may do. Asked where the deed is done, so that a hidden button is never the only lock."""

from __future__ import annotations

from survviz.deployment.audit import record
from survviz.deployment.people import person_of_owner, role_of_person
from survviz.deployment.settings import ROLES, Deed, Role, settings
from survviz.errors import AccessError

WORDS: dict[Deed, str] = {
    "open": "open anything here",
    "export": "export files",
    "compute": "start computations",
    "upload": "upload files",
    "train": "train models",
    "delete": "delete",
    "metrics": "read the metrics",
}


def role_of(owner: str) -> Role | None:
    """The owner's role: "admin" where nobody has to sign in; None for who is unknown or refused."""
    found = settings()
    if found is None or found.sign_in.by == "nobody":
        return "admin"
    person = person_of_owner(owner)
    return None if person is None else role_of_person(person, found.roles)


def may(owner: str, deed: Deed) -> bool:
    """Whether the owner's role has this right."""
    found = settings()
    if found is None:
        return True
    role = role_of(owner)
    return role is not None and deed in getattr(found.rights, role)


def allow(owner: str, deed: Deed) -> None:
    """Go on only if the owner may; a refusal is written into the audit log.

    Raises:
        AccessError: they may not.
    """
    if may(owner, deed):
        return
    record(owner, "refused", deed=str(deed))
    found, role = settings(), role_of(owner)
    able = [name for name in ROLES if found and deed in getattr(found.rights, name)]
    words = [", ".join(able[:-1]), able[-1]] if len(able) > 1 else able
    raise AccessError(
        f"Your role ({role or 'none'}) may not {WORDS[deed]}; "
        f"{' and '.join(words) or 'no role'} may. Ask your administrator for another role."
    )
