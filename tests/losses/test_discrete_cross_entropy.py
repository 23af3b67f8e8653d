"""The cross-entropy of death by a bin: a probability, exact in the tails, and the published mixture."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from survviz.errors import InputError
from survviz.losses import discrete_cross_entropy, discrete_nll

LOGITS = st.lists(st.floats(-12, 12), min_size=1, max_size=6)


@settings(deadline=None, max_examples=50)
@given(LOGITS, st.floats(0, 1), st.data())
def test_it_equals_the_published_formula_in_probabilities(logits: list, alpha: float, data: st.DataObject) -> None:
    """L = (1 - alpha) [-c log S_y - (1 - c) log(1 - S_y)] + alpha L_uncensored, in float64 without clamps."""
    k = data.draw(st.integers(0, len(logits) - 1))
    hazards = [1 / (1 + math.exp(-z)) for z in logits]
    before = math.prod(1 - h for h in hazards[:k])
    survive = before * (1 - hazards[k])
    uncensored = -math.log(before * hazards[k])
    z = torch.tensor([logits], dtype=torch.float64)
    dead = discrete_cross_entropy(z, torch.tensor([k]), torch.tensor([True]), alpha=alpha)
    censored = discrete_cross_entropy(z, torch.tensor([k]), torch.tensor([False]), alpha=alpha)
    died_by = sum(h * math.prod(1 - g for g in hazards[:j]) for j, h in enumerate(hazards[: k + 1]))
    assert float(dead) == pytest.approx(-(1 - alpha) * math.log(died_by) + alpha * uncensored, abs=1e-9)
    assert float(censored) == pytest.approx(-(1 - alpha) * math.log(survive), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(LOGITS)
def test_death_by_a_bin_and_survival_of_it_sum_to_one(logits: list) -> None:
    z = torch.tensor([logits], dtype=torch.float64)
    for k in range(len(logits)):
        both = [discrete_cross_entropy(z, torch.tensor([k]), torch.tensor([dead])) for dead in (True, False)]
        assert sum(math.exp(-float(value)) for value in both) == pytest.approx(1, abs=1e-12)


def test_with_alpha_one_only_the_likelihood_of_deaths_is_left() -> None:
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    bins, event = torch.tensor([0, 3, 2, 1, 3]), torch.tensor([1, 0, 1, 1, 0]).bool()
    dead_only = discrete_nll(z, bins, event, alpha=1)
    torch.testing.assert_close(discrete_cross_entropy(z, bins, event, alpha=1), dead_only)


@pytest.mark.parametrize("event", [True, False])
@pytest.mark.parametrize("extreme", [-1e4, -100.0, 100.0, 1e4])
def test_value_and_gradient_are_finite_at_extreme_logits(extreme: float, event: bool) -> None:
    """In float32 S rounds to 1 at -100, where log(1 - S) itself would be -inf."""
    z = torch.full((1, 4), extreme, requires_grad=True)
    loss = discrete_cross_entropy(z, torch.tensor([2]), torch.tensor([event]), alpha=0.3)
    loss.backward()
    assert loss.isfinite()
    assert z.grad.isfinite().all()


def test_a_death_that_was_ruled_out_still_has_a_gradient() -> None:
    """1 - S = 3 exp(-100) over three equal bins, so the loss is 100 - log 3 and each bin pulls by a third."""
    z = torch.full((1, 4), -100.0, requires_grad=True)
    loss = discrete_cross_entropy(z, torch.tensor([2]), torch.tensor([True]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(100 - math.log(3))
    torch.testing.assert_close(z.grad, torch.tensor([[-1 / 3, -1 / 3, -1 / 3, 0]]))


def test_gradient_equals_finite_differences() -> None:
    z = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    bins, event = torch.tensor([0, 2, 1, 2]), torch.tensor([1, 1, 0, 0]).bool()
    assert torch.autograd.gradcheck(lambda x: discrete_cross_entropy(x, bins, event, alpha=0.4), z)
    assert torch.autograd.gradcheck(lambda x: discrete_nll(x, bins, event, alpha=0.4), z)


def test_loss_of_a_batch_is_the_mean_of_its_cases_in_any_order() -> None:
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
    bins, event = torch.tensor([0, 1, 2, 3, 3, 1]), torch.tensor([1, 0, 1, 1, 0, 0]).bool()
    single = [discrete_cross_entropy(z[[i]], bins[[i]], event[[i]]) for i in range(6)]
    whole = discrete_cross_entropy(z.flip(0), bins.flip(0), event.flip(0))
    torch.testing.assert_close(whole, torch.stack(single).mean())


@pytest.mark.parametrize("loss", [discrete_nll, discrete_cross_entropy])
def test_a_column_of_events_is_refused(loss: Callable[..., Tensor]) -> None:
    """(B, 1) would broadcast to (B, B)."""
    with pytest.raises(InputError, match=r"event has shape \(3, 1\); expected \(3,\)"):
        loss(torch.zeros(3, 4), torch.zeros(3).long(), torch.ones(3, 1).bool())
    with pytest.raises(InputError, match=r"event has dtype torch\.int64; expected booleans"):
        loss(torch.zeros(3, 4), torch.zeros(3).long(), torch.ones(3).long())
