"""D-calibration: the published example's arithmetic, uniformity of the truth, and what breaks it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, d_calibration, survival_at_own_time


def one_by_one(survival: list[float], event: list[bool], n_bins: int = 10) -> np.ndarray:
    """Haider 2020, section 3.4, patient by patient."""
    mass = np.zeros(n_bins)
    for value, died in zip(survival, event, strict=True):
        own = min(int(value * n_bins + 1e-12), n_bins - 1)
        if died:
            mass[own] += 1
        elif value == 0:
            mass[0] += 1
        else:
            mass[own] += (value - own / n_bins) / value
            mass[:own] += 1 / (n_bins * value)
    return mass


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=30))
def test_mass_equals_the_definition(patients: list) -> None:
    survival, event = [value / 1000 for value, _ in patients], [died for _, died in patients]
    if not any(event):
        with pytest.raises(UndefinedMetricError, match="has an event"):
            d_calibration(survival, event)
        return
    ours = d_calibration(survival, event)
    inside = [not np.isclose(value * 10, round(value * 10)) or value in (0, 1) for value in survival]
    if all(inside):  # a survival on an edge may round to either side
        np.testing.assert_allclose(ours.mass, one_by_one(survival, event), atol=1e-9)
    assert ours.mass.sum() == pytest.approx(len(patients))


def test_a_censored_patient_is_spread_over_what_may_still_come() -> None:
    """S = 0.25 at censoring: two whole bins of 0.4 each and half a bin of 0.2; the event lies in the bin of 0.95."""
    found = d_calibration([0.25, 0.95], [False, True])
    np.testing.assert_allclose(found.mass, [0.4, 0.4, 0.2, 0, 0, 0, 0, 0, 0, 1], atol=1e-12)
    expected = ((found.mass - 0.2) ** 2 / 0.2).sum()
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(stats.chi2.sf(expected, 9))


def test_true_curves_pass_and_wrong_ones_do_not(simulate: Callable) -> None:
    study = simulate(3000, 0)
    own = np.exp(-(study.time - 0.5) / 40 * np.exp(study.risk))
    assert d_calibration(own, study.event).p_value > 0.05
    assert d_calibration(own**2, study.event).p_value < 1e-6


def test_without_censoring_p_values_of_the_truth_are_uniform() -> None:
    random = np.random.default_rng(0)
    p_values = [d_calibration(random.random(200), np.ones(200, dtype=bool)).p_value for _ in range(300)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_whoever_outlives_his_curve_is_censored_at_its_end() -> None:
    curves = np.array([[0.8, 0.6, np.nan], [0.9, 0.5, 0.1]])
    survival, event = survival_at_own_time(curves, np.array([10.0, 20.0, 30.0]), [25.0, 25.0], [True, True])
    np.testing.assert_allclose(survival, [0.6, 0.3])
    np.testing.assert_array_equal(event, [False, True])


def test_before_the_first_time_survival_falls_from_one() -> None:
    survival, event = survival_at_own_time(np.array([[0.8, np.nan]]), np.array([10.0, 20.0]), [5.0], [True])
    np.testing.assert_allclose(survival, [0.9])
    assert event.all()


def test_curves_with_gaps_or_without_values_are_undefined() -> None:
    with pytest.raises(UndefinedMetricError, match="1 of 1 have none, or one with gaps"):
        survival_at_own_time(np.array([[np.nan, 0.5]]), np.array([1.0, 2.0]), [1.0], [True])
    with pytest.raises(InputError, match="expected 0 to 1"):
        d_calibration([1.2], [True])
