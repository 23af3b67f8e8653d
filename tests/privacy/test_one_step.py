"""One step of DP-SGD in closed form, each direction by itself, and the search for its noise.

Composed runs are compared with a second implementation in `test_accountant.py`; there the worse direction hides the
other one, and many steps hide what one of them has lost at its ends.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy
from scipy.stats import norm

from survviz.errors import PrivacyError
from survviz.privacy import accountant
from survviz.privacy.accountant import Training, discrete_gaussian_loss, discrete_laplace_loss, noise_multiplier_for
from survviz.privacy.loss_distribution import TAIL

STEP = 1e-2
STEPS = [(0.7, 0.3), (2.0, 0.05), (1.3, 1.0)]
"""Noise multiplier and sampling rate."""


def removed(epsilon: float, sigma: float, q: float) -> float:
    """delta of the mixture against the Gaussian: the outcomes above a point."""
    inside = (math.exp(epsilon) - (1 - q)) / q
    if inside <= 0:
        return 1 - math.exp(epsilon)
    x = 0.5 + sigma**2 * math.log(inside)
    mixture = (1 - q) * norm.sf(x / sigma) + q * norm.sf((x - 1) / sigma)
    return mixture - math.exp(epsilon) * norm.sf(x / sigma)


def added(epsilon: float, sigma: float, q: float) -> float:
    """delta of the Gaussian against the mixture: the outcomes below a point."""
    inside = (math.exp(-epsilon) - (1 - q)) / q
    if inside <= 0:
        return 0.0
    x = 0.5 + sigma**2 * math.log(inside)
    mixture = (1 - q) * norm.cdf(x / sigma) + q * norm.cdf((x - 1) / sigma)
    return norm.cdf(x / sigma) - math.exp(epsilon) * mixture


@pytest.mark.parametrize(("sigma", "q"), STEPS)
def test_one_step_is_exact_on_the_grid_in_both_directions(sigma: float, q: float) -> None:
    for found, exact in zip(Training(sigma, q, 1).loss_distributions(STEP), (removed, added), strict=True):
        assert found.step == STEP
        for k in (-300, -60, -20, -3, 0, 1, 4, 25, 80, 200):
            assert found.delta(k * STEP) == pytest.approx(exact(k * STEP, sigma, q), abs=1e-13), k


@pytest.mark.parametrize("steps", [1, 40])
@pytest.mark.parametrize(("sigma", "q"), STEPS)
def test_what_lies_beyond_the_ends_is_counted(
    sigma: float, q: float, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ends that hold something, all of P is there, and what is above is lost: never more than asked for."""
    monkeypatch.setattr(accountant, "TAIL", 1e-3)
    one_way, other = accountant._removed(sigma, q, steps, STEP), accountant._added(sigma, q, steps, STEP)
    for found, exact in ((one_way, removed), (other, added)):
        assert found.mass.min() >= 0
        assert found.mass.sum() + found.infinity == pytest.approx(1.0, abs=1e-12)
        assert 0 <= found.infinity <= 1e-3 / steps
        for epsilon in found.losses[1::50]:
            assert found.delta(epsilon) >= exact(epsilon, sigma, q) - 1e-13
    x = 0.5 + sigma**2 * math.log((math.exp(one_way.losses[-1]) - (1 - q)) / q)
    mixture = (1 - q) * norm.sf(x / sigma) + q * norm.sf((x - 1) / sigma)
    assert one_way.infinity == pytest.approx(mixture, rel=1e-9)


def test_atoms_of_discrete_noise_keep_the_grid_that_was_asked_for() -> None:
    for found, lost in ((discrete_gaussian_loss(8, 6.0, STEP), 2 * TAIL), (discrete_laplace_loss(8, 6.0, STEP), 0.0)):
        assert (found.step, found.infinity) == (STEP, lost)
        assert found.mass.sum() == pytest.approx(1.0, abs=1e-12)
    noise = np.arange(-200, 201)
    density = np.exp(-0.5 * (noise / 6.0) ** 2)
    moved = np.exp(-0.5 * ((noise - 8) / 6.0) ** 2)
    exact = np.maximum(density - math.exp(0.5) * moved, 0).sum() / density.sum()
    assert discrete_gaussian_loss(8, 6.0, STEP).delta(0.5) == pytest.approx(exact, abs=1e-4)


RATE, BATCHES = 0.2, 6


@pytest.fixture(scope="module")
def smallest() -> float:
    """The noise multiplier that is certified at (2, 1e-5), a thousandth more than one that is not."""
    sigma = noise_multiplier_for(2.0, 1e-5, sampling_rate=RATE, steps=BATCHES)
    assert Training(sigma, RATE, BATCHES).epsilon(1e-5) <= 2.0
    assert Training(sigma - 0.002, RATE, BATCHES).epsilon(1e-5) > 2.0
    assert round(sigma, 3) == sigma
    return sigma


@pytest.mark.parametrize("off", [-0.3, -0.01, 0.5])
def test_a_poor_start_is_no_matter(off: float, smallest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    start = accountant._renyi_start
    monkeypatch.setattr(accountant, "_renyi_start", lambda *run: max(start(*run) + off, math.log(smallest)))
    assert noise_multiplier_for(2.0, 1e-5, sampling_rate=RATE, steps=BATCHES) == pytest.approx(smallest, abs=0.0011)


def test_a_root_that_is_too_low_is_raised_until_it_is_certified(
    smallest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = scipy.optimize.root_scalar

    def low(*arguments: object, **named: object) -> object:
        found = find(*arguments, **named)
        found.root -= 0.002  # of the logarithm
        return found

    monkeypatch.setattr(scipy.optimize, "root_scalar", low)
    sigma = noise_multiplier_for(2.0, 1e-5, sampling_rate=RATE, steps=BATCHES)
    assert sigma == pytest.approx(smallest, abs=0.0011)
    assert Training(sigma, RATE, BATCHES).epsilon(1e-5) <= 2.0


def test_little_noise_is_found_and_what_no_noise_gives_is_refused() -> None:
    assert 0.3 < noise_multiplier_for(12.0, 1e-5, sampling_rate=RATE, steps=BATCHES) < 1.0
    for epsilon, steps in ((0.1, 10**6), (1e4, 10)):
        with pytest.raises(PrivacyError, match=rf"between 0\.3 and 1,000 gives epsilon {epsilon:g} at delta 1e-05\."):
            noise_multiplier_for(epsilon, 1e-5, sampling_rate=0.5, steps=steps)


def test_a_delta_of_one_patient_is_refused() -> None:
    with pytest.raises(PrivacyError, match="publish one of them whole"):
        Training(2.0, 0.1, 10).spec(1 / 64, patients=64)
    assert Training(2.0, 0.1, 10).spec(1 / 65, patients=64).delta == 1 / 65


def test_mass_between_points_is_accurate_in_both_tails() -> None:
    points = np.array([-9.2, -9.1, -0.1, 0.2, 9.1, 9.2])
    found = accountant._between(points)
    assert found[0] == pytest.approx(found[-1], rel=1e-12)
    assert found[-1] == pytest.approx(norm.sf(9.1) - norm.sf(9.2), rel=1e-9)
    assert found.sum() == pytest.approx(1.0, abs=1e-15)
