"""What DP-SGD costs its training patients: the Poisson-subsampled Gaussian, step after step.

Every step each patient is in the batch with probability q, their gradient is clipped to C, and N(0, (sigma C)^2) is
added to the sum. The worst neighbours are N(0, sigma^2) against (1 - q) N(0, sigma^2) + q N(1, sigma^2). Both ways (a
patient added, a patient removed) are composed, and the worse one counts. Renyi's bound is a cross-check: valid too, and
10 % looser. The central limit (GDP) reads lower than either: it is no bound, and not here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when first used
from numpy.typing import NDArray

from survviz.errors import PrivacyError
from survviz.privacy.loss_distribution import STEP, TAIL, LossDistribution, from_atoms, from_intervals
from survviz.privacy.spec import PrivacySpec

ORDERS = tuple(range(2, 257))
TRAINING_OPEN = (
    "the patient entered now",
    "what holds for people like the training patients in general",
    "relatives, and one person counted as several patients",
    "choices made by looking at the data: settings, features, cut-offs, reported metrics",
)


@dataclass(frozen=True, slots=True)
class Training:
    """Public constants of a DP-SGD run.

    Attributes:
        noise_multiplier: sigma, the noise's standard deviation over the clipping norm.
        sampling_rate: q, with which every patient enters a batch, independently; a public constant.
        steps: number of batches.
    """

    noise_multiplier: float
    sampling_rate: float
    steps: int

    def __post_init__(self) -> None:
        if not (0.2 <= self.noise_multiplier < 1e4 and 0 < self.sampling_rate <= 1 and self.steps >= 1):
            raise PrivacyError(
                f"Noise multiplier {self.noise_multiplier:g}, sampling rate {self.sampling_rate:g} and {self.steps} "
                "steps were given; they are at least 0.2, in (0, 1] and at least 1."
            )

    def loss_distributions(self, step: float = STEP) -> tuple[LossDistribution, LossDistribution]:
        """Privacy loss of the whole run, when a patient is removed and when one is added."""
        sigma, q = self.noise_multiplier, self.sampling_rate
        removed, added = _removed(sigma, q, self.steps, step), _added(sigma, q, self.steps, step)
        return removed.compose(self.steps), added.compose(self.steps)

    def epsilon(self, delta: float, step: float = STEP) -> float:
        """Certified epsilon at delta; an upper bound."""
        return max(distribution.epsilon(delta) for distribution in self.loss_distributions(step))

    def delta(self, epsilon: float, step: float = STEP) -> float:
        """Certified delta at epsilon; an upper bound."""
        return max(distribution.delta(epsilon) for distribution in self.loss_distributions(step))

    def renyi_epsilon(self, delta: float) -> float:
        """Epsilon at delta by Renyi divergences of whole orders: the cross-check."""
        orders = np.array(ORDERS)
        divergence = self.steps * np.array(
            [_renyi(self.noise_multiplier, self.sampling_rate, order) for order in ORDERS]
        )
        # Balle et al. 2020, Theorem 21
        found = divergence + np.log1p(-1 / orders) - (math.log(delta) + np.log(orders)) / (orders - 1)
        return max(0.0, float(found.min()))

    def spec(self, delta: float, patients: int) -> PrivacySpec:
        """The guarantee of the trained weights.

        Args:
            patients: how many there are, which is public; delta must be below 1 / patients.
        """
        if not delta * patients < 1:
            raise PrivacyError(
                f"A delta of {delta:g} for {patients} patients would allow to publish one of them whole."
            )
        return PrivacySpec(
            ledger="training",
            unit="one training patient, with everything that is known of them",
            neighbour="add or remove one",
            mechanism=(
                f"DP-SGD with Poisson sampling (rate {self.sampling_rate:.4g}, {self.steps} steps, "
                f"noise multiplier {self.noise_multiplier:.4g})"
            ),
            epsilon=math.ceil(self.epsilon(delta) * 1e6) / 1e6,
            delta=delta,
            composition=f"Privacy loss distributions of all {self.steps} steps, composed.",
            protects="whether a patient was among those that the model was trained on, and their record",
            does_not_protect=TRAINING_OPEN,
        )


def noise_multiplier_for(epsilon: float, delta: float, *, sampling_rate: float, steps: int) -> float:
    """Smallest noise multiplier, to three decimals upwards, whose run is certified at (epsilon, delta).

    Raises:
        PrivacyError: no multiplier between 0.3 and 1,000 is.
    """

    def excess(log_sigma: float) -> float:
        return math.log(Training(math.exp(log_sigma), sampling_rate, steps).epsilon(delta, step=10 * STEP) / epsilon)

    high = _renyi_start(epsilon, delta, sampling_rate, steps) + 0.01
    low = high - 0.2
    while excess(low) < 0:
        low -= 0.2
    found = scipy.optimize.root_scalar(excess, bracket=(low, high), xtol=2e-4).root
    sigma = math.ceil(math.exp(found) * 1000) / 1000
    while Training(sigma, sampling_rate, steps).epsilon(delta) > epsilon:
        sigma = round(sigma + 0.001, 3)
    return sigma


def discrete_gaussian_loss(shift: int, scale: float, step: float = STEP) -> LossDistribution:
    """Loss between the discrete Gaussian and its copy moved by `shift` lattice steps; both directions are alike."""
    reach = math.ceil(scale * _tail(TAIL)) + 2
    noise = np.arange(-reach, reach + 1, dtype=np.float64)
    mass = np.exp(-0.5 * (noise / scale) ** 2)
    mass /= mass.sum()
    return from_atoms((shift * shift - 2 * shift * noise) / (2 * scale * scale), mass, 2 * TAIL, step)


def discrete_laplace_loss(shift: int, scale: float, step: float = STEP) -> LossDistribution:
    """Loss between the discrete Laplace and its copy moved by `shift` lattice steps; both directions are alike."""
    noise = np.arange(0, shift + 1, dtype=np.float64)
    mass = math.tanh(0.5 / scale) * np.exp(-noise / scale)
    ends = 1.0 / (1.0 + math.exp(-1.0 / scale))  # P(noise <= 0)
    mass[0] = ends
    mass[-1] = ends * math.exp(-shift / scale)
    return from_atoms((shift - 2 * noise) / scale, mass, 0.0, step)


def _removed(sigma: float, q: float, steps: int, step: float) -> LossDistribution:
    """P is the mixture (the patient may be in), Q the Gaussian without; the loss rises with the outcome x."""
    high = _loss(1.0 + sigma * _tail(TAIL / steps), sigma, q)
    low = _loss(-sigma * _tail(TAIL), sigma, q)
    edges = np.arange(math.floor(low / step), math.ceil(high / step) + 1)
    x = _outcome(edges * step, sigma, q)
    without = _between(x / sigma)
    within = _between((x - 1) / sigma)
    p = (1 - q) * without + q * within
    above = (1 - q) * scipy.stats.norm.sf(x[-1] / sigma) + q * scipy.stats.norm.sf((x[-1] - 1) / sigma)
    below = (1 - q) * scipy.stats.norm.cdf(x[0] / sigma) + q * scipy.stats.norm.cdf((x[0] - 1) / sigma)
    return from_intervals(edges, p, without, below=float(below), above=float(above), step=step)


def _added(sigma: float, q: float, steps: int, step: float) -> LossDistribution:
    """P is the Gaussian without the patient, Q the mixture: the loss falls with the outcome x."""
    high = -_loss(-sigma * _tail(TAIL / steps), sigma, q)
    low = -_loss(sigma * _tail(TAIL), sigma, q)
    edges = np.arange(math.floor(low / step), math.ceil(high / step) + 1)
    x = _outcome(-edges * step, sigma, q)  # falling
    without = _between(-x / sigma)
    within = _between((1 - x) / sigma)
    below, above = float(scipy.stats.norm.sf(x[0] / sigma)), float(scipy.stats.norm.cdf(x[-1] / sigma))
    return from_intervals(edges, without, (1 - q) * without + q * within, below=below, above=above, step=step)


def _tail(probability: float) -> float:
    """Standard normal value that is passed with this probability."""
    return float(scipy.stats.norm.isf(probability))


def _loss(x: float, sigma: float, q: float) -> float:
    """log of the mixture over the Gaussian at x."""
    return float(np.logaddexp(np.log1p(-q) if q < 1 else -np.inf, math.log(q) + (2 * x - 1) / (2 * sigma * sigma)))


def _outcome(loss: NDArray, sigma: float, q: float) -> NDArray:
    """x at which the mixture over the Gaussian has this log; -inf below the smallest one, log(1 - q)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(loss > np.log1p(-q), loss + np.log1p(-(1 - q) * np.exp(-loss)), -np.inf)
    return 0.5 + sigma * sigma * (excess - math.log(q))


def _between(z: NDArray) -> NDArray:
    """Standard normal mass between consecutive rising points, accurate in both tails."""
    upper = z[:-1] > 0
    return np.where(
        upper,
        scipy.stats.norm.sf(z[:-1]) - scipy.stats.norm.sf(z[1:]),
        scipy.stats.norm.cdf(z[1:]) - scipy.stats.norm.cdf(z[:-1]),
    )


def _renyi(sigma: float, q: float, order: int) -> float:
    """Renyi divergence of one step at a whole order (Mironov, Talwar, Zhang 2019, Section 3.3)."""
    if q == 1:
        return order / (2 * sigma * sigma)
    k = np.arange(order + 1)
    log_binomial = (
        scipy.special.gammaln(order + 1) - scipy.special.gammaln(k + 1) - scipy.special.gammaln(order - k + 1)
    )
    terms = log_binomial + k * math.log(q) + (order - k) * math.log1p(-q) + (k * k - k) / (2 * sigma * sigma)
    return float(np.logaddexp.reduce(terms)) / (order - 1)


def _renyi_start(epsilon: float, delta: float, q: float, steps: int) -> float:
    """log noise multiplier by the Renyi bound: a little above the one looked for."""

    def excess(log_sigma: float) -> float:
        return Training(math.exp(log_sigma), q, steps).renyi_epsilon(delta) - epsilon

    low, high = math.log(0.3), math.log(1000.0)
    if excess(low) <= 0 or excess(high) > 0:
        raise PrivacyError(f"No noise multiplier between 0.3 and 1,000 gives epsilon {epsilon:g} at delta {delta:g}.")
    return scipy.optimize.root_scalar(excess, bracket=(low, high), xtol=1e-3).root
