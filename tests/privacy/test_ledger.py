"""Two ledgers: monotone, capped, kept over restarts, safe for processes at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survviz.errors import PrivacyError
from survviz.privacy.ledger import Ledger
from survviz.privacy.ledger_file import DATABASE, KEY, connect
from survviz.privacy.spec import LedgerKind, PrivacySpec


def spec(epsilon: float | None, delta: float = 0.0, ledger: LedgerKind = "session") -> PrivacySpec:
    return PrivacySpec(
        ledger=ledger,
        unit="one record",
        neighbour="any two records",
        mechanism="noise",
        epsilon=epsilon,
        delta=delta,
        composition="Alone.",
        protects="the record",
        does_not_protect=("anything else",),
        reason="" if epsilon else "Its scale depends on the record.",
    )


def view(ledger: Ledger, epsilon: float, chain: str = "c") -> float:
    return ledger.spend("patient", spec(epsilon), session="s", act="view", chain=chain).spent_epsilon


def test_a_chain_costs_its_highest_level_and_another_chain_its_own(tmp_path: Path) -> None:
    ledger = Ledger("session", folder=tmp_path / "l")
    assert [view(ledger, level) for level in (1.0, 4.0, 2.0, 4.0, 0.5)] == [1.0, 4.0, 4.0, 4.0, 4.0]
    assert view(ledger, 2.0, chain="redrawn") == 6.0
    assert [entry.epsilon for entry in ledger.entries("patient")] == [1.0, 3.0, 2.0]


def test_cap_refuses_and_writes_nothing(tmp_path: Path) -> None:
    ledger = Ledger("session", cap_epsilon=4.0, folder=tmp_path / "l")
    view(ledger, 3.0)
    with pytest.raises(PrivacyError, match="would add epsilon 2 to the 3 already spent, past the hard cap of 4"):
        view(ledger, 2.0, chain="redrawn")
    assert len(ledger.entries("patient")) == 1
    assert view(ledger, 4.0) == 4.0


def test_tenths_add_up_to_the_cap_exactly(tmp_path: Path) -> None:
    ledger = Ledger("session", cap_epsilon=0.3, cap_delta=3e-7, folder=tmp_path / "l")
    for _ in range(3):
        balance = ledger.spend("patient", spec(0.1, 1e-7), session="s", act="release")
    assert (balance.spent_epsilon, balance.left, balance.spent_delta) == (0.3, 0.0, 3e-7)
    with pytest.raises(PrivacyError, match="cap"):
        ledger.spend("patient", spec(1e-6), session="s", act="release")


def test_delta_has_a_cap_of_its_own(tmp_path: Path) -> None:
    ledger = Ledger("session", cap_delta=1e-6, folder=tmp_path / "l")
    with pytest.raises(PrivacyError, match="would add delta 1e-05"):
        ledger.spend("patient", spec(0.1, 1e-5), session="s", act="release")


def test_ledger_survives_a_restart_and_sessions_share_the_cap(tmp_path: Path) -> None:
    view(Ledger("session", folder=tmp_path / "l"), 2.0)
    again = Ledger("session", folder=tmp_path / "l")
    again.spend("patient", spec(1.0), session="t", act="view", chain="d")
    assert again.balance("patient").spent_epsilon == 3.0
    assert again.balance("patient", session="t").spent_epsilon == 1.0
    assert again.balance("somebody else").spent_epsilon == 0.0


def test_a_later_cap_cannot_be_larger(tmp_path: Path) -> None:
    view(Ledger("session", cap_epsilon=2.0, folder=tmp_path / "l"), 1.0)
    assert Ledger("session", cap_epsilon=9.0, folder=tmp_path / "l").balance("patient").cap_epsilon == 2.0
    assert Ledger("session", cap_epsilon=1.5, folder=tmp_path / "l").balance("patient").left == 0.5
    with pytest.raises(PrivacyError, match="cap of 2"):
        view(Ledger("session", cap_epsilon=9.0, folder=tmp_path / "l"), 4.0)


def test_two_ledgers_never_mix(tmp_path: Path) -> None:
    session, training = (Ledger(kind, folder=tmp_path / "l") for kind in ("session", "training"))
    session.spend("same name", spec(1.0), session="s", act="view")
    assert training.balance("same name").spent_epsilon == 0.0
    assert training.subject_key("same name") != session.subject_key("same name")
    with pytest.raises(PrivacyError, match="never mix"):
        training.spend("same name", spec(1.0), session="s", act="training")


def test_what_has_no_finite_epsilon_cannot_be_paid_for(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="no finite epsilon cannot be paid"):
        Ledger("session", folder=tmp_path / "l").spend("patient", spec(None), session="s", act="release")


@pytest.mark.parametrize(
    "act", ["UPDATE entries SET epsilon = 0", "DELETE FROM entries", "UPDATE accounts SET cap_epsilon = 1"]
)
def test_database_itself_refuses_to_forget(tmp_path: Path, act: str) -> None:
    ledger = Ledger("session", folder=tmp_path / "l")
    view(ledger, 1.0)
    with closing(connect(ledger.folder)) as database, pytest.raises(sqlite3.IntegrityError, match="append only"):
        database.execute(act)


@pytest.mark.parametrize("lost", [DATABASE, KEY])
def test_a_removed_half_is_noticed(tmp_path: Path, lost: str) -> None:
    view(Ledger("session", folder=tmp_path / "l"), 1.0)
    (tmp_path / "l" / lost).unlink()
    with pytest.raises(PrivacyError, match="nobody knows what was spent"):
        Ledger("session", folder=tmp_path / "l")


def test_an_exchanged_key_is_noticed(tmp_path: Path) -> None:
    Ledger("session", folder=tmp_path / "l")
    (tmp_path / "l" / KEY).write_bytes(bytes(32))
    with pytest.raises(PrivacyError, match="not the key"):
        Ledger("session", folder=tmp_path / "l")


def test_file_names_nobody(tmp_path: Path) -> None:
    ledger = Ledger("session", folder=tmp_path / "l")
    ledger.spend("TCGA-AB-1234", spec(1.0), session="s", act="view")
    assert all(b"TCGA-AB-1234" not in file.read_bytes() for file in (tmp_path / "l").iterdir())
    assert (tmp_path / "l").stat().st_mode & 0o077 == 0


acts = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.1, 0.25, 1.0, 3.0])), max_size=12)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_spent_is_monotone_and_the_sum_of_highest_levels(tmp_path_factory: pytest.TempPathFactory, acts: list) -> None:
    ledger = Ledger("session", cap_epsilon=4.0, folder=tmp_path_factory.mktemp("ledger") / "l")
    tops: dict[str, float] = {}
    before = 0.0
    for chain, level in acts:
        after = tops | {chain: max(level, tops.get(chain, 0.0))}
        allowed = sum(after.values()) <= 4.0 + 1e-9
        try:
            view(ledger, level, chain)
        except PrivacyError:
            assert not allowed
        else:
            assert allowed
            tops = after
        spent = ledger.balance("patient").spent_epsilon
        assert before <= spent == pytest.approx(sum(tops.values()), abs=1e-9)
        before = spent


SPENDER = """
import sys
from pathlib import Path
from survviz.errors import PrivacyError
from survviz.privacy.ledger import Ledger
from survviz.privacy.spec import PrivacySpec
spec = PrivacySpec(ledger="session", unit="u", neighbour="any two records", mechanism="m", epsilon=0.1, delta=0,
                   composition="c", protects="p", does_not_protect=("n",))
sys.stdin.readline()
ledger, paid = Ledger("session", cap_epsilon=3.0, folder=Path(sys.argv[1])), 0
for _ in range(25):
    try:
        ledger.spend("patient", spec, session=sys.argv[2], act="release")
        paid += 1
    except PrivacyError:
        pass
print(paid)
"""


def test_two_processes_at_once_never_pass_the_cap(tmp_path: Path) -> None:
    """Both make the folder, and spend 50 tenths under a cap of 30."""
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(tmp_path / "l"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for spender in spenders:
        assert spender.stdin is not None
        spender.stdin.write("go\n")
        spender.stdin.flush()
    paid = [int(spender.communicate(timeout=60)[0]) for spender in spenders]
    assert sum(paid) == 30
    balance = Ledger("session", cap_epsilon=3.0, folder=tmp_path / "l").balance("patient")
    assert (balance.spent_epsilon, balance.left) == (3.0, 0.0)
