"""A draw on disk: the same noise after a reload, for its owner only."""

from __future__ import annotations

from pathlib import Path

from survviz.privacy.draws import keep, open_session
from survviz.privacy.ledger import Ledger
from survviz.privacy.release import ReleasePlan


def test_a_reload_shows_the_same_noise_and_costs_nothing(
    tmp_path: Path, plan: ReleasePlan, record: dict[str, object]
) -> None:
    ledger = Ledger("session", folder=tmp_path / "l")
    first = open_session(ledger, "patient", "tab", plan, record).at(2.0)
    again = open_session(Ledger("session", folder=tmp_path / "l"), "patient", "tab", plan, record | {"age": 33.0})
    assert again.at(2.0) == first
    assert again.balance.spent_epsilon == 2.0
    redrawn = again.redraw(record, 1.0)
    keep(again)
    assert open_session(ledger, "patient", "tab", plan, record).at(1.0) == redrawn
    assert ledger.balance("patient").spent_epsilon == 3.0


def test_another_session_or_plan_is_another_draw(tmp_path: Path, plan: ReleasePlan, record: dict[str, object]) -> None:
    ledger = Ledger("session", folder=tmp_path / "l")
    open_session(ledger, "patient", "tab", plan, record).at(1.0)
    open_session(ledger, "patient", "another tab", plan, record).at(1.0)
    wider = plan.model_copy(update={"levels": (1.0, 5.0)})
    open_session(ledger, "patient", "tab", wider, record).at(1.0)
    assert ledger.balance("patient").spent_epsilon == 3.0


def test_draws_are_for_their_owner_only_and_name_nobody(
    tmp_path: Path, plan: ReleasePlan, record: dict[str, object]
) -> None:
    open_session(Ledger("session", folder=tmp_path / "l"), "TCGA-AB-1234", "tab", plan, record)
    (file,) = (tmp_path / "l" / "draws").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert "TCGA-AB-1234" not in file.name + file.read_text()
