"""Per-case alignment terms, their means over the present, and the penalty on weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
import torch
from torch import Tensor

from survviz.errors import InputError
from survviz.losses import cosine_hinge, cosine_hinge_terms, l1_alignment, l1_alignment_terms, l1_weights

Loss: TypeAlias = Callable[..., Tensor]

PRESENT = torch.tensor([True, False, True])


def pair(seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 3, 4, dtype=torch.float64, generator=random)
    return first.requires_grad_(), second.requires_grad_()


def test_l1_equals_its_loops() -> None:
    source, target = pair()
    rows = zip(source.tolist(), target.tolist(), strict=True)
    terms = [sum(abs(s - t) for s, t in zip(*row, strict=True)) / 4 for row in rows]
    torch.testing.assert_close(l1_alignment_terms(source, target), torch.tensor(terms, dtype=torch.float64))
    assert float(l1_alignment(source, target).detach()) == pytest.approx(sum(terms) / 3)
    assert float(l1_alignment(source, target, PRESENT).detach()) == pytest.approx((terms[0] + terms[2]) / 2)


@pytest.mark.parametrize("terms", [cosine_hinge_terms, l1_alignment_terms])
def test_an_absent_case_has_a_term_and_a_gradient_of_zero(terms: Loss) -> None:
    first, second = pair()
    values = terms(first, second, PRESENT)
    values.sum().backward()
    assert float(values[1].detach()) == 0
    assert (first.grad[1] == 0).all()
    assert (second.grad[1] == 0).all()
    torch.testing.assert_close(values[PRESENT], terms(first[PRESENT], second[PRESENT]))


@pytest.mark.parametrize(("mean", "terms"), [(cosine_hinge, cosine_hinge_terms), (l1_alignment, l1_alignment_terms)])
def test_the_mean_is_over_the_present(mean: Loss, terms: Loss) -> None:
    first, second = pair(3)
    torch.testing.assert_close(mean(first, second), terms(first, second).mean())
    torch.testing.assert_close(mean(first, second, PRESENT), terms(first, second, PRESENT).sum() / 2)
    nobody = mean(first, second, torch.zeros(3, dtype=torch.bool))
    nobody.backward()
    assert float(nobody.detach()) == 0
    assert (first.grad == 0).all()


def test_a_detached_source_gets_no_gradient_and_the_target_the_same() -> None:
    source, target = pair()
    l1_alignment(source, target, detach_source=True).backward()
    assert source.grad is None
    both = pair()
    l1_alignment(*both).backward()
    torch.testing.assert_close(target.grad, both[1].grad)
    torch.testing.assert_close(both[0].grad, -both[1].grad)


@pytest.mark.parametrize("loss", [cosine_hinge, l1_alignment])
def test_gradients_equal_finite_differences(loss: Loss) -> None:
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, PRESENT), pair(5))


@pytest.mark.parametrize("terms", [cosine_hinge_terms, l1_alignment_terms])
def test_embeddings_that_would_broadcast_are_refused(terms: Loss) -> None:
    with pytest.raises(InputError, match=r"\(3, 4\), \w+ \(3, 1\); expected one shape"):
        terms(torch.zeros(3, 4), torch.zeros(3, 1))
    with pytest.raises(InputError, match=r"present has shape \(3, 1\)"):
        terms(torch.zeros(3, 4), torch.zeros(3, 4), torch.ones(3, 1).bool())


def test_weights_are_summed_without_their_signs() -> None:
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.5, -2.0]]))
        layer.bias.fill_(-0.25)
    penalty = l1_weights(layer.parameters())
    penalty.backward()
    assert float(penalty.detach()) == 3.75
    assert layer.weight.grad.tolist() == [[1, -1]]


def test_no_weights_cost_nothing() -> None:
    assert float(l1_weights([])) == 0
