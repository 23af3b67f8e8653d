"""Targets against the curves that are shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from survviz.checkpoint.curves import survival_curves
from survviz.data.bins import TimeBins
from survviz.errors import InputError
from survviz.evaluation import BreslowBaseline
from survviz.explain.targets import bin_logit, survival_between, survival_from
from survviz.types import Output

EDGES = (0.5, 6.0, 20.0, 70.0)
DISCRETE = Output(torch.tensor([[-1.0, 0.3, -0.2], [0.1, -2.0, 1.0]]), "discrete-hazard", {})
COX = Output(torch.tensor([[0.7], [-1.2]]), "log-hazard", {})


@pytest.mark.parametrize("months", [0.0, 0.2, 6.0, 12.0, 36.0, 70.0])
def test_survival_is_that_of_the_curve(months: float) -> None:
    shown = survival_curves(DISCRETE, [months], TimeBins(EDGES), None)[:, 0]
    np.testing.assert_allclose(survival_between(EDGES, months)(DISCRETE).numpy(), shown, atol=1e-7)


@pytest.mark.parametrize("months", [0.0, 3.0, 10.0])
def test_survival_of_a_log_hazard_is_that_of_the_curve(months: float) -> None:
    baseline = BreslowBaseline(np.array([0.0, 2.0, 9.0, 15.0]), np.array([-np.inf, -2.0, -1.0, -1.0]))
    at = int(np.searchsorted(baseline.times, months, side="right")) - 1
    shown = survival_curves(COX, [months], TimeBins(EDGES), baseline)[:, 0]
    found = survival_from(float(baseline.log_cumulative_hazard[at]))(COX)
    np.testing.assert_allclose(found.numpy(), shown, atol=1e-7)


def test_survival_has_a_gradient() -> None:
    logits = DISCRETE.logits.clone().requires_grad_()
    survival_between(EDGES, 12.0)(Output(logits, "discrete-hazard", {})).sum().backward()
    assert logits.grad is not None
    assert (logits.grad[:, :2] < 0).all()
    assert (logits.grad[:, 2] == 0).all()


def test_months_beyond_the_bins_and_unknown_bins_are_refused() -> None:
    with pytest.raises(InputError, match="end at 70"):
        survival_between(EDGES, 71.0)
    assert (bin_logit(1)(DISCRETE) == torch.tensor([0.3, -2.0])).all()
    with pytest.raises(InputError, match="bins 1 to 3"):
        bin_logit(3)(DISCRETE)
    with pytest.raises(InputError, match="no bins"):
        bin_logit(0)(COX)
