"""Fusion blocks against slow and obvious oracles, and their published sizes."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from survviz.models.blocks import (
    FactorisedBilinearPooling,
    LowRankBilinear,
    LowRankFusion,
    ModalityGate,
    OptimalWeightConcatenation,
    OuterProductFusion,
)
from survviz.models.blocks.fusion import GateKind

CLOSE = {"atol": 1e-10, "rtol": 1e-8}


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def double(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in double precision and without dropout, every parameter drawn anew (zero biases would hide)."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.5)
    return module.double().eval()


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def gate_by_hand(gate: ModalityGate, own: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """One case; the equations, entry by entry."""
    out = gate.out[0]
    if gate.kind is None:
        return (out.weight @ own + out.bias).relu()
    hidden = (gate.encode[0].weight @ own + gate.encode[0].bias).relu()
    if gate.kind == "linear":
        score = gate.gate.weight @ torch.cat([first, second]) + gate.gate.bias
    else:
        score = torch.stack([first @ matrix @ second for matrix in gate.gate.weight]) + gate.gate.bias
    return (out.weight @ (hidden / (1 + torch.exp(-score))) + out.bias).relu()


@pytest.mark.parametrize("skip", [None, "inputs", "gated"])
@pytest.mark.parametrize("kinds", list(itertools.product(["linear", "bilinear", None], repeat=2)))
def test_outer_product_fusion_is_every_product_of_two_entries(
    kinds: tuple[GateKind | None, GateKind | None], skip: str | None
) -> None:
    fuse = double(OuterProductFusion(4, 3, hidden=2, out=5, gates=kinds, skip=skip))
    first, second = noise(3, 4), noise(3, 3, seed=2)
    found = fuse(first, second)
    for row in range(3):
        x, y = first[row], second[row]
        left = [*gate_by_hand(fuse.gate_first, x, x, y), torch.tensor(1.0).double()]
        right = [*gate_by_hand(fuse.gate_second, y, x, y), torch.tensor(1.0).double()]
        products = torch.stack([a * b for a in left for b in right])
        joint = (fuse.encode[0].weight @ products + fuse.encode[0].bias).relu()
        again = {None: [], "inputs": [*x, *y], "gated": [*left, *right]}[skip]
        expected = (fuse.mix[0].weight @ torch.stack([*joint, *again]) + fuse.mix[0].bias).relu()
        torch.testing.assert_close(found[row], expected, **CLOSE)


def test_outer_product_fusion_has_the_published_sizes() -> None:
    """PORPOISE's fusion, and Pathomic Fusion's with its head: 148 thousand with both gates, 80 thousand without."""
    assert size(OuterProductFusion(256, 256, skip="inputs", encoder_dropout=False)) == 527_296
    both = OuterProductFusion(32, 32, out=64, gates=("bilinear", "bilinear"), skip="gated")
    assert size(both) + 65 == 148_033
    assert size(OuterProductFusion(32, 32, out=64, gates=(None, None), skip="gated")) + 65 == 80_321


def test_dropout_after_the_encoders_can_be_off() -> None:
    def rates(fuse: OuterProductFusion) -> list[float]:
        return [part[2].p for part in (fuse.encode, fuse.mix)]

    assert rates(OuterProductFusion(4, 4, encoder_dropout=False)) == [0, 0]
    assert rates(OuterProductFusion(4, 4)) == [0.25, 0.25]


def test_without_a_gate_the_other_modality_is_not_read() -> None:
    gate = double(ModalityGate(4, 4, 3, 2, None))
    own = noise(3, 4)
    assert torch.equal(gate(own, own, noise(3, 3)), gate(own, own, noise(3, 3, seed=9)))


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_low_rank_fusion_is_the_outer_product_with_a_tensor_of_that_rank(rank: int) -> None:
    """The explicit CP tensor, and the explicit outer product of [h; 1], for two and for three modalities."""
    two = double(LowRankFusion((3, 4), 5, rank))
    x, y, z = noise(6, 3), noise(6, 4, seed=2), noise(6, 2, seed=3)
    ones = torch.ones(6, 1).double()
    x1, y1, z1 = (torch.cat([value, ones], dim=1) for value in (x, y, z))
    tensor = torch.einsum("r,rie,rje->ije", two.rank_weights[0], *two.factors)
    torch.testing.assert_close(two(x, y), torch.einsum("bi,bj,ije->be", x1, y1, tensor) + two.bias, **CLOSE)
    three = double(LowRankFusion((3, 4, 2), 5, rank))
    tensor = torch.einsum("r,rie,rje,rke->ijke", three.rank_weights[0], *three.factors)
    expected = torch.einsum("bi,bj,bk,ijke->be", x1, y1, z1, tensor) + three.bias
    torch.testing.assert_close(three(x, y, z), expected, **CLOSE)


def test_the_appended_one_keeps_the_terms_of_one_modality_alone() -> None:
    """With the others at zero, low-rank fusion is an affine function of the one, and not a constant one."""
    fuse = double(LowRankFusion((3, 4, 2), 5, 2))
    x, other = noise(1, 3), noise(1, 3, seed=4)

    def alone(value: Tensor) -> Tensor:
        return fuse(value, torch.zeros(1, 4).double(), torch.zeros(1, 2).double())

    torch.testing.assert_close(alone(x) + alone(other), alone(x + other) + alone(torch.zeros_like(x)), **CLOSE)
    first, second, third = fuse.factors
    slope = torch.einsum("r,rie,re,re->ie", fuse.rank_weights[0], first[:, :-1], second[:, -1], third[:, -1])
    torch.testing.assert_close(alone(x) - alone(torch.zeros_like(x)), x @ slope, **CLOSE)


@pytest.mark.parametrize(("rank", "count"), [(1, 4_289), (2, 8_514), (4, 16_964), (8, 33_864)])
def test_low_rank_fusion_has_the_counted_parameters(rank: int, count: int) -> None:
    assert size(LowRankFusion((32, 32), 64, rank)) == count == rank * (33 + 33) * 64 + rank + 64


def test_low_rank_factors_start_by_xaviers_rule() -> None:
    torch.manual_seed(0)
    factor = LowRankFusion((299, 300), 200, 3).factors[0]
    assert factor.std().item() == pytest.approx((2 / (300 + 200)) ** 0.5, rel=0.02)


def test_optimal_weights_lie_between_zero_and_one() -> None:
    weigh = OptimalWeightConcatenation(130, 75)
    assert size(weigh) == 19_705
    pieces = noise(3, 64).float(), noise(3, 33).float(), noise(3, 33, seed=2).float()
    shares = weigh(*pieces) / torch.cat(pieces, dim=1)
    assert ((shares > 0) & (shares < 1)).all()
    nn.init.zeros_(weigh.weigh[2].weight)
    nn.init.zeros_(weigh.weigh[2].bias)
    torch.testing.assert_close(weigh(*pieces), torch.cat(pieces, dim=1) / 2)


@pytest.mark.parametrize(("first", "second", "n_out"), [(4, 3, 1), (3, 5, 1), (4, 3, 2)])
def test_a_pair_of_high_enough_rank_is_any_bilinear_form(first: int, second: int, n_out: int) -> None:
    """rank = min(first, second) per output is enough: the factors are those of each form's singular values."""
    forms = noise(n_out, first, second, seed=5)
    each = min(first, second)
    pair = double(LowRankBilinear(first, second, n_out, rank=n_out * each))
    left, values, right = torch.linalg.svd(forms, full_matrices=False)
    with torch.no_grad():
        for parameter in pair.parameters():
            parameter.zero_()
        pair.first.weight.copy_((left * values.unsqueeze(1)).mT.flatten(0, 1))
        pair.second.weight.copy_(right.flatten(0, 1))
        for row in range(n_out):
            pair.out.weight[row, row * each : (row + 1) * each] = 1
    x, y = noise(20, first), noise(20, second, seed=2)
    torch.testing.assert_close(pair(x, y), torch.einsum("bi,oij,bj->bo", x, forms, y), **CLOSE)


def test_a_pair_has_the_published_sizes() -> None:
    assert size(LowRankBilinear(512, 128, 64)) == 45_248
    assert size(LowRankBilinear(512, 27, 32)) == 36_704
    assert size(LowRankBilinear(128, 27, 32)) == 12_128


def test_factorised_pooling_sums_takes_the_root_and_the_length() -> None:
    pool = double(FactorisedBilinearPooling(4, 3, 5, rank=2))
    x, y = noise(6, 4), noise(6, 3, seed=2)
    for row, found in enumerate(pool(x, y)):
        u = pool.first.weight @ x[row] + pool.first.bias
        v = pool.second.weight @ y[row] + pool.second.bias
        sums = torch.stack([u[2 * k] * v[2 * k] + u[2 * k + 1] * v[2 * k + 1] for k in range(5)])
        roots = sums.sign() * sums.abs().sqrt()
        torch.testing.assert_close(found, roots / roots.square().sum().sqrt(), atol=1e-4, rtol=1e-4)


def test_factorised_pooling_of_nothing_has_finite_gradients() -> None:
    pool = FactorisedBilinearPooling(4, 3, 5, rank=2)
    for parameter in pool.parameters():
        nn.init.zeros_(parameter)
    pool(torch.zeros(2, 4), torch.zeros(2, 3)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in pool.parameters())
