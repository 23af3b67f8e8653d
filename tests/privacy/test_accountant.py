"""The accountant against dp-accounting, closed forms and numbers of the literature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from survviz.errors import PrivacyError
from survviz.privacy.accountant import (
    ORDERS,
    Training,
    discrete_gaussian_loss,
    discrete_laplace_loss,
    noise_multiplier_for,
)
from survviz.privacy.gaussian import analytic_delta, analytic_sigma
from survviz.privacy.loss_distribution import from_atoms

RUNS = [(1.06, 512 / 8880, 510), (4.978, 512 / 8880, 510), (2.0, 0.002, 3000), (0.6, 0.01, 100), (3.0, 1.0, 20)]


def event(training: Training) -> SelfComposedDpEvent:
    once = PoissonSampledDpEvent(training.sampling_rate, GaussianDpEvent(training.noise_multiplier))
    return SelfComposedDpEvent(once, training.steps)


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_epsilon_is_that_of_a_second_implementation(run: tuple[float, float, int]) -> None:
    training = Training(*run)
    oracle = PLDAccountant().compose(event(training)).get_epsilon(1e-5)
    assert training.epsilon(1e-5) == pytest.approx(oracle, rel=1e-3)  # 1 % is asked


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_renyi_bound_is_that_of_a_second_implementation_and_looser(run: tuple[float, float, int]) -> None:
    training = Training(*run)
    oracle = RdpAccountant(orders=list(ORDERS)).compose(event(training)).get_epsilon(1e-5)
    assert training.renyi_epsilon(1e-5) == pytest.approx(oracle, rel=1e-9)
    assert training.epsilon(1e-5) < training.renyi_epsilon(1e-5)


def test_without_sampling_it_is_the_analytic_gaussian() -> None:
    training = Training(5.0, 1.0, 25)  # together one Gaussian of sigma 1
    for epsilon in (0.5, 2.0, 5.0):
        exact = analytic_delta(1.0, epsilon)
        assert exact <= training.delta(epsilon) < exact * 1.001 + 1e-9
    assert training.epsilon(analytic_delta(1.0, 3.0)) == pytest.approx(3.0, rel=1e-4)


def test_analytic_sigma_has_the_published_values() -> None:
    assert [round(analytic_sigma(epsilon, 1e-5), 2) for epsilon in (1, 2, 4, 8)] == [3.73, 1.99, 1.08, 0.60]


def test_a_coarser_grid_is_never_on_the_optimistic_side() -> None:
    training = Training(1.0, 0.03, 200)
    fine, coarse = training.epsilon(1e-5), training.epsilon(1e-5, step=5e-2)
    assert fine <= coarse < fine * 1.1


def test_more_steps_cost_more_and_more_noise_costs_less() -> None:
    def cost(sigma: float, q: float, steps: int) -> float:
        return Training(sigma, q, steps).epsilon(1e-5, step=1e-3)

    assert cost(2.0, 0.05, 100) < cost(2.0, 0.05, 200) < cost(2.0, 0.1, 200)
    assert cost(3.0, 0.05, 100) < cost(2.0, 0.05, 100)


def test_noise_multiplier_is_the_smallest_that_is_certified() -> None:
    sigma = noise_multiplier_for(2.0, 1e-5, sampling_rate=512 / 8880, steps=510)
    assert Training(sigma, 512 / 8880, 510).epsilon(1e-5) <= 2.0
    assert Training(sigma - 0.003, 512 / 8880, 510).epsilon(1e-5) > 2.0


def test_laplace_vector_has_its_published_approximate_guarantee() -> None:
    """128 coordinates at epsilon 4 in all are (1.34, 1e-5); 512 at 10 are (1.73, 1e-5)."""
    for count, epsilon, expected in ((128, 4.0, 1.34), (512, 10.0, 1.73)):
        one = discrete_laplace_loss(1024, 1024 * count / epsilon)
        assert one.compose(count).epsilon(1e-5) == pytest.approx(expected, abs=0.006)


def test_laplace_loss_never_passes_its_pure_epsilon() -> None:
    one = discrete_laplace_loss(10, 5.0)
    assert one.mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert one.delta(2.0) < 1e-12
    assert one.delta(1.9) > 0.01


def test_discrete_gaussian_is_close_to_the_continuous_one() -> None:
    for epsilon in (0.5, 2.0):
        exact = analytic_delta(0.8, epsilon)
        assert discrete_gaussian_loss(1024, 0.8 * 1024).delta(epsilon) == pytest.approx(exact, rel=1e-5)


def test_opposite_corners_are_the_worst_for_discrete_gaussian_noise() -> None:
    """Every pair of records on a small lattice of two coordinates, by enumeration."""
    steps, scales, epsilon, reach = 3, (2.0, 3.5), 1.0, 40
    noise = np.arange(-reach, reach + 1)

    def density(centre: int, scale: float) -> np.ndarray:
        return np.exp(-0.5 * ((noise - centre) / scale) ** 2) / np.exp(-0.5 * (noise / scale) ** 2).sum()

    def lost(shift: tuple[int, int]) -> float:
        zero, moved = (np.outer(*(density(at * by, s) for by, s in zip(shift, scales, strict=True))) for at in (0, 1))
        return float(np.maximum(zero - math.exp(epsilon) * moved, 0).sum())

    worst = max(lost((a, b)) for a in range(-steps, steps + 1) for b in range(-steps, steps + 1))
    first, second = (discrete_gaussian_loss(steps, scale) for scale in scales)
    certified = first.together(second).delta(epsilon)
    assert worst == pytest.approx(lost((steps, steps)), rel=1e-12)
    assert worst <= certified < worst * (1 + 1e-4)


def test_randomised_response_by_hand() -> None:
    """Two answers, one step: delta is p - e^epsilon (1 - p)."""
    p = math.exp(1.5) / (1 + math.exp(1.5))
    loss = from_atoms(np.array([1.5, -1.5]), np.array([p, 1 - p]))
    for epsilon in (0.0, 0.7, 1.5):
        assert loss.delta(epsilon) == pytest.approx(p - math.exp(epsilon) * (1 - p), abs=1e-9)
    twice = loss.together(loss)
    assert twice.delta(2.0) == pytest.approx(p * p - math.exp(2.0) * (1 - p) ** 2, abs=1e-9)
    assert loss.compose(2).delta(2.0) == pytest.approx(twice.delta(2.0), abs=1e-9)


def test_guarantee_of_a_run_says_everything_and_never_less_than_it_costs() -> None:
    training = Training(2.755, 512 / 8880, 510)
    spec = training.spec(1e-5, patients=8880)
    assert spec.epsilon is not None
    assert spec.epsilon >= training.epsilon(1e-5)
    assert "add" in spec.words
    assert "patient entered now" in spec.words
    with pytest.raises(PrivacyError, match="publish one of them whole"):
        training.spec(1e-3, patients=8880)


NO_RUNS = [
    (0.0, 0.1, 10),
    (0.19, 0.1, 10),
    (1e4, 0.1, 10),
    (1.0, 0.0, 10),
    (1.0, 1.1, 10),
    (1.0, 0.1, 0),
    (math.nan, 0.1, 1),
]


@pytest.mark.parametrize("run", NO_RUNS)
def test_a_run_that_is_none_is_refused(run: tuple[float, float, int]) -> None:
    with pytest.raises(PrivacyError, match=r"^Noise multiplier .* were given; they are at least 0\.2, in \(0, 1\]"):
        Training(*run)


def test_the_least_run_is_one() -> None:
    assert Training(0.2, 1.0, 1).steps == 1


def test_a_delta_below_the_arithmetic_is_refused() -> None:
    with pytest.raises(PrivacyError, match="at least 1e-09"):
        Training(2.0, 0.1, 10).epsilon(1e-12)
