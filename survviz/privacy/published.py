"""The published recipe, beside ours: Laplace noise whose scale follows relevance computed without privacy.

It can be run, compared and shown. What it cannot have is an epsilon: where the scale differs between two neighbours,
the ratio of their likelihoods grows without end in the tails (Theorem 2 of docs/privacy.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import scipy  # its parts are loaded when first used

from survviz.errors import PrivacyError
from survviz.privacy.allocation import Allocation
from survviz.privacy.lattice import STEPS, Numeric, encode
from survviz.privacy.noise import laplace_mechanism, laplace_scale
from survviz.privacy.release import LOCAL_OPEN, LOCAL_UNIT
from survviz.privacy.spec import PrivacySpec

REASON = (
    "The scale of the noise follows from relevance that was computed on private records without noise. Two records "
    "then have different scales, and far out the smaller scale gives the record away: no epsilon bounds the ratio."
)


@dataclass(frozen=True, slots=True)
class PublishedRecipe:
    """Adaptive Laplace noise as published.

    Attributes:
        allocation: shares from private relevance.
        nominal_epsilon: the number that such papers print. It is not a guarantee.
    """

    coordinates: tuple[Numeric, ...]
    allocation: Allocation
    nominal_epsilon: float
    steps: int = STEPS

    def __post_init__(self) -> None:
        if not self.allocation.private:
            raise PrivacyError("These shares are public or released: run them as a release plan, which has an epsilon.")

    @property
    def spec(self) -> PrivacySpec:
        """Says *no finite epsilon*, and why."""
        return PrivacySpec(
            ledger="session",
            unit=LOCAL_UNIT,
            neighbour="any two records",
            mechanism=f"Laplace noise by private relevance at a nominal epsilon of {self.nominal_epsilon:g}",
            epsilon=None,
            delta=0.0,
            composition="Nothing to add up.",
            protects="nothing by any theorem",
            does_not_protect=LOCAL_OPEN,
            reason=REASON,
        )

    def draw(self, record: Mapping[str, object]) -> dict[str, float]:
        """Noised numbers of a record, for comparison only: no ledger takes them."""
        drawn = zip(self.coordinates, encode(self.coordinates, record, self.steps), strict=True)
        return {c.name: c.decode(laplace_mechanism(self._scale(c.name))(code), self.steps) for c, code in drawn}

    def _scale(self, name: str) -> float:
        return laplace_scale(Fraction(self.nominal_epsilon) * self.allocation.share(name), self.steps)


def log_ratio(output: float, rates: tuple[float, float]) -> float:
    """Log-likelihood ratio of 0 against 1 at an output, where their Laplace noises have these rates (1 / scale)."""
    zero, one = rates
    return math.log(zero / one) - zero * abs(output) + one * abs(output - 1)


def delta_needed(epsilon: float, rates: tuple[float, float]) -> float:
    """Delta without which two values 0 and 1 of these rates are not epsilon-close, in the worse direction."""

    def lost(output: float, sign: int, rate: float, centre: float) -> float:
        ratio = sign * log_ratio(output, rates)
        return 0.5 * rate * math.exp(-rate * abs(output - centre)) * max(0.0, -math.expm1(epsilon - ratio))

    def total(sign: int, rate: float, centre: float) -> float:
        reach = 60.0 / rate
        pieces = [(-reach, 0.0), (0.0, 1.0), (1.0, 1.0 + reach)]
        return sum(scipy.integrate.quad(lost, *piece, args=(sign, rate, centre), limit=200)[0] for piece in pieces)

    return max(total(1, rates[0], 0.0), total(-1, rates[1], 1.0))
