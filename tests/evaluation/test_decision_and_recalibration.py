"""Net benefit and recalibration: by hand, against known truth, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.errors import InputError
from survviz.evaluation import (
    BreslowBaseline,
    UndefinedMetricError,
    calibration_at,
    decision_curve,
    kaplan_meier,
    recalibrate,
)


def test_net_benefit_without_censoring_is_counted() -> None:
    """Of 10 patients 4 die by 12; 5 lie above one half, of whom 3 die: 0.3 - 0.2 * 1."""
    dead = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0], bool)
    stated = np.where(np.arange(10) < 5, 0.4, 0.8)
    time = np.where(dead, 6.0, 24.0)
    found = decision_curve(stated, time, np.ones(10, bool), 12.0, thresholds=[0.1, 0.5, 0.75])
    np.testing.assert_allclose(found.model, [0.4 - 0.6 / 9, 0.3 - 0.2, 0.0])
    np.testing.assert_allclose(found.everybody, [0.4 - 0.6 / 9, 0.4 - 0.6, 0.4 - 0.6 * 3])
    assert found.n_above.tolist() == [10, 5, 0]
    assert found.useful == (0.5, 0.5)


def test_censored_groups_count_by_kaplan_meier(simulate) -> None:
    study = simulate(300, 6)
    stated = np.exp(-36 / 40 * np.exp(study.risk))
    found = decision_curve(stated, *study.outcomes, 36.0, thresholds=[0.3])
    above = 1 - stated >= 0.3
    dead = 1 - float(kaplan_meier(study.time[above], study.event[above]).at(36))
    assert found.model[0] == pytest.approx(above.mean() * (dead - (1 - dead) * 0.3 / 0.7))


def test_a_right_model_is_never_worse_than_all_or_nobody(simulate) -> None:
    study = simulate(4000, 1)
    stated = np.exp(-36 / 40 * np.exp(study.risk))
    found = decision_curve(stated, *study.outcomes, 36.0, thresholds=np.arange(0.05, 0.95, 0.05))
    assert (found.model >= np.maximum(found.everybody, 0) - 0.01).all()
    assert found.useful is not None
    assert found.useful[1] - found.useful[0] > 0.7


def test_a_constant_model_has_no_use_and_wrong_thresholds_are_refused(simulate) -> None:
    study = simulate(100, 1)
    found = decision_curve(np.full(100, 0.5), *study.outcomes, 36.0, thresholds=[0.2, 0.4])
    assert found.useful is None
    np.testing.assert_array_equal(found.model, found.everybody)
    with pytest.raises(InputError, match="probabilities inside"):
        decision_curve(np.full(100, 0.5), *study.outcomes, 36.0, thresholds=[0.0, 0.4])
    with pytest.raises(UndefinedMetricError, match="followed so long"):
        decision_curve(np.full(100, 0.5), *study.outcomes, 500.0, thresholds=[0.4])


# ---- recalibration


def stated_by(study, level: float, spread: float, horizon: float = 36.0) -> tuple[np.ndarray, np.ndarray]:
    """S(horizon) and S(own time) of a model whose log hazard is off by a level, and spread too wide."""
    hazard = np.exp(spread * study.risk + level) / 40
    return np.exp(-hazard * horizon), np.exp(-hazard * np.minimum(study.time, horizon))


def test_a_right_model_needs_no_correction(simulate) -> None:
    study = simulate(3000, 2)
    shifted = np.maximum(study.time - 0.5, 1e-6)  # the simulation adds half a month to every time
    study = type(study)(study.risk, shifted, study.event, study.times, study.survival)
    stated, own = stated_by(study, 0.0, 1.0)
    found = recalibrate(stated, *study.outcomes, 36.0, at_own_time=own)
    assert found.intercept_limits[0] < 0 < found.intercept_limits[1]
    assert found.slope_limits[0] < 1 < found.slope_limits[1]


def test_level_and_spread_are_found_and_mended(simulate) -> None:
    study = simulate(3000, 4)
    stated, own = stated_by(study, 0.0, 2.0)
    found = recalibrate(stated, *study.outcomes, 36.0, at_own_time=own)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    too_bad = recalibrate(
        *stated_by(study, 0.8, 1.0)[:1], *study.outcomes, 36.0, at_own_time=stated_by(study, 0.8, 1)[1]
    )
    assert too_bad.intercept == pytest.approx(-0.8, abs=0.12)
    before = calibration_at(stated, *study.outcomes, 36.0)
    mended = found.survival(stated, [36.0])[:, 0]
    after = calibration_at(mended, *study.outcomes, 36.0)
    assert after.slope == pytest.approx(1, abs=1e-6)
    assert abs(after.observed_over_expected - 1) < 0.01
    assert after.ici is not None
    assert before.ici is not None
    assert after.ici < before.ici / 3
    order = np.argsort(stated)
    assert (np.diff(mended[order]) >= 0).all()


def test_intercept_is_the_log_of_observed_over_expected() -> None:
    own = np.exp(-np.array([0.5, 1.0, 0.25, 0.25]))
    found = recalibrate([0.3, 0.2, 0.5, 0.6], [1.0, 2, 3, 4], [1, 1, 1, 1], 5.0, at_own_time=own)
    assert found.intercept == pytest.approx(np.log(4 / 2))
    assert found.intercept_limits[1] - found.intercept == pytest.approx(1.959964 / 2, abs=1e-5)
    assert isinstance(found.baseline, BreslowBaseline)


def test_no_death_by_the_horizon_is_said() -> None:
    with pytest.raises(UndefinedMetricError, match="dies by then"):
        recalibrate([0.3, 0.2], [9.0, 9], [1, 1], 5.0, at_own_time=[0.4, 0.3])
