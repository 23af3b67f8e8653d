"""Calibration at a horizon: closed forms, lifelines, and simulated models whose error is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, calibration_at, kaplan_meier


def truth(risk: np.ndarray, *, stretch: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """S(36) of the simulated patients, with a wrong spread or a wrong level."""
    return np.exp(-36 / 40 * np.exp(stretch * risk + shift))


def test_the_true_model_is_calibrated(simulate: Callable) -> None:
    study = simulate(20_000, 0)
    found = calibration_at(truth(study.risk), study.time - 0.5, study.event, 36.0)
    assert found.observed_over_expected == pytest.approx(1, abs=0.02)
    assert found.slope == pytest.approx(1, abs=0.03)
    assert found.ici == pytest.approx(0, abs=0.01)
    for group in found.groups:
        assert group.observed == pytest.approx(group.predicted, abs=0.03)


def test_a_spread_that_is_too_wide_has_a_slope_below_one(simulate: Callable) -> None:
    study = simulate(20_000, 1)
    found = calibration_at(truth(study.risk, stretch=1.3), study.time - 0.5, study.event, 36.0)
    assert found.slope == pytest.approx(1 / 1.3, abs=0.02)
    assert found.ici is not None
    assert found.ici > 0.02


def test_a_hopeful_model_sees_more_deaths_than_it_expects(simulate: Callable) -> None:
    study = simulate(20_000, 2)
    found = calibration_at(truth(study.risk, shift=-1.0), study.time - 0.5, study.event, 36.0)
    assert found.observed_over_expected > 1.2
    assert found.slope == pytest.approx(1, abs=0.03)


@pytest.mark.filterwarnings("ignore:::lifelines")
def test_the_slope_equals_lifelines(simulate: Callable) -> None:
    study = simulate(300, 3, decimals=1)
    stated = truth(study.risk)
    table = pd.DataFrame(
        {
            "x": np.log(-np.log(stated)),
            "time": np.minimum(study.time, 36.0),
            "event": study.event & (study.time <= 36.0),
        }
    )
    theirs = CoxPHFitter().fit(table, "time", "event", fit_options={"precision": 1e-12}).params_["x"]
    assert calibration_at(stated, *study.outcomes, 36.0).slope == pytest.approx(theirs, abs=1e-6)


def test_groups_hold_everybody_and_keep_ties_together(simulate: Callable) -> None:
    study = simulate(100, 4)
    stated = np.repeat([0.2, 0.5, 0.9], [50, 25, 25])
    found = calibration_at(stated, *study.outcomes, 36.0)
    assert [group.n for group in found.groups] == [50, 25, 25]
    assert [group.predicted for group in found.groups] == pytest.approx([0.2, 0.5, 0.9])
    first = kaplan_meier(study.time[:50], study.event[:50])
    assert found.groups[0].observed == pytest.approx(float(first.at(36.0)))


def test_what_is_undefined_says_why() -> None:
    with pytest.raises(UndefinedMetricError, match="longest follow-up of the 2 patients is 20"):
        calibration_at([0.5, 0.6], [10.0, 20.0], [True, False], 36.0)
    with pytest.raises(UndefinedMetricError, match="at least one case"):
        calibration_at([], [], [], 36.0)
    same = calibration_at([0.5, 0.5], [10.0, 40.0], [True, False], 36.0)
    assert (same.slope, same.ici) == (None, None)
    assert "the same survival is stated for everybody" in same.reason
    censored = calibration_at([0.4, 0.5], [10.0, 40.0], [False, False], 36.0)
    assert "none of the 2 patients dies by then" in censored.reason
    assert censored.observed_over_expected == 0


def test_survival_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(InputError, match="expected 0 to 1"):
        calibration_at([1.5], [40.0], [True], 36.0)
    with pytest.raises(InputError, match="missing"):
        calibration_at([np.nan], [40.0], [True], 36.0)
