"""Validation of a scored cohort: the summary's numbers, what is right about a right model, subgroups, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survviz.errors import InputError
from survviz.evaluation import (
    Calibration,
    DCalibration,
    UndefinedMetricError,
    calibration_at,
    concordance_index,
    summarise,
)
from survviz.pipeline.cohort.observation import Observation
from survviz.pipeline.cohort.validation import decide, recalibrated, subgroups, validate
from tests.pipeline.scored_cohorts import scored_cohort

PLAIN = Observation()


def test_estimates_are_the_summary_of_the_same_patients() -> None:
    results = scored_cohort(150)
    found = validate(results, Observation(endpoint="PFI"), n_resamples=50)
    cases = results.outcomes["PFI"].index
    rows = results.table.index.get_indexer(cases)
    outcome = results.outcomes["PFI"]
    expected = summarise(
        results.table["risk"].to_numpy()[rows], outcome["time"], outcome["event"], survival=results.survival[rows],
        times=results.times, train_time=outcome["time"], train_event=outcome["event"], cutoff=0.0, n_resamples=50,
    )  # fmt: skip
    assert found.estimates == expected
    assert (found.n, found.bootstrap) == (145, True)
    assert validate(results, PLAIN).estimates["harrell_c"].n_resamples == 0


def test_a_right_model_is_found_right() -> None:
    found = validate(scored_cohort(2000), PLAIN)
    one = found.calibration[36.0]
    assert isinstance(one, Calibration)
    assert one.slope == pytest.approx(1, abs=0.12)
    assert one.observed_over_expected == pytest.approx(1, abs=0.08)
    assert isinstance(found.d, DCalibration)
    assert found.d.p_value > 0.001
    assert found.over_time["AUC"].times[0] == 3
    ends = found.over_time["AUC"].values
    assert np.nanmin(ends) > 0.6


def test_curves_that_end_early_leave_reasons_not_numbers() -> None:
    results = scored_cohort(200)
    short = replace(results, survival=results.survival[:, :16], times=results.times[:16])
    found = validate(short, PLAIN)
    assert isinstance(found.calibration[12.0], Calibration)
    assert isinstance(found.calibration[36.0], str)
    assert "not followed so long" in found.calibration[36.0]
    with pytest.raises(UndefinedMetricError, match="not followed so long"):
        decide(short, PLAIN, 60.0)


def test_landmark_is_refused_because_the_model_states_from_time_zero() -> None:
    with pytest.raises(InputError, match="from time 0"):
        validate(scored_cohort(50), Observation(landmark=12.0))


def test_recalibration_mends_what_it_was_fitted_on() -> None:
    results = scored_cohort(1500, effect=1.0)
    hazard = np.exp(2 * results.table["risk"].to_numpy())[:, None] / 40
    too_wide = replace(results, survival=np.exp(-results.times * hazard))
    found, table = recalibrated(too_wide, PLAIN, 36.0)
    assert found.slope == pytest.approx(0.5, abs=0.06)
    outcome = results.outcomes["OS"]
    mended = calibration_at(table["recalibrated"], outcome["time"], outcome["event"], 36.0)
    assert mended.slope == pytest.approx(1, abs=1e-3)
    assert mended.observed_over_expected == pytest.approx(1, abs=0.02)
    assert (np.diff(table.sort_values("stated")["recalibrated"]) >= 0).all()


def test_decisions_by_a_right_model_are_useful() -> None:
    found = decide(scored_cohort(1500), PLAIN, 36.0)
    assert found.useful is not None
    assert found.useful[0] < 0.4 < found.useful[1]


def test_subgroups_have_their_own_numbers_and_hide_the_tiny() -> None:
    results = scored_cohort(300)
    clinical = results.clinical.assign(Race=["rare"] * 4 + list(results.clinical["Race"][4:]))
    found = subgroups(replace(results, clinical=clinical), PLAIN, ("Race", "Sex"), 36.0)
    assert found[0].name == "All patients"
    assert found[0].c_index.n == 300
    for one in found[1:]:
        rows = clinical[one.variable] == one.name
        outcome = results.outcomes["OS"][rows]
        assert one.c_index.n == rows.sum()
        if one.name == "rare":
            assert one.c_index.value is None
            assert "fewer than 10 patients" in one.c_index.reason
            continue
        risk = results.table["risk"][rows]
        assert one.c_index.value == pytest.approx(concordance_index(risk, outcome["time"], outcome["event"]))
        assert one.c_index.low is not None
        assert one.c_index.low < one.c_index.value
