"""Groups compared: what R prints for its `lung` data, lifelines, and the definitions read patient by patient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_lung
from lifelines.utils import restricted_mean_survival_time

from survviz.errors import InputError
from survviz.evaluation import (
    UndefinedMetricError,
    common_end,
    kaplan_meier,
    logrank,
    pairwise_logrank,
    restricted_mean,
    restricted_mean_difference,
    risk_table,
)

CASES = st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(0, 2)), min_size=2, max_size=40)


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    """R's `lung`: 228 patients, sex 1 = male."""
    return load_lung()


def columns(cases: list[tuple[int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    time, event, other = (np.array(column) for column in zip(*cases, strict=True))
    return time.astype(float), event.astype(bool), other


@pytest.mark.parametrize(
    ("sex", "median", "limits", "counts"),
    [
        (None, 310, (285, 363), [228, 115, 41, 10, 2]),
        (1, 270, (212, 310), [138, 62, 20, 7, 2]),
        (2, 426, (348, 550), [90, 53, 21, 3, 0]),
    ],
)
def test_medians_and_counts_at_risk_equal_survfit(lung, sex, median, limits, counts) -> None:
    """`survfit(Surv(time, status) ~ sex, lung)`, `print` and `summary(times = c(0, 250, 500, 750, 1000))`."""
    rows = lung if sex is None else lung[lung["sex"] == sex]
    curve = kaplan_meier(rows["time"], rows["status"], limits="log")
    assert curve.median == median
    assert curve.median_limits == limits
    assert risk_table(rows["time"], rows["status"], [0, 250, 500, 750, 1000]).at_risk.tolist() == counts


def test_summary_of_survfit_at_one_time(lung) -> None:
    """`summary(survfit(Surv(time, status) ~ 1, lung), times = 365.25)`: 65, 121, 0.409 (0.345 to 0.486)."""
    curve = kaplan_meier(lung["time"], lung["status"], limits="log")
    table = risk_table(lung["time"], lung["status"], [365.25])
    assert (table.at_risk.tolist(), table.n_events.tolist()) == ([65], [121])
    found = [float(curve.at(365.25)), *map(float, curve.limits_at(365.25))]
    np.testing.assert_allclose(found, [0.409, 0.345, 0.486], atol=5e-4)


def test_logrank_equals_survdiff(lung) -> None:
    """`survdiff(Surv(time, status) ~ sex, lung)`: chisq 10.3, observed 112 and 53, expected 91.6 and 73.4."""
    found = logrank(lung["time"], lung["status"], lung["sex"])
    assert found.statistic == pytest.approx(10.3, abs=0.05)
    assert found.p_value == pytest.approx(0.00131, abs=5e-6)
    assert found.observed.tolist() == [112, 53]
    np.testing.assert_allclose(found.expected, [91.6, 73.4], atol=0.05)


@settings(max_examples=40)
@given(CASES)
def test_risk_table_counts_at_the_start_of_the_interval(cases: list) -> None:
    time, event, entry = columns(cases)
    entry = np.minimum(entry, time - 1).astype(float)
    ticks = np.arange(0.0, 11, 0.5)
    start = entry.min()
    table = risk_table(time, event, ticks, entry=entry)
    for index, tick in enumerate(ticks):
        there = (entry < tick) | ((entry == tick) & (tick == start))
        assert table.at_risk[index] == (there & (time >= tick)).sum()
        assert table.n_events[index] == (event & (time <= tick)).sum()
        assert table.n_censored[index] == (~event & (time <= tick)).sum()


@settings(max_examples=25)
@given(CASES)
def test_curve_with_delayed_entry_equals_lifelines(cases: list) -> None:
    time, event, entry = columns(cases)
    entry = np.minimum(entry, time - 1).astype(float)
    moments = np.unique(np.concatenate([entry, time]))[:-1]
    if any((entry <= moment).sum() == (time <= moment).sum() for moment in moments):
        return  # there is a time at which nobody is followed: lifelines refuses such a curve
    ours = kaplan_meier(time, event, entry=entry)
    theirs = KaplanMeierFitter().fit(time, event, entry=entry)
    np.testing.assert_allclose(ours.at(np.unique(time)), theirs.predict(np.unique(time)), atol=1e-9)


def test_nobody_delayed_is_the_plain_curve(simulate) -> None:
    study = simulate(80, 3, decimals=1)
    plain, entered = (kaplan_meier(*study.outcomes, entry=entry) for entry in (None, np.zeros(80)))
    for name in ("times", "survival", "at_risk", "ci_low", "ci_high"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(entered, name))


@given(CASES)
def test_cutting_follow_up_in_two_changes_no_logrank_test(cases: list) -> None:
    """A case seen from 0 to t is a case seen until c and another seen from c: left truncation by its definition."""
    time, event, group = columns(cases)
    cut = time / 2
    twice = (
        np.concatenate([cut, time]),
        np.concatenate([np.zeros(len(time), bool), event]),
        np.concatenate([group, group]),
    )
    entry = np.concatenate([np.zeros(len(time)), cut])
    try:
        whole = logrank(time, event, group)
    except UndefinedMetricError:
        return
    parts = logrank(*twice, entry=entry)
    assert parts.statistic == pytest.approx(whole.statistic)
    np.testing.assert_allclose(parts.expected, whole.expected)


def test_entry_after_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="never at risk"):
        kaplan_meier([3.0, 4.0], [True, True], entry=[0.0, 4.0])


def test_pairs_are_adjusted_together_and_say_why_one_is_undefined() -> None:
    time = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 1])
    event = np.array([1, 1, 1, 1, 1, 1, 1, 1, 0], bool)
    group = np.array(["a"] * 3 + ["b"] * 3 + ["c"] * 2 + ["late"])
    pairs = {(one.first, one.second): one for one in pairwise_logrank(time, event, group)}
    assert len(pairs) == 6
    two = pairs["a", "b"]
    rows = np.isin(group, ["a", "b"])
    assert two.p_value == logrank(time[rows], event[rows], group[rows]).p_value
    defined = [one.p_value for one in pairs.values() if one.p_value is not None]
    assert two.adjusted is not None
    assert two.adjusted >= two.p_value
    assert min(defined) * len(defined) == pytest.approx(
        min(one.adjusted for one in pairs.values() if one.adjusted is not None)
    )
    undefined = [one for one in pairs.values() if one.p_value is None]
    assert all(one.reason for one in undefined)


# ---- restricted means


@settings(max_examples=25)
@given(CASES, st.floats(0.5, 8))
def test_restricted_mean_equals_lifelines(cases: list, until: float) -> None:
    time, event, _ = columns(cases)
    curve = kaplan_meier(time, event)
    if until > curve.times[-1]:
        return
    theirs = restricted_mean_survival_time(KaplanMeierFitter().fit(time, event), t=until)
    assert restricted_mean(curve, until).value == pytest.approx(theirs)


def test_without_censoring_the_mean_and_its_error_are_those_of_plain_numbers() -> None:
    time = np.random.default_rng(1).exponential(20, 400)
    found = restricted_mean(kaplan_meier(time, np.ones(400, bool)), 24.0)
    lived = np.minimum(time, 24)
    assert found.value == pytest.approx(lived.mean())
    assert found.error == pytest.approx(lived.std() / np.sqrt(400), rel=1e-6)


def test_difference_covers_what_is_true(simulate) -> None:
    """Two groups of one distribution: the 95 % interval of the difference excludes 0 in about one of twenty."""
    outside = 0
    for seed in range(200):
        study = simulate(160, seed)
        first, second = np.random.default_rng(seed).permutation(160).reshape(2, 80)
        means = [restricted_mean(kaplan_meier(study.time[r], study.event[r]), 36.0) for r in (first, second)]
        found = restricted_mean_difference(*means)
        outside += not found.low <= 0 <= found.high
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    assert 2 <= outside <= 20


def test_areas_end_where_every_group_is_followed() -> None:
    assert common_end([5, 9, 4, 7], ["a", "a", "b", "b"]) == 7
    curve = kaplan_meier([5, 9], [True, False])
    with pytest.raises(UndefinedMetricError, match="followed from 0 to 9"):
        restricted_mean(curve, 10)
    assert restricted_mean(kaplan_meier([5, 9], [True, True]), 10).value == 7  # all have died: nothing is unknown
