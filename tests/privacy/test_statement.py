"""The privacy statement of a checkpoint: both guarantees whole, apart, and what neither covers."""

from __future__ import annotations

from survviz.privacy.accountant import Training
from survviz.privacy.release import risk_plan
from survviz.privacy.statement import statement

PLAN = risk_plan("risk", 0, 1)


def test_each_guarantee_has_unit_neighbours_attacker_bound_and_odds() -> None:
    text = statement("model", Training(4.0, 0.05, 100).spec(1e-5, patients=2000), plan=PLAN)
    for title in ("Unit", "Neighbours", "Attacker", "Mechanism", "Bound", "Composition", "Does not protect", "In odds"):
        assert text.count(f"- {title}: ") == 2
    trained, entered = text.split("## The patient entered now")
    assert "add or remove one" in trained
    assert "delta = 1e-05" in trained
    assert "any two records" in entered
    assert "**epsilon = 8**" in entered


def test_epsilons_are_never_added() -> None:
    text = statement("model", Training(4.0, 0.05, 100).spec(1e-5, patients=2000), plan=PLAN)
    assert "kept in two ledgers and never summed" in text


def test_a_model_without_a_guarantee_says_so_first() -> None:
    text = statement("model", None)
    assert "**no finite epsilon** holds for its training patients" in text
    assert "nothing protects the record" in text
    assert "No attack was run" in text


def test_attacks_stand_with_the_line_that_they_prove_nothing() -> None:
    text = statement("model", None, audits=("AUC 0.51; positive control 0.99.",))
    assert "- AUC 0.51; positive control 0.99." in text
    assert "never prove one" in text


def test_public_data_are_named_as_unprotected() -> None:
    assert "TCGA are public" in statement("model", None)
