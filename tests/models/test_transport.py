"""Unbalanced transport against a plain loop, its optimality conditions, and a general minimiser."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from survviz.models.blocks.transport import (
    TransportAttention,
    enough_iterations,
    log_transport_plan,
    transport_cost,
)


def costs(n_cases: int = 2, n_tokens: int = 3, n_patches: int = 8, dtype=torch.float64) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(n_cases, n_tokens, n_patches, generator=random, dtype=dtype)


def everything(cost: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(cost), cost.shape[2], dtype=torch.bool)


def plain_loop(cost: np.ndarray, eps: float, tau: float, iterations: int, reference: str = "marginals") -> np.ndarray:
    """One case in the exponent domain, as in textbooks: u K v with u = (a / K v)^(tau / (tau + eps))."""
    a, b = np.full(len(cost), 1 / len(cost)), np.full(cost.shape[1], 1 / cost.shape[1])
    kernel = np.exp(-cost / eps) * (np.outer(a, b) if reference == "marginals" else 1)
    power = 1.0 if math.isinf(tau) else tau / (tau + eps)
    v = np.ones(cost.shape[1])
    for _ in range(iterations):
        u = (a / (kernel @ v)) ** power
        v = (b / (kernel.T @ u)) ** power
    return u[:, None] * kernel * v


@pytest.mark.parametrize(("eps", "tau"), [(0.1, 0.5), (0.05, 0.5), (0.1, 5.0), (0.1, math.inf)])
def test_the_log_domain_equals_a_plain_loop(eps, tau) -> None:
    cost = costs()
    found = log_transport_plan(cost, everything(cost), eps, tau).exp()
    for row in range(2):
        np.testing.assert_allclose(found[row], plain_loop(cost[row].numpy(), eps, tau, 5000), rtol=1e-6)


def test_single_precision_agrees_with_double() -> None:
    cost = costs(n_patches=300)
    found = log_transport_plan(cost.float(), everything(cost)).exp()
    torch.testing.assert_close(found.double(), log_transport_plan(cost, everything(cost)).exp(), rtol=1e-5, atol=1e-9)


def test_the_plan_is_where_the_objective_is_stationary() -> None:
    """C + eps log(P / a b^T) + tau log(P 1 / a) + tau log(P^T 1 / b) = 0 at every entry."""
    cost, eps, tau = costs(), 0.1, 0.5
    log_plan = log_transport_plan(cost, everything(cost), eps, tau)
    log_a, log_b = -math.log(3), -math.log(8)
    rows, columns = (log_plan.logsumexp(dim=dim, keepdim=True) for dim in (2, 1))
    slope = cost + eps * (log_plan - log_a - log_b) + tau * (rows - log_a) + tau * (columns - log_b)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-8, rtol=0)


def test_a_general_minimiser_finds_the_same_plan() -> None:
    cost, eps, tau = costs(1, 2, 3)[0].numpy(), 0.1, 0.5
    a, b = np.full(2, 1 / 2), np.full(3, 1 / 3)

    def divergence(p: np.ndarray, q: np.ndarray) -> float:
        return float((p * np.log(p / q) - p + q).sum())

    def objective(log_plan: np.ndarray) -> float:
        plan = np.exp(log_plan).reshape(2, 3)
        marginals = divergence(plan.sum(1), a) + divergence(plan.sum(0), b)
        return float((plan * cost).sum()) + eps * divergence(plan, np.outer(a, b)) + tau * marginals

    best = minimize(objective, np.full(6, -2.0), method="BFGS", options={"gtol": 1e-9})
    found = log_transport_plan(torch.from_numpy(cost)[None], torch.ones(1, 3, dtype=torch.bool), eps, tau)[0].exp()
    np.testing.assert_allclose(found, np.exp(best.x).reshape(2, 3), rtol=1e-5)


def test_balanced_transport_keeps_both_marginals() -> None:
    cost = costs()
    plan = log_transport_plan(cost, everything(cost), tau=math.inf).exp()
    torch.testing.assert_close(plan.sum(dim=2), torch.full((2, 3), 1 / 3, dtype=plan.dtype))
    torch.testing.assert_close(plan.sum(dim=1), torch.full((2, 8), 1 / 8, dtype=plan.dtype))


def test_balanced_transport_is_the_limit_of_a_large_tau() -> None:
    cost = costs()
    balanced = log_transport_plan(cost, everything(cost), tau=math.inf)
    distances = [
        (log_transport_plan(cost, everything(cost), tau=tau, iterations=20_000) - balanced).abs().max()
        for tau in (1.0, 10.0, 100.0)
    ]
    assert distances[0] > 5 * distances[1] > 25 * distances[2]


@pytest.mark.parametrize("eps", [0.1, 0.05, 0.01])
def test_the_number_of_iterations_is_enough(eps) -> None:
    cost = costs(n_patches=50)
    found = log_transport_plan(cost, everything(cost), eps)
    more = log_transport_plan(cost, everything(cost), eps, iterations=4 * enough_iterations(eps, 0.5))
    torch.testing.assert_close(found, more, atol=1e-7, rtol=0)


def test_a_reference_measure_that_counts_only_scales_the_mass() -> None:
    """With -H(P) for KL(P | a b^T), the mass grows with the number of patches: by (T N)^(eps / (eps + 2 tau))."""
    cost, eps, tau = costs(), 0.1, 0.5
    plan = log_transport_plan(cost, everything(cost), eps, tau).exp()[0].numpy()
    counting = plain_loop(cost[0].numpy(), eps, tau, 5000, "counting")
    np.testing.assert_allclose(counting, plan * 24 ** (eps / (eps + 2 * tau)), rtol=1e-6)


def test_padding_takes_no_mass_and_changes_nothing() -> None:
    random = torch.Generator().manual_seed(0)
    tokens = torch.randn(2, 3, 5, generator=random, dtype=torch.float64)
    patches = torch.randn(2, 9, 5, generator=random, dtype=torch.float64) * 10
    mask = torch.arange(9) < torch.tensor([[9], [4]])
    seen, log_plan = TransportAttention()(tokens, patches, mask)
    alone, alone_plan = TransportAttention()(tokens[1:], patches[1:, :4], mask[1:, :4])
    torch.testing.assert_close(seen[1:], alone)
    torch.testing.assert_close(log_plan[1:, ..., :4], alone_plan)
    assert not log_plan[1, ..., 4:].exp().any()


def test_costs_are_squared_distances_of_shifted_rows_scaled_per_case() -> None:
    random = torch.Generator().manual_seed(0)
    tokens, patches = torch.randn(2, 3, 5, generator=random), torch.randn(2, 6, 5, generator=random)
    mask = torch.arange(6) < torch.tensor([[6], [2]])
    found = transport_cost(tokens, patches, mask)
    for row, n in ((0, 6), (1, 2)):
        expected = torch.empty(3, n)
        for i in range(3):
            for j in range(n):
                x, y = tokens[row, i], patches[row, j]
                expected[i, j] = ((x - x.min()) - (y - y.min())).square().sum()
        torch.testing.assert_close(found[row, :, :n], expected / expected.max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tau", [0.5, math.inf])
def test_a_sharp_plan_has_no_nan(dtype, tau) -> None:
    cost = costs(n_patches=50, dtype=dtype)
    log_plan = log_transport_plan(cost, everything(cost), 0.01, tau)
    assert log_plan.isfinite().all()
    assert 0 < float(log_plan.exp().sum()) < 3


def test_a_case_without_patches_and_equal_rows_are_no_trouble() -> None:
    tokens, patches = torch.ones(2, 3, 5), torch.ones(2, 4, 5).requires_grad_()
    mask = torch.tensor([[True] * 4, [False] * 4])
    seen, log_plan = TransportAttention()(tokens, patches, mask)
    torch.testing.assert_close(seen[0], torch.full((3, 5), 1 / 3))
    assert not seen[1].any()
    assert log_plan.isfinite().all()
    seen.sum().backward()
    assert patches.grad.isfinite().all()


def test_no_gradient_passes_through_the_plan() -> None:
    tokens = torch.randn(1, 3, 5, requires_grad=True)
    patches = torch.randn(1, 4, 5, requires_grad=True)
    seen, log_plan = TransportAttention()(tokens, patches, torch.ones(1, 4, dtype=torch.bool))
    assert not log_plan.requires_grad
    seen.sum().backward()
    assert tokens.grad is None
    torch.testing.assert_close(patches.grad[0, :, 0], log_plan[0, 0].exp().sum(0))


def test_half_precision_around_it_leaves_the_plan_exact() -> None:
    random = torch.Generator().manual_seed(0)
    tokens, patches = (torch.randn(2, n, 64, generator=random).bfloat16() + 20 for n in (3, 50))
    mask = torch.ones(2, 50, dtype=torch.bool)
    _, expected = TransportAttention()(tokens.double(), patches.double(), mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen, found = TransportAttention()(tokens, patches, mask)
    assert seen.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, atol=1e-3, rtol=0)
