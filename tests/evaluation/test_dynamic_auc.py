"""Cumulative/dynamic AUC against scikit-survival, torchsurv and R."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sksurv.metrics import cumulative_dynamic_auc as sksurv_auc
from sksurv.util import Surv

from survviz.errors import InputError
from survviz.evaluation import CensoringDistribution, UndefinedMetricError, cumulative_dynamic_auc
from survviz.evaluation.dynamic_auc import resampled_auc
from survviz.evaluation.per_time import weights_at

TIMES = np.array([6.0, 12.0, 24.0, 36.0, 60.0])


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("seed", range(4))
def test_values_and_mean_equal_scikit_survival(simulate: Callable, seed: int, decimals: int | None) -> None:
    train, test = simulate(300, seed, decimals=decimals), simulate(150, seed + 100, decimals=decimals, longest=90.0)
    values, mean = sksurv_auc(
        Surv.from_arrays(train.event, train.time), Surv.from_arrays(test.event, test.time), test.risk, TIMES
    )
    ours = cumulative_dynamic_auc(test.risk, *test.outcomes, TIMES, **train.train)
    np.testing.assert_allclose(ours.values, values, atol=1e-9)
    assert ours.mean == pytest.approx(mean, abs=1e-9)


def test_a_risk_that_changes_with_time_equals_scikit_survival(simulate: Callable) -> None:
    study = simulate(150, 3)
    risk = study.risk[:, None] + np.random.default_rng(0).normal(size=(150, len(TIMES)))
    outcomes = Surv.from_arrays(study.event, study.time)
    values, mean = sksurv_auc(outcomes, outcomes, risk, TIMES)
    ours = cumulative_dynamic_auc(risk, *study.outcomes, TIMES, **study.train)
    np.testing.assert_allclose(ours.values, values, atol=1e-9)
    assert ours.mean == pytest.approx(mean, abs=1e-9)


def test_it_equals_torchsurv_without_ties(simulate: Callable, torchsurv: Any) -> None:
    study = simulate(150, 4)
    event, time = torch.tensor(study.event), torch.tensor(study.time)
    distribution = CensoringDistribution.fit(*study.outcomes)
    weights = torch.tensor(np.where(study.event, distribution.weights(*study.outcomes), 1.0))
    theirs = torchsurv.metrics.auc.Auc()(
        torch.tensor(study.risk),
        event,
        time,
        new_time=torch.tensor(TIMES),
        weight=weights,
        weight_new_time=torch.tensor(1 / distribution.at(TIMES)),
    )
    ours = cumulative_dynamic_auc(study.risk, *study.outcomes, TIMES, **study.train)
    np.testing.assert_allclose(ours.values, theirs.numpy(), atol=1e-6)


@pytest.mark.real
def test_it_equals_r(shared_data: Path) -> None:
    """R's survAUC::AUC.uno, printed with four digits, on its first data set (its own ties differ in the second)."""
    stored = json.loads(gzip.decompress((shared_data / "reference_values" / "r_auc.json.gz").read_bytes()))[:3]
    for entry in stored:
        ours = cumulative_dynamic_auc(
            entry["estimate"], entry["test_time"], entry["test_status"], entry["times"],
            train_time=entry["train_time"], train_event=entry["train_status"],
        )  # fmt: skip
        np.testing.assert_allclose(ours.values, entry["auc_cd_survAUC"], atol=6e-5)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 6), st.booleans()), min_size=1, max_size=30))
def test_every_time_has_a_value_or_a_reason_and_never_both(cases: list) -> None:
    risk, time, event = (np.array(column) for column in zip(*cases, strict=True))
    ours = cumulative_dynamic_auc(risk, time, event, [1, 2, 3.5, 6], train_time=time, train_event=event)
    for value, reason in zip(ours.values, ours.reasons, strict=True):
        assert np.isnan(value) == bool(reason)
        assert reason or 0 <= value <= 1
    reversed_ = cumulative_dynamic_auc(-risk, time, event, [1, 2, 3.5, 6], train_time=time, train_event=event)
    defined = ~np.isnan(ours.values)
    np.testing.assert_allclose((ours.values + reversed_.values)[defined], 1)


@pytest.mark.parametrize(
    ("time", "event", "reason"),
    [
        ([1.0, 2.0], [True, False], "None of the 2 patients is followed beyond 12"),
        ([13.0, 20.0], [True, False], "nobody has died by then"),
        ([1.0, 20.0], [False, False], "nobody has died by then"),
        ([8.0, 20.0], [True, False], "censoring is known up to 5 months only"),
    ],
)
def test_it_says_why_a_time_is_undefined(time: list, event: list, reason: str) -> None:
    ours = cumulative_dynamic_auc([0.0, 1.0], time, event, [12.0], train_time=[1.0, 5.0], train_event=[True, True])
    assert np.isnan(ours.values[0])
    with pytest.raises(UndefinedMetricError, match=reason):
        ours.value()
    with pytest.raises(UndefinedMetricError):
        _ = ours.mean


def test_times_and_risks_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(InputError, match="increasing"):
        cumulative_dynamic_auc([0.0], [1.0], [True], [2.0, 1.0], train_time=[1.0], train_event=[True])
    with pytest.raises(InputError, match="risk has shape"):
        cumulative_dynamic_auc(np.zeros((1, 3)), [1.0], [True], [1.0, 2.0], train_time=[1.0], train_event=[True])


def test_resampling_by_counts_equals_resampling_of_arrays(simulate: Callable) -> None:
    study = simulate(60, 7, decimals=1)
    weights, controls = weights_at(*study.outcomes, CensoringDistribution.fit(*study.outcomes), 24.0)
    counts = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60), size=20).astype(np.float32)
    ours = resampled_auc(study.risk, weights, controls, counts)
    for row, value in zip(counts.astype(int), ours, strict=True):
        pick = np.repeat(np.arange(60), row)
        expected = cumulative_dynamic_auc(study.risk[pick], study.time[pick], study.event[pick], [24.0], **study.train)
        assert value == pytest.approx(expected.value(), abs=1e-12)
