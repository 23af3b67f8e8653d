"""Settings: none is as before, a wrong one says where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from survviz.deployment import settings
from survviz.errors import InputError

Write = Callable[[str], Path]
HEADER = '[sign_in]\nby = "header"\nproxies = ["127.0.0.1", "::1"]\n'


def test_without_a_file_there_are_no_settings() -> None:
    assert settings() is None


def test_an_empty_file_lets_nobody_sign_in_and_writes_the_audit_log(write_settings: Write) -> None:
    write_settings("")
    found = settings()
    assert found is not None
    assert found.sign_in.by == "nobody"
    assert found.audit.enabled


def test_a_changed_file_counts_at_once(write_settings: Write) -> None:
    write_settings("[limits]\njobs = 2\n")
    assert settings().limits.jobs == 2  # type: ignore[union-attr]
    write_settings("[limits]\njobs = 3\n")
    assert settings().limits.jobs == 3  # type: ignore[union-attr]


def test_a_named_file_that_is_missing_is_no_licence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SURVVIZ_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(InputError, match=r"gone\.toml, which does not exist"):
        settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sign_in\n", r"config\.toml cannot be read as TOML: .*line 1"),
        ("[limits]\njbos = 1\n", r"limits\.jbos: there is no such setting"),
        ("[limits]\njobs = 0\n", r"limits\.jobs: .*greater than or equal to 1 \(given: 0\)"),
        ('[sign_in]\nby = "magic"\n', r"sign_in\.by: .*'nobody', 'oidc' or 'header'"),
        ('[sign_in]\nby = "header"\n', r"sign_in: .*needs proxies"),
        ('[sign_in]\nby = "header"\nproxies = ["0.0.0.0/0"]\n', r"every address"),
        ('[sign_in]\nby = "header"\nproxies = ["proxy"]\n', r"sign_in\.proxies\.0: .*given: 'proxy'"),
        (HEADER, r"nobody could use the app"),
        (HEADER + '[roles]\nadmin = ["ann"]\n', r"roles\.admin: 'ann' is no \"name@domain\""),
        (HEADER + '[roles]\nadmin = ["group:"]\n', r"roles\.admin"),
        ('[roles]\nadmin = ["a@b.org"]\n', r"roles are given, but nobody signs in"),
        ('[rights]\nviewer = ["fly"]\n', r"rights\.viewer"),
    ],
    ids=lambda value: None,
)
def test_what_is_wrong_is_said_with_its_place(write_settings: Write, text: str, words: str) -> None:
    write_settings(text)
    with pytest.raises(InputError, match=words):
        settings()


def test_proxies_must_hold_those_whose_forwarded_addresses_the_server_takes(
    write_settings: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings('[sign_in]\nby = "header"\nproxies = ["10.0.0.5"]\n[roles]\neveryone_else = "viewer"\n')
    with pytest.raises(InputError, match=r"proxies must hold 127\.0\.0\.1, or start the app with FORWARDED_ALLOW_IPS"):
        settings()
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.5")
    assert settings() is not None
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with pytest.raises(InputError, match=r"proxies must hold \*"):
        settings()
