"""Each rule against its closed form, and networks of a few units against relevance worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from survviz.errors import InputError
from survviz.explain.propagation import Propagation
from survviz.explain.relevance_trace import Settings

Module = TypeVar("Module", bound=nn.Module)
Found = tuple[list[np.ndarray], float, float]


def propagate(net: Callable[..., Tensor], *inputs: Tensor, rules: Settings | None = None) -> Found:
    """Relevance of each input, what constants keep, and the value, of the sum of what a network gives."""
    live = [values.detach().clone().requires_grad_() for values in inputs]
    with Propagation(rules or Settings()) as mode:
        value = net(*live).sum()
    constants = mode.trace.constants
    found = torch.autograd.grad(value, [*live, *constants], allow_unused=True)
    parts = [
        np.zeros(own.shape) if gradient is None else (own * gradient).detach().numpy()
        for own, gradient in zip([*live, *constants], found, strict=True)
    ]
    return parts[: len(live)], float(sum(part.sum() for part in parts[len(live) :])), float(value.detach())


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def double(module: Module, seed: int = 0) -> Module:
    """Of numbers that are neither zero nor one, biases and norms included."""
    random = torch.Generator().manual_seed(seed)
    for weight in module.double().parameters():
        weight.data = torch.randn(weight.shape, dtype=torch.float64, generator=random)
    return module.eval().requires_grad_(False)


def check(found: Found, *expected: Tensor | np.ndarray) -> None:
    """The inputs' relevance, and conservation."""
    for part, own in zip(found[0], expected, strict=True):
        np.testing.assert_allclose(part, np.asarray(own), atol=1e-12)
    assert sum(part.sum() for part in found[0]) + found[1] == pytest.approx(found[2], abs=1e-11)


def test_a_linear_layer_shares_by_x_times_w_and_its_bias_keeps_itself() -> None:
    layer, x = double(nn.Linear(4, 3)), noise(2, 4)
    found = propagate(layer, x)
    check(found, x * layer.weight.sum(dim=0))
    assert found[1] == pytest.approx(2 * float(layer.bias.sum()))


def network_by_hand(
    net: nn.Sequential, x: np.ndarray, share: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Relevance of x from that of the outputs, layer by layer, with the products x_j w_jk shared by a rule."""
    numbers = [weight.numpy() for weight in net.parameters()]
    layers = [numbers[:2], numbers[2:]]
    hidden = np.maximum(layers[0][0] @ x + layers[0][1], 0)
    relevance = layers[1][0] @ hidden + layers[1][1]
    for (weight, bias), below in zip(layers[::-1], (hidden, x), strict=True):
        products = np.column_stack([weight * below, bias])  # the bias last: its share is not passed on
        relevance = (share(products, products.sum(axis=1)) * relevance[:, None]).sum(axis=0)[:-1]
    return relevance


def epsilon_0(products: np.ndarray, total: np.ndarray) -> np.ndarray:
    return products / total[:, None]


def epsilon(products: np.ndarray, total: np.ndarray) -> np.ndarray:
    size = 0.1 * np.abs(total).mean()
    return products / (total + np.where(total < 0, -size, size))[:, None]


def alpha_beta(products: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Alpha 2; where there is one sign alone, it gets everything."""
    up, down = np.maximum(products, 0), np.minimum(products, 0)
    shares = [part / np.where(part.any(axis=1), part.sum(axis=1), 1)[:, None] for part in (up, down)]
    both = np.logical_and(up.any(axis=1), down.any(axis=1))[:, None]
    return np.where(both, 2 * shares[0] - shares[1], shares[0] + shares[1])


@pytest.mark.parametrize(
    ("rules", "by_hand"),
    [
        (Settings(), epsilon_0),
        (Settings("epsilon", epsilon=0.1), epsilon),
        (Settings("alpha-beta", alpha=2), alpha_beta),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_two_layers_have_the_relevance_of_the_published_formula(
    rules: Settings, by_hand: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int
) -> None:
    """Bach et al. 2015, equations 56, 58 and 60; two outputs, five hidden units."""
    net = double(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), seed)
    x = noise(4, seed=seed + 10)
    check(propagate(net, x, rules=rules), network_by_hand(net, x.numpy(), by_hand))


def test_alpha_beta_gives_all_to_the_only_sign_there_is() -> None:
    layer = nn.Linear(2, 1, bias=False).double()
    layer.weight.data = torch.tensor([[1.0, 3.0]], dtype=torch.float64)
    check(propagate(layer, torch.ones(1, 2).double(), rules=Settings("alpha-beta")), np.array([[1.0, 3.0]]))
    check(propagate(layer, -torch.ones(1, 2).double(), rules=Settings("alpha-beta")), np.array([[-1.0, -3.0]]))


def test_a_network_worked_out_by_hand() -> None:
    """relu(x1 + x2), relu(x1 - x2), then 2 h1 + h2 + 1, at (3, 1): h = (4, 2), f = 11."""
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 1)
    for weight, values in ((first.weight, [[1, 1], [1, -1]]), (second.weight, [[2, 1]]), (second.bias, [1])):
        weight.data = torch.tensor(values, dtype=torch.float64)
    net = nn.Sequential(first, nn.ReLU(), second)
    parts, kept, value = propagate(net, torch.tensor([[3.0, 1]], dtype=torch.float64))
    assert (parts[0].tolist(), kept, value) == ([[9.0, 1.0]], 1.0, 11.0)


@pytest.mark.parametrize(
    "function", [functional.relu, functional.gelu, functional.elu, functional.selu, functional.silu, torch.tanh]
)
def test_an_activation_passes_all_on(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.cat([noise(7), torch.zeros(1).double()])
    found = propagate(function, x)
    check(found, function(x))
    assert found[1] == 0


def test_an_activation_that_is_not_zero_at_zero_keeps_that_much() -> None:
    x = noise(5)
    found = propagate(functional.softplus, x)
    check(found, functional.softplus(x) - np.log(2))
    assert found[1] == pytest.approx(5 * np.log(2))


def test_a_gate_is_a_constant_and_its_complement_too() -> None:
    x, gate = noise(6), noise(6, seed=1)
    check(propagate(lambda a, b: a.tanh() * b.sigmoid(), x, gate), x.tanh() * gate.sigmoid(), torch.zeros(6))
    check(
        propagate(lambda a, b: b.sigmoid() * a + (1 - b.sigmoid()) * a.relu(), x, gate),
        gate.sigmoid() * x + (1 - gate.sigmoid()) * x.relu(),
        torch.zeros(6),
    )


def test_attention_pooling_gives_each_item_its_weight_times_its_value() -> None:
    items, scores = noise(5, 3), noise(5, seed=1)
    weights = scores.softmax(dim=0)
    check(propagate(lambda v, s: s.softmax(dim=0) @ v, items, scores), weights[:, None] * items, torch.zeros(5))


def test_attention_goes_to_values_and_none_of_it_to_queries_and_keys() -> None:
    query, key, value = noise(1, 2, 4, 3), noise(1, 2, 6, 3, seed=1), noise(1, 2, 6, 3, seed=2)
    weights = (query @ key.mT / 3**0.5).softmax(dim=-1)
    expected = weights.sum(dim=2).unsqueeze(-1) * value
    check(
        propagate(functional.scaled_dot_product_attention, query, key, value),
        torch.zeros_like(query),
        torch.zeros_like(key),
        expected,
    )


def test_multi_head_attention_of_torch_is_its_values_through_two_linear_layers() -> None:
    module, x, heads = double(nn.MultiheadAttention(6, 2, batch_first=True)), noise(1, 4, 6), 2
    _, weights = module(x, x, x, average_attn_weights=False)
    w_value, w_out = module.in_proj_weight[12:].view(heads, 3, 6), module.out_proj.weight.view(6, heads, 3)
    each = torch.einsum("hln,hed,ohe,nd->nd", weights[0], w_value, w_out, x[0]).detach()
    found = propagate(lambda v: module(v, v, v)[0], x)
    check(found, each.unsqueeze(0))
    assert found[2] == pytest.approx(float(module(x, x, x)[0].sum()))


def test_layer_norm_divides_by_a_constant() -> None:
    """sum_k v_k (x_k - mean) / sd: entry i gets x_i (v_i - mean of v) / sd."""
    norm, x = double(nn.LayerNorm(5)), noise(2, 5)
    weight = norm.weight
    sd = (x.var(dim=1, correction=0, keepdim=True) + norm.eps).sqrt()
    found = propagate(norm, x)
    check(found, x * (weight - weight.mean()) / sd)
    assert found[1] == pytest.approx(2 * float(norm.bias.sum()))


def test_batch_norm_is_a_scale_and_a_shift() -> None:
    norm, x = double(nn.BatchNorm1d(3)), noise(4, 3)
    norm.running_mean, norm.running_var = noise(3, seed=1), noise(3, seed=2).square()
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    found = propagate(norm, x)
    check(found, x * scale)
    assert found[1] == pytest.approx(4 * float((norm.bias - norm.running_mean * scale).sum()))


def test_lengths_and_roots_are_constants() -> None:
    x = noise(2, 5)
    root = (x.abs() + 1e-6).rsqrt()
    check(propagate(lambda v: functional.normalize(v, dim=-1), x), functional.normalize(x, dim=-1))
    check(propagate(lambda v: v * (v.abs() + 1e-6).rsqrt(), x), x * root)


def test_a_product_is_shared_by_halves_and_one_of_three_by_thirds() -> None:
    x, y, z = noise(4), noise(4, seed=1), noise(4, seed=2)
    check(propagate(torch.mul, x, y), x * y / 2, x * y / 2)
    check(propagate(torch.square, x), x * x)
    check(propagate(lambda a: a * a, x), x * x)
    three = propagate(lambda a, b, c: torch.stack([a, b, c]).prod(dim=0), x, y, z)
    check(three, x * y * z / 3, x * y * z / 3, x * y * z / 3)


def test_matrix_einsum_and_bilinear_products_are_shared_by_halves() -> None:
    x, y = noise(2, 3), noise(3, 2, seed=1)
    check(propagate(torch.matmul, x, y), x * y.sum(dim=1) / 2, y * x.sum(dim=0).unsqueeze(1) / 2)
    check(
        propagate(lambda a, b: torch.einsum("ij,jk->ik", a, b), x, y),
        x * y.sum(dim=1) / 2,
        y * x.sum(dim=0).unsqueeze(1) / 2,
    )
    layer, first, second = double(nn.Bilinear(3, 2, 4)), noise(1, 3), noise(1, 2, seed=1)
    products = torch.einsum("i,j,oij->ij", first[0], second[0], layer.weight)
    check(propagate(layer, first, second), products.sum(dim=1)[None] / 2, products.sum(dim=0)[None] / 2)


def test_in_an_outer_product_an_appended_one_gets_nothing() -> None:
    """Kronecker fusion: products by halves, single terms to their owner, 1 x 1 to no one."""

    def fuse(x: Tensor, y: Tensor) -> Tensor:
        one = torch.ones_like(x[:, :1])
        return torch.cat([x, one], dim=-1).unsqueeze(2) * torch.cat([y, one], dim=-1).unsqueeze(1)

    x, y = noise(1, 3), noise(1, 4, seed=1)
    found = propagate(fuse, x, y)
    check(found, x * (y.sum() / 2 + 1), y * (x.sum() / 2 + 1))
    assert found[1] == pytest.approx(1)


def test_max_pooling_gives_all_to_the_winner_and_equals_share() -> None:
    x = torch.tensor([[1.0, 5, 2], [4, 4, 0]], dtype=torch.float64)
    expected = torch.tensor([[0.0, 5, 0], [2, 2, 0]])
    check(propagate(lambda v: v.amax(dim=1), x), expected)


def test_concatenation_means_residuals_and_masks_pass_relevance_on() -> None:
    x, mask = noise(2, 3), torch.tensor([[True, False, True], [True, True, False]])
    check(propagate(lambda v: torch.cat([v, 2 * v], dim=1).mean(dim=1), x), 3 * x / 6)
    check(propagate(lambda v: v + v.relu(), x), x + x.relu())
    check(propagate(lambda v: v.where(mask, 0).sum(dim=1) / mask.sum(dim=1), x), x * mask / 2)
    filled = propagate(lambda v: v.masked_fill(~mask, 3.0), x)
    check(filled, x * mask)
    assert filled[1] == 6


def test_a_convolution_is_linear() -> None:
    layer, x = double(nn.Conv2d(2, 2, 3, padding=1, groups=2)), noise(1, 2, 4, 4)
    slopes = torch.autograd.functional.jacobian(lambda v: layer(v).sum(), x)
    assert isinstance(slopes, Tensor)
    check(propagate(layer, x), x * slopes)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([Settings(), Settings("epsilon"), Settings("alpha-beta", alpha=1.5)]))
def test_nothing_is_lost_in_a_transformer_layer(seed: int, rules: Settings) -> None:
    layer = double(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), seed)
    x = noise(1, 3, 6, seed=seed)
    parts, kept, value = propagate(lambda v: layer(v) @ noise(6), x, rules=rules)
    assert value == pytest.approx(float((layer(x) @ noise(6)).sum()), rel=1e-9, abs=1e-9)
    assert parts[0].sum() + kept == pytest.approx(value, rel=1e-8, abs=1e-8)


def test_a_function_without_a_rule_is_refused_where_relevance_reaches_it() -> None:
    with pytest.raises(InputError, match="no rule for torch's 'cumprod'"):
        propagate(lambda v: v.cumprod(dim=0), noise(3))
    check(propagate(lambda v: v + v.cumprod(dim=0).softmax(dim=0), noise(3)), noise(3))


def test_a_change_in_place_is_refused_at_once() -> None:
    def add_in_place(values: Tensor) -> Tensor:
        doubled = 2 * values
        doubled.add_(1)
        return doubled

    with pytest.raises(InputError, match="'add_'"):
        propagate(add_in_place, noise(3))


def test_weights_are_constants_and_keep_no_gradient() -> None:
    layer, x = nn.Linear(3, 2).double(), noise(2, 3)
    found = propagate(lambda v: v @ layer.weight.mT * layer.weight[0, 0], x)
    check(found, (x * layer.weight.sum(dim=0) * layer.weight[0, 0]).detach())
    assert layer.weight.grad is None
