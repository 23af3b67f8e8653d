"""Integrals along a straight way, with the error of every part of it known.

Sundararajan et al. 2017: with x(a) = baseline + a (x - baseline), the contribution of x_i is the integral over a in
[0, 1] of (x_i - baseline_i) dF/dx_i. Contributions add up to F(x) - F(baseline) (completeness), and on every part
[a, b] of the way to F(x(b)) - F(x(a)). Both sides can be computed, so the error of the quadrature is known part by
part: where it is too large the part is halved. Behind a LayerNorm nearly everything happens at the start of the way,
which an equal grid of steps would have to be fine everywhere to see.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NODES = 4
"""Gauss-Legendre points of one part of the way; few, since what is hard to integrate are the kinks of ReLUs."""
CUTS = (0.0, 1 / 16, 1 / 4, 1.0)
"""Where the first parts end: on trained models, a third fewer gradients than by halving the whole way."""
TOLERANCE = 0.005
"""Share of the change by which all values together may miss it."""
SLACK = 4
"""The parts' errors, which may cancel, add up to so many tolerances at most."""
SMALLEST_CHANGE = 1e-6
"""A smaller change is treated as this much."""
MANY_PARTS, MOST_PARTS = 128, 512
"""Parts after which what is allowed to be missed is doubled, and at which the integral is taken as it is."""


class Way(Protocol):
    """A straight way from a baseline to a case."""

    @property
    def resolution(self) -> float:
        """Relative rounding of an answer: an error of this size says nothing."""
        ...

    def answers(self, shares: list[float]) -> list[float]:
        """The target at some points, 0 = the baseline, 1 = the case."""
        ...

    def along(self, shares: list[float], weights: list[float]) -> NDArray[np.float64]:
        """(P,) weighted sum over some points of what each coordinate adds per unit of the way."""
        ...


@dataclass(frozen=True, slots=True)
class Integral:
    """What each coordinate adds along the whole way.

    Attributes:
        values: (P,)
        change: target at the end minus target at the start, which the values should add up to.
        missed: by how much they do not, as a share of the change.
        n_gradients: points of the way at which gradients were taken.
    """

    values: NDArray[np.float64]
    change: float
    missed: float
    n_gradients: int


def integrate(
    way: Way,
    n_counted: int,
    *,
    tolerance: float = TOLERANCE,
    most_parts: int = MOST_PARTS,
    progress: Callable[[float], None] | None = None,
) -> Integral:
    """Adaptive Gauss-Legendre quadrature.

    Args:
        n_counted: that many of the first values of `way.along` add up to the change; the others repeat some of them.
        tolerance: share of the change by which all values together may miss it.
        most_parts: at so many parts the integral is taken as it is.
        progress: called with the share that is done; it may raise `CancelledError`.
    """
    ends = way.answers([*CUTS])
    change = ends[-1] - ends[0]
    allowed = tolerance * max(abs(change), SMALLEST_CHANGE)
    parts = [_part(way, n_counted, CUTS[i], CUTS[i + 1], ends[i], ends[i + 1]) for i in range(len(CUTS) - 1)]
    heapq.heapify(parts)
    while (left := _left(parts)) > (allowed if len(parts) < MANY_PARTS else 2 * allowed) and len(parts) < most_parts:
        if progress:
            progress(min(0.95, allowed / left))
        worst = heapq.heappop(parts)
        middle = (worst.start + worst.stop) / 2
        (at_middle,) = way.answers([middle])
        heapq.heappush(parts, _part(way, n_counted, worst.start, middle, worst.answer, at_middle))
        heapq.heappush(parts, _part(way, n_counted, middle, worst.stop, at_middle, worst.answer + worst.change))
    if progress:
        progress(1.0)
    values = np.sum([part.values for part in parts], axis=0)
    missed = abs(float(values[:n_counted].sum()) - change) / max(abs(change), SMALLEST_CHANGE)
    return Integral(values, change, missed, (2 * len(parts) - len(CUTS) + 1) * NODES)


@dataclass(frozen=True, slots=True)
class _Part:
    """Contributions of a part of the way, and by how much they miss its change beyond what rounding explains."""

    start: float
    stop: float
    values: NDArray[np.float64]
    answer: float
    change: float
    error: float

    def __lt__(self, other: _Part) -> bool:
        """The part that misses most comes first."""
        return abs(self.error) > abs(other.error)


def _part(way: Way, n_counted: int, start: float, stop: float, answer: float, answer_at_stop: float) -> _Part:
    points, weights = np.polynomial.legendre.leggauss(NODES)
    half = (stop - start) / 2
    values = way.along((start + half * (points + 1)).tolist(), (half * weights).tolist())
    change = answer_at_stop - answer
    missed = float(values[:n_counted].sum()) - change
    beyond = max(0.0, abs(missed) - way.resolution * max(abs(answer), abs(change)))
    return _Part(start, stop, values, answer, change, float(np.copysign(beyond, missed)))


def _left(parts: list[_Part]) -> float:
    """What is to be brought below the allowed error: the errors as they cancel, or a part of them as they do not."""
    errors = np.array([part.error for part in parts])
    return max(abs(float(errors.sum())), float(np.abs(errors).sum()) / SLACK)
