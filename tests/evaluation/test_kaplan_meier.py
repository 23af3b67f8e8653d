"""Kaplan-Meier and log-rank against R and lifelines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, kaplan_meier, logrank, median_follow_up

CASES = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=40)


def split(cases: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([time for time, _ in cases], float), np.array([event for _, event in cases])


@given(CASES)
def test_curve_limits_and_median_equal_lifelines(cases: list) -> None:
    time, event = split(cases)
    ours, theirs = kaplan_meier(time, event), KaplanMeierFitter().fit(time, event)
    survival = theirs.survival_function_.iloc[:, 0]
    np.testing.assert_allclose(ours.times, survival.index)
    np.testing.assert_allclose(ours.survival, survival, atol=1e-12)
    inside = (ours.survival > 1e-12) & (ours.survival < 1)
    limits = theirs.confidence_interval_.to_numpy()
    np.testing.assert_allclose(ours.ci_low[inside], limits[inside, 0], atol=1e-9)
    np.testing.assert_allclose(ours.ci_high[inside], limits[inside, 1], atol=1e-9)
    reached = survival.index[survival <= 0.5 + 1e-9]  # their own median misses a half that is off by rounding
    assert ours.median == (reached[0] if len(reached) else None)


@pytest.mark.real
def test_curve_equals_r(shared_data: Path) -> None:
    for entry in json.loads(
        gzip.decompress((shared_data / "reference_values" / "r_kaplan_meier.json.gz").read_bytes())
    ):
        ours = kaplan_meier(entry["time"], entry["status"])
        np.testing.assert_allclose(ours.at(entry["times"]), entry["surv_prob_survival"], atol=6e-5)


def test_counts_add_up() -> None:
    curve = kaplan_meier([3, 1, 1, 2, 3], [True, True, False, False, True])
    assert curve.times.tolist() == [0, 1, 2, 3]
    assert curve.at_risk.tolist() == [5, 5, 3, 2]
    assert (curve.n_events + curve.n_censored).sum() == 5


def test_nobody_is_extrapolated_beyond_follow_up() -> None:
    curve = kaplan_meier([1, 2], [True, False])
    np.testing.assert_array_equal(curve.at([0, 0.5, 1, 2, 2.1]), [1, 1, 0.5, 0.5, np.nan])


def test_all_censored_stays_at_one_without_median() -> None:
    curve = kaplan_meier([1, 2, 3], [False, False, False])
    assert (curve.survival == 1).all()
    assert (curve.ci_low == 1).all()
    assert curve.median is None


def test_limits_are_undefined_where_nobody_is_left() -> None:
    curve = kaplan_meier([1, 2], [True, True])
    assert curve.survival[-1] == 0
    assert np.isnan(curve.ci_low[-1])
    assert np.isnan(curve.ci_high[-1])


def test_one_case_has_a_curve_and_none_has_not() -> None:
    assert kaplan_meier([4.0], [True]).median == 4
    with pytest.raises(UndefinedMetricError, match="at least one case"):
        kaplan_meier([], [])
    with pytest.raises(InputError, match="missing or infinite"):
        kaplan_meier([np.nan], [True])


def test_median_follow_up_is_the_reverse_curve() -> None:
    """Ten months of follow-up for everybody; deaths do not shorten it."""
    assert median_follow_up([10, 10, 10, 2], [False, False, False, True]) == 10
    assert median_follow_up([1, 2], [True, True]) is None


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(0, 2)), min_size=4, max_size=60))
def test_logrank_equals_lifelines(cases: list) -> None:
    time, event = split([case[:2] for case in cases])
    group = np.array([case[2] for case in cases])
    try:
        ours = logrank(time, event, group)
    except UndefinedMetricError:
        return
    theirs = multivariate_logrank_test(time, group, event)
    assert ours.statistic == pytest.approx(theirs.test_statistic, rel=1e-6, abs=1e-9)
    assert ours.p_value == pytest.approx(theirs.p_value, rel=1e-6, abs=1e-9)
    assert ours.observed.sum() == event.sum()
    assert ours.expected.sum() == pytest.approx(event.sum())


@pytest.mark.parametrize(
    ("event", "group", "reason"),
    [
        ([True, True], ["a", "a"], "1 group"),
        ([False, False], ["a", "b"], "no event"),
    ],
)
def test_logrank_says_why_it_is_undefined(event: list, group: list, reason: str) -> None:
    with pytest.raises(UndefinedMetricError, match=reason):
        logrank([1.0, 2.0], event, group)


def test_logrank_is_undefined_when_groups_never_meet() -> None:
    with pytest.raises(UndefinedMetricError, match="never at risk at the same events"):
        logrank([1.0, 2.0], [False, True], ["a", "b"])
