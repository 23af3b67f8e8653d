"""Roles: the highest that fits counts, and what a role may not do is refused and written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from survviz.deployment import Person, allow, may, owner_of_person, person_of_owner, remember, role_of
from survviz.deployment.audit import entries
from survviz.deployment.people import role_of_person
from survviz.deployment.settings import Roles
from survviz.errors import AccessError

Write = Callable[[str], Path]
SETTINGS = """
[sign_in]
by = "header"
proxies = ["127.0.0.1", "::1"]
[roles]
admin = ["Ann@clinic.org", "group:Admins"]
researcher = ["group:oncology"]
viewer = ["@clinic.org"]
"""
ROLES = Roles(admin=("Ann@clinic.org", "group:Admins"), researcher=("group:oncology",), viewer=("@clinic.org",))


@pytest.mark.parametrize(
    ("email", "groups", "role"),
    [
        ("ann@clinic.org", (), "admin"),
        ("bob@clinic.org", (), "viewer"),
        ("bob@clinic.org", ("oncology",), "researcher"),
        ("bob@clinic.org", ("oncology", "Admins"), "admin"),
        ("bob@clinic.org", ("admins",), "viewer"),
        ("eve@evil.org", (), None),
        ("eve@notclinic.org", (), None),
        ("eve@clinic.org.evil.org", (), None),
        ("clinic.org@evil.org", (), None),
    ],
)
def test_the_highest_role_that_a_rule_gives_counts(email: str, groups: tuple[str, ...], role: str | None) -> None:
    assert role_of_person(Person(email, frozenset(groups)), ROLES) == role


def test_without_settings_everybody_may_do_everything() -> None:
    allow("any", "delete")
    assert role_of("any") == "admin"
    assert list(entries()) == []


def test_a_refusal_is_raised_and_written_down(write_settings: Write) -> None:
    write_settings(SETTINGS)
    bob = remember(Person("bob@clinic.org"))
    allow(bob, "open")
    with pytest.raises(AccessError, match=r"Your role \(viewer\) may not upload files; admin and researcher may"):
        allow(bob, "upload")
    (entry,) = entries()
    assert entry | {"time": ""} == {"time": "", "who": "bob@clinic.org", "what": "refused", "deed": "upload"}


def test_an_unknown_owner_may_nothing_where_people_sign_in(write_settings: Write) -> None:
    write_settings(SETTINGS)
    assert not may("0" * 32, "open")
    assert not may("", "open")


def test_groups_count_as_last_seen(write_settings: Write) -> None:
    write_settings(SETTINGS)
    for groups, able in (((), False), (("oncology",), True), ((), False)):
        owner = remember(Person("bob@clinic.org", frozenset(groups)))
        assert may(owner, "train") == able


def test_rights_can_be_given_otherwise(write_settings: Write) -> None:
    write_settings(SETTINGS + '[rights]\nviewer = ["open", "upload"]\n')
    bob = remember(Person("bob@clinic.org"))
    assert may(bob, "upload")
    assert not may(bob, "compute")


def test_an_owner_does_not_tell_the_address_but_is_found_again() -> None:
    owner = remember(Person("ann@clinic.org", frozenset({"a"})))
    assert owner == owner_of_person("ann@clinic.org") != owner_of_person("bob@clinic.org")
    assert len(owner) == 32
    assert "ann" not in owner
    assert person_of_owner(owner) == Person("ann@clinic.org", frozenset({"a"}))
