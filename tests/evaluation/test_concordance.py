"""Concordance against R, lifelines, and the definition read pair by pair."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lifelines.utils import concordance_index as lifelines_concordance

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, bootstrap_ci, comparable_pairs, concordance_index

CASE = st.tuples(st.integers(-3, 3), st.integers(0, 4), st.booleans())
CASES = st.lists(CASE, min_size=1, max_size=40)


def arrays(cases: list[tuple[int, int, bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    risk, time, event = zip(*cases, strict=True)
    return np.array(risk, float), np.array(time, float), np.array(event)


def pair_by_pair(risk: np.ndarray, time: np.ndarray, event: np.ndarray) -> tuple[float, int]:
    won, pairs = 0.0, 0
    for i in range(len(risk)):
        for j in range(len(risk)):
            if event[i] and (time[i] < time[j] or (time[i] == time[j] and not event[j])):
                pairs += 1
                won += 1.0 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j])
    return won, pairs


@given(CASES)
def test_it_equals_the_definition_with_ties_of_every_kind(cases: list) -> None:
    risk, time, event = arrays(cases)
    won, pairs = pair_by_pair(risk, time, event)
    assert comparable_pairs(time, event) == pairs
    if pairs:
        assert concordance_index(risk, time, event) == won / pairs
    else:
        with pytest.raises(UndefinedMetricError):
            concordance_index(risk, time, event)


@given(CASES)
def test_it_equals_lifelines(cases: list) -> None:
    risk, time, event = arrays(cases)
    assume(comparable_pairs(time, event))
    assert concordance_index(risk, time, event) == pytest.approx(lifelines_concordance(time, -risk, event), abs=1e-12)


@given(CASES)
def test_reversing_the_risk_reverses_it(cases: list) -> None:
    risk, time, event = arrays(cases)
    assume(comparable_pairs(time, event))
    total = concordance_index(risk, time, event) + concordance_index(-risk, time, event)
    assert total == pytest.approx(1, abs=1e-12)


@pytest.mark.real
def test_it_equals_r(shared_data: Path) -> None:
    """R's survival::concordance; `estimate` is a linear predictor, printed with four digits."""
    checked = 0
    for entry in json.loads(gzip.decompress((shared_data / "reference_values" / "r_cindex.json.gz").read_bytes())):
        time, event, risk = entry["test_time"], entry["test_status"], entry["estimate"]
        c = concordance_index(risk, time, event)
        assert c == pytest.approx(entry["c_Harrell_survival"][0], abs=6e-5)
        checked += 1
    assert checked == 6


def test_a_large_sample_with_ties_equals_lifelines() -> None:
    random = np.random.default_rng(0)
    risk, time = random.integers(50, size=3000) / 7, random.integers(1, 200, size=3000)
    event = random.random(3000) < 0.6
    assert concordance_index(risk, time, event) == pytest.approx(lifelines_concordance(time, -risk, event), abs=1e-12)


@pytest.mark.parametrize(
    ("time", "event", "reason"),
    [
        ([1.0, 2.0], [False, False], "none of the 2 cases has an event"),
        ([1.0], [True], "at least two cases; 1 given"),
        ([], [], "at least two cases; 0 given"),
        ([2.0, 2.0, 1.0], [True, True, False], "nobody is followed beyond the first event"),
    ],
)
def test_without_comparable_pairs_it_is_undefined_and_never_one_half(time: list, event: list, reason: str) -> None:
    with pytest.raises(UndefinedMetricError, match=reason):
        concordance_index(np.arange(len(time), dtype=float), time, event)


@pytest.mark.parametrize(
    ("risk", "time", "event"),
    [
        ([np.nan, 1.0], [1.0, 2.0], [True, True]),
        ([0.0, 1.0], [np.nan, 2.0], [True, True]),
        ([0.0, 1.0], [-1.0, 2.0], [True, True]),
        ([0.0, 1.0], [1.0, 2.0], [2, 1]),
        ([0.0], [1.0, 2.0], [True, True]),
        ([[0.0, 1.0]], [1.0, 2.0], [True, True]),
    ],
)
def test_unusable_input_is_refused(risk: list, time: list, event: list) -> None:
    with pytest.raises(InputError):
        concordance_index(risk, time, event)


def test_bootstrap_equals_resampling_one_by_one() -> None:
    random = np.random.default_rng(3)
    n, n_resamples = 25, 200
    risk, time, event = random.normal(size=n).round(1), random.integers(1, 20, n), random.random(n) < 0.5
    interval = bootstrap_ci(risk, time, event, n_resamples=n_resamples, seed=7)
    counts = np.random.default_rng(7).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    picks = [np.repeat(np.arange(n), row) for row in counts]
    values = [concordance_index(risk[pick], time[pick], event[pick]) for pick in picks]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=1e-12)


def test_bootstrap_leaves_out_and_counts_undefined_resamples() -> None:
    interval = bootstrap_ci([2.0, 1.0, 0.0], [1.0, 2.0, 3.0], [True, False, False], n_resamples=500)
    assert interval.n_undefined > 0
    assert interval.n_resamples + interval.n_undefined == 500
    assert (interval.low, interval.high) == (1.0, 1.0)
