"""Breslow's baseline against lifelines, Nelson-Aalen and R-like loops, and at the edges of floating point."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter, NelsonAalenFitter

from survviz.errors import InputError
from survviz.evaluation import BreslowBaseline, UndefinedMetricError

CASES = st.lists(st.tuples(st.floats(-3, 3), st.integers(0, 5), st.booleans()), min_size=1, max_size=20)


def cohort(n_times: int) -> pd.DataFrame:
    random = np.random.default_rng(5)
    x = random.normal(size=(80, 2))
    time = np.ceil(random.exponential(np.exp(-x[:, 0])) * n_times)
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "time": time, "event": random.random(80) < 0.6})


@pytest.mark.parametrize("n_times", [5, 10**9])
def test_hazard_and_survival_equal_lifelines_with_and_without_ties(n_times: int) -> None:
    frame = cohort(n_times)
    theirs = CoxPHFitter().fit(frame, "time", "event")
    log_hazard = theirs.predict_log_partial_hazard(frame).to_numpy()
    ours = BreslowBaseline.fit(log_hazard, frame["time"], frame["event"])
    steps = theirs.baseline_cumulative_hazard_.iloc[:, 0]
    at = np.searchsorted(ours.times, steps.index, side="right") - 1
    np.testing.assert_allclose(ours.cumulative_hazard[at], steps, rtol=1e-9)
    survival = theirs.predict_survival_function(frame.iloc[:7], times=steps.index).to_numpy().T
    np.testing.assert_allclose(ours.survival(log_hazard[:7], steps.index), survival, rtol=1e-9)


@settings(deadline=None)
@given(CASES)
def test_it_equals_the_definition(cases: list) -> None:
    """H0(t) = sum over event times up to t of events / sum of exp(log hazard) of those at risk."""
    log_hazard, time, event = (np.array(column) for column in zip(*cases, strict=True))
    baseline = BreslowBaseline.fit(log_hazard, time, event)
    for moment in range(int(time.max()) + 1):
        expected = sum(1 / np.exp(log_hazard[time >= t]).sum() for t in time[event & (time <= moment)])
        survival = baseline.survival([0.0, 1.0], [moment, moment + 0.0])
        np.testing.assert_allclose(survival[:, 0], np.exp([-expected, -expected * np.e]), rtol=1e-9)


def test_with_equal_log_hazards_it_is_nelson_aalen() -> None:
    frame = cohort(6)
    theirs = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(frame["time"], frame["event"])
    ours = BreslowBaseline.fit(np.zeros(80), frame["time"], frame["event"])
    hazard = theirs.cumulative_hazard_.iloc[:, 0]
    at = np.searchsorted(ours.times, hazard.index, side="right") - 1
    np.testing.assert_allclose(ours.cumulative_hazard[at], hazard, rtol=1e-12)


def test_only_differences_of_log_hazards_count() -> None:
    frame, log_hazard = cohort(6), np.linspace(-2, 2, 80)
    times = [0, 1, 2.5, 4]
    plain = BreslowBaseline.fit(log_hazard, frame["time"], frame["event"]).survival(log_hazard, times)
    for shift in (5.0, 1e4, -1e4):  # exp(1e4) is far beyond float64
        moved = BreslowBaseline.fit(log_hazard + shift, frame["time"], frame["event"])
        np.testing.assert_allclose(moved.survival(log_hazard + shift, times), plain, atol=1e-9)


def test_risks_of_every_size_in_one_cohort_keep_their_survival() -> None:
    """Each of the two strata decides its own curve: at log hazard 1000 the first death, at -1000 the last."""
    baseline = BreslowBaseline.fit([1000.0, -1000.0], [1.0, 2.0], [True, True])
    survival = baseline.survival([1000.0, -1000.0], [0.5, 1, 2])
    np.testing.assert_allclose(survival, [[1, np.exp(-1), 0], [1, 1, np.exp(-1)]])


def test_nobody_is_extrapolated_beyond_follow_up() -> None:
    baseline = BreslowBaseline.fit([0.0, 0.0], [1.0, 2.0], [True, False])
    np.testing.assert_allclose(baseline.times, [0, 1, 2])
    half = np.exp(-0.5)
    np.testing.assert_allclose(baseline.survival([0.0], [0, 0.9, 1, 2, 2.1]), [[1, 1, half, half, np.nan]])


def test_all_censored_survive_their_follow_up() -> None:
    baseline = BreslowBaseline.fit([0.0, 1.0], [1.0, 2.0], [False, False])
    np.testing.assert_array_equal(baseline.survival([9.0], [0, 2, 3]), [[1, 1, np.nan]])


@pytest.mark.parametrize("event", [[True, True, False], [False, False, False]])
def test_it_survives_strict_json(event: list[bool]) -> None:
    baseline = BreslowBaseline.fit([0.5, -300.0, 0.0], [1.0, 2.0, 2.0], event)
    text = json.dumps(baseline.to_dict(), allow_nan=False)
    again = BreslowBaseline.from_dict(json.loads(text))
    np.testing.assert_array_equal(again.times, baseline.times)
    np.testing.assert_array_equal(again.log_cumulative_hazard, baseline.log_cumulative_hazard)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({"times": [0.0]}, "lacks log_cumulative_hazard"),
        ({"times": [0.0, 1.0], "log_cumulative_hazard": [None]}, "differ in length"),
        ({"times": [1.0, 2.0], "log_cumulative_hazard": [None, 0.0]}, "start at time 0"),
        ({"times": [0.0, 2.0, 1.0], "log_cumulative_hazard": [None, 0.0, 1.0]}, "never fall with time"),
        ({"times": [0.0, 1.0], "log_cumulative_hazard": [0.0, -1.0]}, "never fall with time"),
        ({"times": [], "log_cumulative_hazard": []}, "start at time 0"),
    ],
)
def test_an_altered_baseline_is_refused(stored: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        BreslowBaseline.from_dict(stored)


def test_nobody_has_no_baseline_and_unusable_numbers_are_refused() -> None:
    with pytest.raises(UndefinedMetricError, match="at least one case"):
        BreslowBaseline.fit([], [], [])
    with pytest.raises(InputError, match="log_hazard has 1 missing"):
        BreslowBaseline.fit([np.nan], [1.0], [True])
    with pytest.raises(InputError, match="at time -1"):
        BreslowBaseline.fit([0.0], [1.0], [True]).survival([0.0], [-1.0])
