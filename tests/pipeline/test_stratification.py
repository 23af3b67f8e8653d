"""A scored cohort in groups: who is in which, who is in none and why, when p-values are hidden, what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, kaplan_meier, logrank
from survviz.pipeline.cohort.patient_groups import GroupKind, clinical_columns
from survviz.pipeline.cohort.results import CohortResults
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify, ticks_until
from survviz.pipeline.cohort.stratification_words import (
    curve_table,
    group_table,
    headline,
    member_table,
    methods,
    pair_table,
    risk_counts,
)
from tests.pipeline.scored_cohorts import scored_cohort

KINDS: list[GroupKind] = ["trained cut-off", "trained tertiles", "median", "tertiles", "quartiles", "best cut-off"]


@pytest.fixture(scope="module")
def results() -> CohortResults:
    return scored_cohort(240)


def asked(**choice: object) -> StratifyPlan:
    return StratifyPlan.model_validate(choice)


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_is_in_one_group_by_risk(results: CohortResults, kind: GroupKind) -> None:
    found = stratify(results, asked(groups=kind))
    members = [case for group in found.groups for case in group.cases]
    assert sorted(members) == sorted(results.table.index)
    highest = [results.table.loc[list(one.cases), "risk"].max() for one in found.groups]
    lowest = [results.table.loc[list(one.cases), "risk"].min() for one in found.groups]
    assert all(below < above for below, above in zip(highest, lowest[1:], strict=False))


def test_default_is_the_cutoff_of_the_checkpoint_not_of_these_patients(results: CohortResults) -> None:
    moved = replace(results, document={**results.document, "cutoff": 0.7})
    found = stratify(moved, asked())
    assert set(found.groups[1].cases) == set(results.table.index[results.table["risk"] > 0.7])
    assert "frozen in the checkpoint (0.7" in found.words


def test_numbers_are_those_of_the_groups_alone(results: CohortResults) -> None:
    found = stratify(results, asked(groups="median"))
    high = found.groups[1]
    outcome = results.outcomes["OS"].loc[list(high.cases)]
    curve = kaplan_meier(outcome["time"], outcome["event"])
    np.testing.assert_array_equal(high.curve.survival, curve.survival)
    tested = logrank(*(results.outcomes["OS"][name] for name in ("time", "event")),
                     results.table["risk"] > results.table["risk"].median())  # fmt: skip
    assert found.p_value == pytest.approx(tested.p_value)
    assert high.hazard_ratio is not None
    assert high.hazard_ratio[1] > 1
    assert high.gained is not None
    assert high.gained.high < 0


def test_small_groups_hide_every_p_with_the_reason(results: CohortResults) -> None:
    top = float(results.table["risk"].nlargest(9).min())
    found = stratify(results, asked(groups="own cut-off", cutoff=top))
    assert (found.p_value, found.logrank, found.proportional_p) == (None, None, None)
    assert found.groups[1].n == 8
    assert found.groups[1].hazard_ratio is None
    assert "High risk has 8 patients" in found.hidden
    assert headline(found) == ""
    assert "hidden" in group_table(found)["Hazard ratio"].tolist()
    assert "No p-value is given" in methods(found)


def test_best_cutoff_shows_the_corrected_p_only(results: CohortResults) -> None:
    null = scored_cohort(150, 3, effect=0.0)
    found = stratify(null, asked(groups="best cut-off"))
    assert found.best is not None
    assert found.p_value == found.best.p_value
    assert found.logrank is not None
    assert found.p_value > 3 * found.logrank.p_value
    assert "corrected for the choice" in headline(found)
    assert any("optimistic" in words for words in found.notices)
    assert "permutations" in methods(found)
    with pytest.raises(InputError, match="not offered with late entry"):
        stratify(results, asked(groups="best cut-off", entry_column="biopsy_days", entry_unit="days"))


def test_clinical_groups_keep_one_spelling_and_list_who_has_none(results: CohortResults) -> None:
    found = stratify(results, asked(groups="clinical", column="Stage"))
    assert [one.name for one in found.groups] == ["Stage I", "Stage II", "Stage III", "Stage IV"]
    unknown = results.clinical.index[results.clinical["Stage"].isna()]
    assert set(found.left_out) == set(unknown)
    assert set(found.left_out.values()) == {"Stage is not recorded."}
    assert len(found.pairs) == 6
    assert (pair_table(found)["Groups"] == [f"{one.first} – {one.second}" for one in found.pairs]).all()
    assert "checkpoint" not in methods(found)


def test_a_clinical_number_is_cut_at_its_median_here(results: CohortResults) -> None:
    found = stratify(results, asked(groups="clinical", column="Age"))
    middle = results.clinical["Age"].astype(float).median()
    assert [one.name for one in found.groups] == [f"Age ≤ {middle:g}", f"Age > {middle:g}"]
    assert results.clinical.loc[list(found.groups[0].cases), "Age"].max() <= middle


def test_rare_values_go_together_and_are_counted() -> None:
    results = scored_cohort(200)
    clinic = pd.Series([f"clinic {number % 20 // 2 * (number % 3 > 0)}" for number in range(200)], dtype=object)
    results = replace(results, clinical=results.clinical.assign(clinic=clinic.to_numpy()))
    found = stratify(results, asked(groups="clinical", column="clinic"))
    assert len(found.groups) == 8
    assert found.groups[-1].name == "other"
    assert "rarest values" in found.words
    assert "clinic" in clinical_columns(results)


# ---- from when on


def test_landmark_compares_who_is_there_from_then_on(results: CohortResults) -> None:
    found = stratify(results, asked(landmark=12.0))
    outcome = results.outcomes["OS"]
    assert found.n == (outcome["time"] > 12).sum()
    assert all("before the landmark of 12 months" in reason for reason in found.left_out.values())
    for one in found.groups:
        later = outcome.loc[list(one.cases)]
        shifted = kaplan_meier(later["time"] - 12, later["event"])
        assert one.curve.times[0] == 12
        np.testing.assert_allclose(one.curve.survival, shifted.survival)
    assert found.groups[0].counts.times[0] == 12
    assert [one.counts.at_risk[0] for one in found.groups] == [one.n for one in found.groups]
    assert "Landmark analysis" in methods(found)


def test_late_entry_is_in_the_counts_and_in_the_paragraph(results: CohortResults) -> None:
    found = stratify(results, asked(entry_column="biopsy_days", entry_unit="days"))
    entry = results.clinical["biopsy_days"].astype(float) * 12 / 365.25
    outcome = results.outcomes["OS"]
    assert found.n == (entry < outcome["time"]).sum()
    counts = sum(one.counts.at_risk for one in found.groups)
    ticks = found.groups[0].counts.times
    expected = [((entry < tick) & (outcome["time"] >= tick)).sum() for tick in ticks[1:]]
    assert counts[1:].tolist() == expected
    assert "Left truncation" in methods(found)
    with pytest.raises(InputError, match="cannot say when"):
        stratify(results, asked(entry_column="Sex"))


def test_another_endpoint_has_its_own_patients(results: CohortResults) -> None:
    found = stratify(results, asked(endpoint="PFI"))
    assert (found.endpoint, found.n, len(found.left_out)) == ("PFI", 235, 5)
    assert set(found.left_out.values()) == {"The outcome PFI is not known."}
    with pytest.raises(InputError, match="no endpoint 'DSS'; it has OS, PFI"):
        stratify(results, asked(endpoint="DSS"))


# ---- what is said


def test_patients_of_the_training_cohort_are_never_called_validation(results: CohortResults) -> None:
    table = results.table.assign(standing=["out of fold"] * 100 + ["unseen"] * 140)
    found = stratify(replace(results, table=table), asked())
    assert found.n_out_of_fold == 100
    assert "100 patients of its training cohort" in methods(found)
    assert "no external validation" in methods(found)
    assert "none of whose models was trained on these patients" in methods(stratify(results, asked()))


def test_paragraph_counts_what_was_tried(results: CohortResults) -> None:
    found = stratify(results, asked())
    assert "cut-offs of the risk were looked at" not in methods(found, tried=1)
    assert "4 cut-offs of the risk were looked at in this session" in methods(found, tried=4)


def test_tables_hold_everything(results: CohortResults) -> None:
    found = stratify(results, asked(landmark=6.0, groups="tertiles"))
    members = member_table(found)
    assert set(members["case_id"]) == set(results.table.index)
    assert (members["group"] == "").sum() == len(found.left_out)
    assert curve_table(found).groupby("group")["events"].sum().sum() == found.n_events
    assert set(risk_counts(found)["group"]) == {one.name for one in found.groups}


def test_the_same_choice_gives_the_same_numbers_again(results: CohortResults) -> None:
    plan = asked(groups="best cut-off", landmark=3.0)
    again = StratifyPlan.model_validate_json(plan.model_dump_json())
    first, second = stratify(results, plan), stratify(results, again)
    assert group_table(first).equals(group_table(second))
    assert methods(first) == methods(second)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"groups": "own cut-off"}, "no number given"),
        ({"groups": "clinical"}, "none named"),
        ({"groups": "clinical", "column": "Grade"}, "no clinical column 'Grade'"),
        ({"landmark": 500.0}, "No patient of MADE-UP is left"),
    ],
)
def test_what_cannot_be_done_is_said(results: CohortResults, choice: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        stratify(results, asked(**choice))


def test_no_event_and_equal_risks_are_no_crash() -> None:
    results = scored_cohort(40)
    nobody = {"OS": results.outcomes["OS"].assign(event=False)}
    found = stratify(replace(results, outcomes=nobody), asked())
    assert "0 events" in found.hidden
    assert found.groups[0].curve.median is None
    assert group_table(found)["Median, months"].tolist() == ["not reached", "not reached"]
    with pytest.raises(UndefinedMetricError, match="no event"):
        stratify(replace(results, outcomes=nobody), asked(groups="best cut-off"))
    same = replace(results, table=results.table.assign(risk=1.0))
    assert "one group only" in stratify(same, asked(groups="tertiles")).hidden


@pytest.mark.parametrize(
    ("end", "start", "ticks"),
    [(100, 0, [0, 12, 24, 36, 48, 60, 72, 84, 96]), (7, 0, range(8)), (60, 12, range(12, 61, 6))],
)
def test_ticks_are_round_and_few(end: float, start: float, ticks: list) -> None:
    found = ticks_until(end, start)
    assert found.tolist() == list(ticks)
    assert len(ticks_until(5000)) < 40
