"""The reading of a large bag with gradients by hand: against finite differences, and masks against their rate."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from survviz.models.blocks.bag_dropout import Masks
from survviz.models.blocks.bag_gradients import MeanRead
from survviz.models.blocks.read_bag import ReadBag

EPS = (1e-5, 1e-5, 1e-5)


def centred(*shape: int, dim: int) -> Tensor:
    values = torch.randn(*shape, dtype=torch.float64)
    return values - values.mean(dim=dim, keepdim=True)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_gradients_equal_finite_differences(rate: float) -> None:
    """Two paths of 2 and 3 tokens, six patches of which one is padding, and weights that keep the mean at 0."""
    torch.manual_seed(0)
    mask = torch.tensor([True] * 5 + [False])
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True)
              for shape in ((6, 4), (10, 4), (10, 1), (8, 8), (8,), (2, 8), (3, 8), (3, 8), (4, 8))]  # fmt: skip

    def read(patches: Tensor, rows: Tensor, shifts: Tensor, weight: Tensor, bias: Tensor, *rest: Tensor) -> Tensor:
        torch.manual_seed(1)
        values, widened = rest[:2], rest[2:]
        masks = Masks(rate) if rate else None
        covariances = [one @ one.mT / 8 for one in values]
        own = (weight - weight.mean(dim=0), bias - bias.mean())
        patches = patches - patches.mean(dim=1, keepdim=True)
        found = ReadBag.apply(patches, mask, rows, shifts, *own, masks, EPS, *covariances, *widened)
        return torch.cat([one.flatten() for one in found])

    assert torch.autograd.gradcheck(read, leaves)


def test_a_bag_without_a_real_patch_weighs_nothing_and_has_finite_gradients() -> None:
    torch.manual_seed(0)
    patches = centred(3, 4, dim=1).requires_grad_()
    rows, shifts = (torch.randn(4, width, dtype=torch.float64) for width in (4, 1))
    weight, bias = centred(8, 8, dim=0), centred(8, dim=0)
    rest = (torch.eye(2, dtype=torch.float64), torch.randn(3, 8, dtype=torch.float64))
    seen, mass, mean = ReadBag.apply(
        patches, torch.zeros(3, dtype=torch.bool), rows, shifts, weight, bias, None, EPS, *rest
    )
    assert (seen == 0).all()
    assert (mass == float("-inf")).all()
    assert (mean == 0).all()
    (seen.sum() + mass.exp().sum() + mean.sum()).backward()
    assert patches.grad is not None
    assert patches.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_what_is_dropped_adds_nothing_and_has_no_gradient(dtype: torch.dtype) -> None:
    off = torch.tensor([MeanRead.OFF - 5, MeanRead.OFF + 5], dtype=dtype)
    assert (torch.nn.functional.gelu(off) == 0).all()
    assert (torch.ops.aten.gelu_backward(torch.ones_like(off), off) == 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.97])
def test_masks_have_their_rate_and_come_from_the_seed(rate: float, dtype: torch.dtype) -> None:
    shape = torch.Size((1001, 1003))
    torch.manual_seed(0)
    drawn = Masks(rate).draw(shape, dtype, -3.0)
    assert drawn.unique().tolist() == [-3.0, 0.0]
    assert float((drawn == -3).double().mean()) == pytest.approx(rate, abs=0.002)
    torch.manual_seed(0)
    assert torch.equal(Masks(rate).draw(shape, dtype, -3.0), drawn)
    assert not torch.equal(Masks(rate).draw(shape, dtype, -3.0), drawn)


def test_frozen_weights_leave_the_gradient_of_the_patches_as_it_is() -> None:
    """A map asks for that gradient alone; the others are then not computed."""
    torch.manual_seed(0)
    shapes = ((6, 4), (10, 4), (10, 1), (8, 8), (8,), (3, 8), (4, 8))
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    leaves[5:5] = [torch.eye(n, dtype=torch.float64, requires_grad=True) for n in (2, 3)]

    def gradient(given: list[Tensor]) -> Tensor:
        patches, rows, shifts, weight, bias, *rest = given
        found = ReadBag.apply(patches, torch.ones(6, dtype=torch.bool), rows, shifts, weight, bias, None, EPS, *rest)
        return torch.autograd.grad(sum(one.sum() for one in found), patches)[0]

    frozen = [leaves[0], *(one.detach() for one in leaves[1:])]
    torch.testing.assert_close(gradient(frozen), gradient(leaves), rtol=0, atol=0)
