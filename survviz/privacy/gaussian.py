"""Gaussian releases: less noise than Laplace for many coordinates, at the price of a delta, and without a chain.

A discrete Gaussian cannot be coarsened exactly, so a Gaussian release has one level and is paid for each time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import scipy  # its parts are loaded when first used

from survviz.errors import PrivacyError
from survviz.privacy.accountant import discrete_gaussian_loss
from survviz.privacy.lattice import STEPS, Numeric, encode
from survviz.privacy.noise import gaussian_mechanism
from survviz.privacy.release import LOCAL_OPEN, LOCAL_UNIT, MOST_DIMENSIONS
from survviz.privacy.relevance import Relevance
from survviz.privacy.spec import PrivacySpec


def analytic_delta(sigma: float, epsilon: float) -> float:
    """Exact delta of Gaussian noise of sigma times the L2 sensitivity (Balle, Wang 2018, Theorem 8)."""
    shift, move = 0.5 / sigma, epsilon * sigma
    return float(scipy.special.ndtr(shift - move) - math.exp(epsilon + scipy.special.log_ndtr(-shift - move)))


def analytic_sigma(epsilon: float, delta: float) -> float:
    """Smallest sigma over the L2 sensitivity at (epsilon, delta), valid at every epsilon."""
    if not (epsilon > 0 and 0 < delta < 1):
        raise PrivacyError(
            f"Gaussian noise needs epsilon above 0 and delta in (0, 1); {epsilon:g} and {delta:g} were given."
        )

    def excess(log_sigma: float) -> float:
        return analytic_delta(math.exp(log_sigma), epsilon) - delta

    bracket = (math.log(1e-3), math.log(1e6))
    return math.exp(scipy.optimize.root_scalar(excess, bracket=bracket).root)


@dataclass(frozen=True, slots=True)
class GaussianPlan:
    """What is fixed, and public, before a record is seen.

    Attributes:
        coordinates: numbers only; categories are for randomised response.
        scales: standard deviation of each coordinate's noise, in lattice steps.
        words: how the noise is dealt out.
    """

    coordinates: tuple[Numeric, ...]
    scales: tuple[float, ...]
    epsilon: float
    delta: float
    words: str
    steps: int = STEPS

    @property
    def noise_scale(self) -> dict[str, float]:
        """Standard deviation by name, in the coordinate's own unit."""
        return {c.name: s / self.steps * c.width for c, s in zip(self.coordinates, self.scales, strict=True)}

    @property
    def spec(self) -> PrivacySpec:
        return PrivacySpec(
            ledger="session",
            unit=LOCAL_UNIT,
            neighbour="any two records",
            mechanism=f"discrete Gaussian noise on {len(self.coordinates)} numbers, {self.words}",
            epsilon=self.epsilon,
            delta=self.delta,
            composition="Privacy loss distributions of all coordinates, composed; every release is paid for.",
            protects="the values of the released coordinates from whoever sees the release and what is made of it",
            does_not_protect=LOCAL_OPEN,
        )

    def draw(self, record: Mapping[str, object]) -> dict[str, float]:
        """Noised numbers of a record. Pay for `spec` before they are shown."""
        codes = encode(self.coordinates, record, self.steps)
        drawn = zip(self.coordinates, self.scales, codes, strict=True)
        return {c.name: c.decode(gaussian_mechanism(scale)(code), self.steps) for c, scale, code in drawn}


def gaussian_plan(
    coordinates: Sequence[Numeric],
    epsilon: float,
    delta: float,
    *,
    relevance: Relevance | None = None,
    steps: int = STEPS,
    most_dimensions: int = MOST_DIMENSIONS,
) -> GaussianPlan:
    """Noise for numbers at (epsilon, delta), certified for the discrete Gaussian itself.

    The scale follows the analytic formula of the continuous one, and is then raised until the composed privacy loss
    distributions of the discrete one say delta or less.

    Args:
        relevance: variances are dealt as width / relevance: least relevance-weighted error (Proposition 3).

    Raises:
        PrivacyError: too many coordinates, or relevance that is private or zero.
    """
    if not 0 < len(coordinates) <= most_dimensions:
        raise PrivacyError(f"{len(coordinates)} coordinates were given; 1 to {most_dimensions} are allowed.")
    if relevance is not None and relevance.source == "private":
        raise PrivacyError("The noise would follow from relevance of private records: then no finite epsilon holds.")
    weights = [1.0] * len(coordinates)
    words = "equal for all"
    if relevance is not None:
        weights = [relevance.values.get(c.name, 0.0) * c.width for c in coordinates]
        words = f"variances by {relevance.source} relevance ({relevance.where})"
    if min(weights) <= 0:
        raise PrivacyError("A coordinate without relevance would get infinite noise; leave it out, or give it some.")
    shape = [math.sqrt(sum(weights) / weight) for weight in weights]  # sum of 1 / shape^2 is 1
    factor = analytic_sigma(epsilon, delta)
    while _certified_delta([steps * factor * one for one in shape], steps, epsilon) > delta:
        factor *= 1.0005
    scales = tuple(steps * factor * one for one in shape)
    return GaussianPlan(tuple(coordinates), scales, epsilon, delta, words, steps)


def _certified_delta(scales: Sequence[float], steps: int, epsilon: float) -> float:
    """Upper bound on delta for two records at opposite corners, which are the worst (docs/privacy.md)."""
    first, *rest = (discrete_gaussian_loss(steps, scale) for scale in scales)
    for other in rest:
        first = first.together(other)
    return first.delta(epsilon)
