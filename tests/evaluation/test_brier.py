"""Brier score against scikit-survival and torchsurv."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sksurv.metrics import brier_score as sksurv_brier
from sksurv.metrics import integrated_brier_score as sksurv_ibs
from sksurv.util import Surv

from survviz.errors import InputError
from survviz.evaluation import CensoringDistribution, UndefinedMetricError, brier_score, integrated_brier_score

TIMES = np.array([6.0, 12.0, 24.0, 36.0, 60.0])


def stated(study: Any) -> np.ndarray:
    return np.array([np.interp(TIMES, study.times, curve) for curve in study.survival])


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("seed", range(4))
def test_score_and_integral_equal_scikit_survival(simulate: Callable, seed: int, decimals: int | None) -> None:
    train, test = simulate(300, seed, decimals=decimals), simulate(150, seed + 100, decimals=decimals, longest=90.0)
    outcomes = Surv.from_arrays(train.event, train.time), Surv.from_arrays(test.event, test.time)
    ours = brier_score(stated(test), *test.outcomes, TIMES, **train.train)
    np.testing.assert_allclose(ours.values, sksurv_brier(*outcomes, stated(test), TIMES)[1], atol=1e-9)
    assert integrated_brier_score(ours) == pytest.approx(sksurv_ibs(*outcomes, stated(test), TIMES), abs=1e-9)


def test_it_equals_torchsurv_without_ties(simulate: Callable, torchsurv: Any) -> None:
    study = simulate(150, 4)
    distribution = CensoringDistribution.fit(*study.outcomes)
    weights = np.where(study.event, distribution.weights(*study.outcomes), 1.0)
    theirs = torchsurv.metrics.brier_score.BrierScore()(
        torch.tensor(stated(study)),
        torch.tensor(study.event),
        torch.tensor(study.time),
        new_time=torch.tensor(TIMES),
        weight=torch.tensor(weights),
        weight_new_time=torch.tensor(1 / distribution.at(TIMES)),
    )
    ours = brier_score(stated(study), *study.outcomes, TIMES, **study.train)
    np.testing.assert_allclose(ours.values, theirs.numpy(), atol=1e-6)


def test_certainty_that_is_right_scores_zero_and_one_half_a_quarter() -> None:
    time, event = np.array([1.0, 2.0, 9.0]), np.array([True, True, True])
    train = {"train_time": time, "train_event": event}
    assert brier_score([[0.0], [0.0], [1.0]], time, event, [5.0], **train).value() == 0
    assert brier_score(np.full((3, 1), 0.5), time, event, [5.0], **train).value() == 0.25


@pytest.mark.parametrize(
    ("survival", "at", "reason"),
    [
        ([[np.nan], [0.5]], 2.0, "no survival at 2 for 1 of 2 patients"),
        ([[0.5], [0.5]], 30.0, "None of the 2 patients is followed beyond 30"),
        ([[0.5], [0.5]], 7.0, "censoring is known up to 5 months only"),
    ],
)
def test_it_says_why_a_time_is_undefined(survival: list, at: float, reason: str) -> None:
    ours = brier_score(survival, [1.0, 20.0], [True, False], [at], train_time=[1.0, 5.0], train_event=[True, True])
    assert np.isnan(ours.values[0])
    with pytest.raises(UndefinedMetricError, match=reason):
        ours.value()


def test_the_integral_is_undefined_where_a_time_is() -> None:
    train = {"train_time": [1.0, 5.0], "train_event": [True, True]}
    scores = brier_score(np.full((2, 2), 0.5), [1.0, 20.0], [True, False], [2.0, 7.0], **train)
    with pytest.raises(UndefinedMetricError, match="at one of its times"):
        integrated_brier_score(scores)
    with pytest.raises(UndefinedMetricError, match="at least two times"):
        integrated_brier_score(brier_score(np.full((2, 1), 0.5), [1.0, 20.0], [True, False], [2.0], **train))
    with pytest.raises(UndefinedMetricError, match="at least one case"):
        brier_score(np.zeros((0, 1)), [], [], [2.0], **train)


def test_a_matrix_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="survival has shape"):
        brier_score(np.zeros((1, 2)), [1.0, 20.0], [True, False], [2.0], train_time=[1.0], train_event=[True])
