"""How one installation is run for many people: its settings, who they are, what they may do, what is written down."""

from survviz.deployment.access import allow, may, role_of
from survviz.deployment.audit import record
from survviz.deployment.people import Person, owner_of_person, person_of_owner, remember
from survviz.deployment.settings import Settings, settings

__all__ = [
    "Person",
    "Settings",
    "allow",
    "may",
    "owner_of_person",
    "person_of_owner",
    "record",
    "remember",
    "role_of",
    "settings",
]
