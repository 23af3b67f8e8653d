"""Losses against hand-computed likelihoods and at the edges of floating point."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.losses import cosine_hinge, discrete_nll

LOGITS = st.lists(st.floats(-20, 20), min_size=1, max_size=8)


@settings(deadline=None)
@given(LOGITS)
def test_likelihood_sums_to_one_over_bins(logits: list[float]) -> None:
    z = torch.tensor(logits, dtype=torch.float64).unsqueeze(0)
    n_bins = z.shape[1]
    events = [discrete_nll(z, torch.tensor([k]), torch.tensor([True])) for k in range(n_bins)]
    survivor = discrete_nll(z, torch.tensor([n_bins - 1]), torch.tensor([False]))
    total = sum(math.exp(-float(value)) for value in [*events, survivor])
    assert total == pytest.approx(1, abs=1e-12)


def test_values_equal_those_worked_by_hand() -> None:
    """Hazards 1/2, 1/4: event in bin 1 -> 1/2 * 1/4 = 1/8; censored in bin 1 -> 1/2 * 3/4 = 3/8."""
    z = torch.tensor([[0.0, math.log(1 / 3)]], dtype=torch.float64)
    assert float(discrete_nll(z, torch.tensor([1]), torch.tensor([True]))) == pytest.approx(math.log(8))
    assert float(discrete_nll(z, torch.tensor([1]), torch.tensor([False]))) == pytest.approx(math.log(8 / 3))


def test_alpha_halves_the_censored_term_only() -> None:
    z = torch.tensor([[0.3, -0.2], [0.3, -0.2]])
    bins = torch.tensor([1, 1])
    whole = [float(discrete_nll(z, bins, torch.tensor([e, e]))) for e in (True, False)]
    half = [float(discrete_nll(z, bins, torch.tensor([e, e]), alpha=0.5)) for e in (True, False)]
    assert half == pytest.approx([whole[0], whole[1] / 2])


def test_loss_of_a_batch_is_the_mean_of_its_cases() -> None:
    torch.manual_seed(0)
    z, bins, event = torch.randn(6, 4), torch.randint(4, (6,)), torch.rand(6) > 0.5
    single = [discrete_nll(z[i : i + 1], bins[i : i + 1], event[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(discrete_nll(z, bins, event), torch.stack(single).mean())


@pytest.mark.parametrize("extreme", [-1e4, -100.0, 100.0, 1e4])
@pytest.mark.parametrize("event", [True, False])
def test_gradient_is_finite_at_extreme_logits(extreme: float, event: bool) -> None:
    z = torch.full((1, 4), extreme, requires_grad=True)
    discrete_nll(z, torch.tensor([2]), torch.tensor([event])).backward()
    assert z.grad.isfinite().all()


def test_a_wrong_certain_prediction_still_has_a_gradient() -> None:
    """A clamped probability would have none."""
    z = torch.full((1, 4), -100.0, requires_grad=True)
    discrete_nll(z, torch.tensor([2]), torch.tensor([True])).backward()
    assert float(z.grad[0, 2]) == pytest.approx(-1)


def test_cosine_hinge_equals_hand_values() -> None:
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    second = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    assert float(cosine_hinge(first, second)) == pytest.approx((0.8 + 0) / 2)
    assert float(cosine_hinge(first, second, torch.tensor([True, False]))) == pytest.approx(0.8)


def test_cosine_hinge_has_finite_gradients_for_absent_embeddings() -> None:
    first = torch.zeros(2, 3, requires_grad=True)
    loss = cosine_hinge(first, torch.zeros(2, 3), torch.tensor([False, False]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert first.grad.isfinite().all()
