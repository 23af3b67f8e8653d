"""Patients of the training cohort are recognised under every spelling of their name, and nobody else is."""

from __future__ import annotations

from survviz.checkpoint.membership import IN_EVERY_FOLD, Membership
from survviz.intake.overlap import overlap, overlap_finding

MEMBERS = Membership.of({"TCGA-A1-A001": 0, "TCGA-A1-A002": 3, "P1": IN_EVERY_FOLD})


def test_a_sample_a_lower_case_id_and_a_blank_do_not_hide_a_patient() -> None:
    found = overlap(["TCGA-A1-A001-01A", "tcga-a1-a002 ", "p1", "P1", "TCGA-A1-A009"], "demo", MEMBERS)
    assert found.out_of_fold == ("TCGA-A1-A001-01A", "tcga-a1-a002 ")
    assert set(found.in_every_fold) == {"P1", "p1"}
    assert not found.may_be_called_validation
    assert "4 of 5 patients" in found.words
    assert "no validation" in found.words


def test_strangers_may_be_called_validation() -> None:
    found = overlap(["A", "B", "A"], "demo", MEMBERS)
    assert found.may_be_called_validation
    assert found.n_cases == 2
    assert overlap_finding(found, "clinical.csv") is None


def test_the_finding_names_all_patients_and_offers_no_fix() -> None:
    finding = overlap_finding(overlap(["P1", "P2"], "demo", MEMBERS), "clinical.csv")
    assert finding is not None
    assert (finding.code, finding.severity, finding.rows, finding.fixes) == ("training-overlap", "warning", ("P1",), ())
