"""The cookie names an owner, and only the server can make one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from survviz.server.auth import (
    cookie_name,
    new_owner,
    owner_of_header,
    secret_key,
    sign_owner,
    token_for,
    verify_owner,
)


def test_signed_owner_is_recognised() -> None:
    owner = new_owner()
    assert verify_owner(sign_owner(owner)) == owner
    assert owner_of_header(f"other=1; {cookie_name()}={sign_owner(owner)}; more=2") == owner


@pytest.mark.parametrize(
    "value", [None, "", ".", "a.b", "0" * 32, "0" * 32 + ".", "0" * 32 + "." + "0" * 64, "ä.ö", "0" * 32 + ".ö"]
)
def test_unsigned_or_malformed_value_names_nobody(value: str | None) -> None:
    assert verify_owner(value) is None


def test_every_changed_character_breaks_the_signature() -> None:
    value = sign_owner(new_owner())
    for place in range(len(value)):
        other = "0" if value[place] != "0" else "1"
        assert verify_owner(value[:place] + other + value[place + 1 :]) is None


def test_key_is_kept_and_private(survviz_home: Path) -> None:
    key = secret_key()
    file = survviz_home / "cookie.key"
    assert file.read_bytes() == key
    assert len(key) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_workspace_has_another_key_and_cookie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = cookie_name(), sign_owner(new_owner())
    monkeypatch.setenv("SURVVIZ_HOME", str(tmp_path / "other"))
    assert cookie_name() != name
    assert verify_owner(value) is None


def test_token_depends_on_owner_kind_and_subject() -> None:
    tokens = {token_for(o, k, s) for o in ("a", "b") for k in ("slide", "map") for s in ("1", "2")}
    assert len(tokens) == 8
    assert token_for("a", "slide", "1") == token_for("a", "slide", "1")
