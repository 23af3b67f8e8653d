"""Uno's concordance against scikit-survival, torchsurv, and the definition read pair by pair."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sksurv.metrics import concordance_index_ipcw
from sksurv.util import Surv

from survviz.evaluation import CensoringDistribution, UndefinedMetricError, concordance_index, uno_concordance

CASES = st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 5), st.booleans()), min_size=1, max_size=40)


def pair_by_pair(risk: np.ndarray, time: np.ndarray, event: np.ndarray, tau: float) -> float | None:
    weights = CensoringDistribution.fit(time, event).weights(time, event & (time < tau)) ** 2
    won = total = 0.0
    for i in range(len(risk)):
        for j in range(len(risk)):
            if event[i] and time[i] < tau and (time[i] < time[j] or (time[i] == time[j] and not event[j])):
                total += weights[i]
                won += weights[i] * (1.0 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j]))
    return won / total if total else None


@given(CASES, st.sampled_from([3.0, 100.0]))
def test_it_equals_the_definition_with_ties_of_every_kind(cases: list, tau: float) -> None:
    risk, time, event = (np.array(column) for column in zip(*cases, strict=True))
    risk, time = risk.astype(float), time.astype(float)
    try:
        ours = uno_concordance(risk, time, event, train_time=time, train_event=event, tau=tau)
    except UndefinedMetricError:
        expected = pair_by_pair(risk, time, event, tau)
        assert expected is None or np.isnan(expected)
        return
    assert ours == pytest.approx(pair_by_pair(risk, time, event, tau), abs=1e-12)


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("tau", [None, 20.0, 60.0])
@pytest.mark.parametrize("seed", range(4))
def test_it_equals_scikit_survival(simulate: Callable, seed: int, tau: float | None, decimals: int | None) -> None:
    train, test = simulate(300, seed, decimals=decimals), simulate(150, seed + 100, decimals=decimals, longest=90.0)
    expected = concordance_index_ipcw(
        Surv.from_arrays(train.event, train.time), Surv.from_arrays(test.event, test.time), test.risk, tau=tau
    )[0]
    assert uno_concordance(test.risk, *test.outcomes, tau=tau, **train.train) == pytest.approx(expected, abs=1e-9)


def test_it_equals_torchsurv_without_ties(simulate: Callable, torchsurv: Any) -> None:
    study = simulate(200, 5)
    event, time = torch.tensor(study.event), torch.tensor(study.time)
    weights = torch.tensor(CensoringDistribution.fit(*study.outcomes).weights(*study.outcomes))
    weights = torch.where(event, weights, 1.0)
    theirs = torchsurv.metrics.cindex.ConcordanceIndex()(torch.tensor(study.risk), event, time, weight=weights)
    assert uno_concordance(study.risk, *study.outcomes, **study.train) == pytest.approx(float(theirs), abs=1e-6)


def test_without_censoring_it_is_harrells(simulate: Callable) -> None:
    study = simulate(80, 1)
    everybody = np.ones(80, dtype=bool)
    uno = uno_concordance(study.risk, study.time, everybody, train_time=study.time, train_event=everybody)
    assert uno == pytest.approx(concordance_index(study.risk, study.time, everybody), abs=1e-12)


def test_the_order_of_patients_does_not_matter(simulate: Callable) -> None:
    study, order = simulate(100, 2, decimals=1), np.random.default_rng(0).permutation(100)
    shuffled = uno_concordance(study.risk[order], study.time[order], study.event[order], tau=50.0, **study.train)
    assert uno_concordance(study.risk, *study.outcomes, tau=50.0, **study.train) == pytest.approx(shuffled, abs=1e-12)


@pytest.mark.parametrize(
    ("time", "event", "tau", "reason"),
    [
        ([1.0, 2.0], [False, False], None, "none of the 2 cases has an event"),
        ([1.0], [True], None, "at least two cases"),
        ([5.0, 6.0], [True, False], 4.0, "none of the 1 events lies before 4"),
        ([50.0, 60.0], [True, False], None, "1 of 1 events lie where censoring is known up to 10 months only"),
        ([1.0, 1.0], [True, True], None, "nobody is followed beyond the first event"),
    ],
)
def test_it_says_why_it_is_undefined(time: list, event: list, tau: float | None, reason: str) -> None:
    with pytest.raises(UndefinedMetricError, match=reason):
        uno_concordance(
            np.arange(len(time), dtype=float), time, event, train_time=[1.0, 10.0], train_event=[True, True], tau=tau
        )


def test_a_hundred_thousand_cases_need_no_matrix(simulate: Callable) -> None:
    study = simulate(100_000, 0)
    tracemalloc.start()
    try:
        concordance_index(study.risk, *study.outcomes)
        uno_concordance(study.risk, *study.outcomes, tau=60.0, **study.train)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000 * 1000, "bytes; a matrix of pairs has ten thousand million"
