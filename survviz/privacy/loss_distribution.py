"""Privacy loss distributions on a grid: composed by FFT, and never on the optimistic side.

For two neighbouring outputs P and Q the loss of an outcome is log P/Q. Its distribution under P says everything: delta
at epsilon is the expectation of (1 - e^(epsilon - loss)) above epsilon, and the loss of independent steps adds up
(Sommer et al. 2019, Koskela et al. 2020). Between two grid points the mass is moved to both, such that P and Q keep
theirs ("connect the dots", Doroshenko et al. 2022): delta is then exact on the grid, and a chord above it elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when first used
from numpy.typing import NDArray

from survviz.errors import PrivacyError

STEP = 1e-4
TAIL = 1e-15  # probability beyond the window of a composition; counted as lost
LEAST_DELTA = 1e-9  # below it the rounding of the FFT would speak


@dataclass(frozen=True, slots=True)
class LossDistribution:
    """Probability of each loss under P; the rest of P lies at infinity.

    Attributes:
        first: loss of the first entry, in steps.
        mass: probability at first, first + 1, ... times `step`.
        infinity: probability of an outcome that Q cannot have.
    """

    first: int
    mass: NDArray
    infinity: float
    step: float = STEP

    @property
    def losses(self) -> NDArray:
        return (self.first + np.arange(len(self.mass))) * self.step

    def compose(self, times: int) -> LossDistribution:
        """The loss of this many independent steps."""
        if times < 1:
            raise PrivacyError(f"{times} steps were given; at least one is needed.")
        if times == 1:
            return self
        low, high = self._window(times)
        size = _fast_length(high - low + 1)
        folded = np.bincount(np.arange(len(self.mass)) % size, weights=self.mass, minlength=size)
        composed = np.fft.irfft(np.fft.rfft(folded) ** times, n=size)
        shifted = np.roll(composed, (times * self.first - low) % size)
        lost = -math.expm1(times * math.log1p(-self.infinity)) if self.infinity else 0.0
        rounding = times * _rounding(size) * float(np.linalg.norm(self.mass))
        return LossDistribution(low, np.maximum(shifted, 0.0), lost + TAIL + rounding, self.step)

    def together(self, other: LossDistribution) -> LossDistribution:
        """The loss of two independent mechanisms."""
        if self.step != other.step:
            raise PrivacyError("Two loss distributions on different grids cannot be composed.")
        size = len(self.mass) + len(other.mass) - 1
        fast = _fast_length(size)
        mass = np.fft.irfft(np.fft.rfft(self.mass, fast) * np.fft.rfft(other.mass, fast), fast)[:size]
        infinity = self.infinity + other.infinity - self.infinity * other.infinity
        rounding = _rounding(fast)
        return LossDistribution(self.first + other.first, np.maximum(mass, 0.0), infinity + rounding, self.step)

    def delta(self, epsilon: float) -> float:
        """Smallest delta at which this pair is (epsilon, delta)-indistinguishable in this direction; an upper bound."""
        above = self.losses > epsilon
        lost = -np.expm1(epsilon - self.losses[above]) @ self.mass[above]
        return min(1.0, float(lost) + self.infinity)

    def epsilon(self, delta: float) -> float:
        """Smallest epsilon at delta; an upper bound, infinite where even the largest loss does not do."""
        if not LEAST_DELTA <= delta < 1:
            raise PrivacyError(f"A delta of {delta:g} was given; it must be at least {LEAST_DELTA:g} and below 1.")
        top = float(self.losses[-1])
        if self.delta(top) > delta:
            return math.inf
        if self.delta(0.0) <= delta:
            return 0.0
        low, high = 0.0, max(top, self.step)
        while high - low > 1e-9 * max(1.0, high):
            middle = (low + high) / 2
            low, high = (low, middle) if self.delta(middle) <= delta else (middle, high)
        return high

    def _window(self, times: int) -> tuple[int, int]:
        """Smallest and largest total loss, in steps, but for a probability of TAIL on either side (Chernoff)."""
        losses, seen = self.losses, self.mass > 0
        log_mass, values = np.log(self.mass[seen]), losses[seen]

        def edge(sign: int, log_rate: float) -> float:
            rate = math.exp(log_rate)
            cumulant = float(np.logaddexp.reduce(log_mass + sign * rate * values))
            return (times * cumulant - math.log(TAIL)) / rate

        found = [
            scipy.optimize.minimize_scalar(lambda r, s=sign: edge(s, r), bounds=(-8, 8), method="bounded")
            for sign in (1, -1)
        ]
        high = min(math.ceil(found[0].fun / self.step), times * (self.first + len(self.mass) - 1))
        low = max(math.floor(-found[1].fun / self.step), times * self.first)
        return low, max(high, low)


def _fast_length(least: int) -> int:
    return scipy.fft.next_fast_len(least, real=True) or least


def _rounding(size: int) -> float:
    """Sum of the absolute errors of an FFT of this length over a vector of length one."""
    return math.sqrt(size) * math.log2(size + 1) * float(np.finfo(float).eps)


def from_intervals(
    edges: NDArray,
    p: NDArray,
    q: NDArray,
    *,
    below: float,
    above: float,
    step: float,
) -> LossDistribution:
    """Distribution of P's and Q's mass between consecutive losses on the grid.

    Args:
        edges: (n + 1,) consecutive grid points in steps, rising by one.
        p, q: (n,) mass of P and of Q in each interval.
        below: mass of P below the first edge; it is counted there.
        above: mass of P above the last edge; it is counted as lost.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = np.where(p > 0, np.clip(q / p * np.exp(edges[:-1] * step), math.exp(-step), 1.0), 1.0)
    up = p * (1.0 - fall) / -math.expm1(-step)  # moved to the upper edge
    mass = np.zeros(len(edges))
    mass[1:] += up
    mass[:-1] += p - up
    mass[0] += below
    return LossDistribution(int(edges[0]), mass, above, step)


def from_atoms(losses: NDArray, mass: NDArray, lost: float = 0.0, step: float = STEP) -> LossDistribution:
    """Distribution of finitely many outcomes with these losses."""
    lower = np.floor(losses / step).astype(np.int64)
    up = mass * np.clip(np.expm1(-(losses - lower * step)) / math.expm1(-step), 0.0, 1.0)
    first = int(lower.min())
    size = int(lower.max()) - first + 2
    placed = np.bincount(lower - first, weights=mass - up, minlength=size)
    placed += np.bincount(lower - first + 1, weights=up, minlength=size)
    return LossDistribution(first, placed, lost, step)
