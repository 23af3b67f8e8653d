"""Names belong to cases by a rule that is stated, and never by position."""

from __future__ import annotations

import pytest

from survviz.intake.matching import match_names

TCGA = ["TCGA-AA-0001", "TCGA-AA-0002", "TCGA-AA-0003"]


@pytest.mark.parametrize(
    ("names", "cases", "rule", "owners"),
    [
        (["P2", "P1"], ["P1", "P2"], "exact", {"P2": "P2", "P1": "P1"}),
        (["TCGA-AA-0002-01A-11R-A085-13"], TCGA, "barcode", {"TCGA-AA-0002-01A-11R-A085-13": "TCGA-AA-0002"}),
        (["tcga.aa.0003.01"], TCGA, "barcode", {"tcga.aa.0003.01": "TCGA-AA-0003"}),
        (["P1_slide2", "P10_a"], ["P1", "P10"], "prefix", {"P1_slide2": "P1", "P10_a": "P10"}),
        (["p 1", "P_2"], ["P-1", "P-2"], "spelling", {"p 1": "P-1", "P_2": "P-2"}),
        (["7", "12.0"], ["007", "012"], "leading zeros", {"7": "007", "12.0": "012"}),
    ],
)
def test_the_first_rule_that_fits_is_taken(
    names: list[str], cases: list[str], rule: str, owners: dict[str, str]
) -> None:
    match = match_names("a.csv", names, cases)
    assert (match.rule, match.owners) == (rule, owners)


def test_names_that_stay_alone_are_listed_on_both_sides() -> None:
    match = match_names("a.csv", ["P1", "X9"], ["P1", "P2"])
    assert (match.alone, match.without) == (("X9",), ("P2",))
    assert match.words.startswith("a.csv: 1 of 2 names belong to 1 case (the names are the case ids)")


def test_cases_that_become_alike_match_nothing() -> None:
    match = match_names("a.csv", ["p1"], ["P1", "P-1", "p-1"], "spelling")
    assert match.owners == {"p1": "P1"}
    assert match_names("a.csv", ["p_1"], ["P-1", "p-1"], "spelling").owners == {}


def test_a_rule_that_a_person_chose_is_kept() -> None:
    assert match_names("a.csv", ["P1-a"], ["P1"], "exact").owners == {}
