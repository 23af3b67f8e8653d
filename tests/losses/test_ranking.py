"""Pairwise ranking against its double loop, and against Cox in batches of two."""

from __future__ import annotations

import itertools
import math
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from survviz.errors import InputError
from survviz.evaluation import comparable_pairs
from survviz.losses import cox_partial_likelihood, pairwise_ranking

CASE = st.tuples(st.floats(-5, 5), st.integers(0, 4), st.booleans())


def tensors(cases: list[tuple[float, int, bool]]) -> tuple[Tensor, Tensor, Tensor]:
    log_hazard, time, event = zip(*cases, strict=True)
    return torch.tensor(log_hazard, dtype=torch.float64), torch.tensor(time), torch.tensor(event)


@settings(deadline=None, max_examples=50)
@given(st.lists(CASE, min_size=1, max_size=15))
def test_it_equals_the_mean_over_pairs_and_counts_those_of_the_c_index(cases: list) -> None:
    terms = [
        math.log1p(math.exp(later[0] - first[0]))
        for first, later in itertools.permutations(cases, 2)
        if first[2] and (first[1] < later[1] or (first[1] == later[1] and not later[2]))
    ]
    log_hazard, time, event = tensors(cases)
    assert len(terms) == comparable_pairs(time, event)
    expected = sum(terms) / len(terms) if terms else 0
    assert float(pairwise_ranking(log_hazard, time, event)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@settings(deadline=None, max_examples=50)
@given(CASE, CASE)
def test_cox_in_a_batch_of_two_is_this_loss(ties: str, first: tuple, second: tuple) -> None:
    """Cox divides by events, hence half of it if both are. Two deaths at one time are no pair, but Cox terms."""
    log_hazard, time, event = tensors([first, second])
    if event.all() and time[0] == time[1]:
        return
    cox = cox_partial_likelihood(log_hazard, time, event, ties=ties)
    ranking = pairwise_ranking(log_hazard, time, event)
    torch.testing.assert_close(cox * event.sum(), ranking, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.lists(CASE, min_size=2, max_size=8), st.floats(-50, 50), st.randoms(use_true_random=False))
def test_neither_order_nor_a_constant_has_influence(cases: list, shift: float, random: Random) -> None:
    expected = pairwise_ranking(*tensors(cases))
    random.shuffle(cases)
    log_hazard, time, event = tensors(cases)
    torch.testing.assert_close(pairwise_ranking(log_hazard + shift, time, event), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("time", "event"), [([3, 1, 2], [0, 0, 0]), ([4], [1]), ([], []), ([2, 2], [1, 1])])
def test_without_pairs_it_is_zero_with_a_gradient_of_zero(time: list, event: list) -> None:
    log_hazard = torch.ones(len(time), requires_grad=True)
    loss = pairwise_ranking(log_hazard, torch.tensor(time), torch.tensor(event, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    assert (log_hazard.grad == 0).all()


def test_huge_log_hazards_have_finite_gradients() -> None:
    log_hazard = torch.tensor([-1e4, 1e4], requires_grad=True)
    pairwise_ranking(log_hazard, torch.tensor([1, 2]), torch.tensor([True, False])).backward()
    assert log_hazard.grad.tolist() == [-1, 1]


def test_gradient_equals_finite_differences() -> None:
    log_hazard = torch.tensor([0.3, -1.2, 0.8, 0.1], dtype=torch.float64, requires_grad=True)
    time, event = torch.tensor([1, 2, 2, 3]), torch.tensor([1, 1, 0, 1]).bool()
    assert torch.autograd.gradcheck(lambda r: pairwise_ranking(r, time, event), log_hazard)


def test_a_batch_too_large_for_all_pairs_is_refused() -> None:
    many = torch.zeros(4097)
    with pytest.raises(InputError, match="4097 cases were given; a loss over all pairs takes at most 4096"):
        pairwise_ranking(many, many, many.bool())


def test_a_column_of_log_hazards_is_refused() -> None:
    with pytest.raises(InputError, match=r"log_hazard has shape \(2, 1\)"):
        pairwise_ranking(torch.zeros(2, 1), torch.ones(2), torch.ones(2).bool())
