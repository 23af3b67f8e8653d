"""The bootstrap over patients, as counts: a resample is how often each patient was drawn, never a copy of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Interval:
    """A bootstrap percentile interval.

    Attributes:
        level: nominal coverage, for example 0.95.
        n_resamples: resamples on which the statistic is defined.
        n_undefined: resamples on which it is not; they are left out.
    """

    low: float
    high: float
    level: float
    n_resamples: int
    n_undefined: int = 0


def draw_counts(n: int, n_resamples: int, seed: int) -> NDArray[np.float32]:
    """(R, n) how often each of n patients is drawn in each of R resamples of n."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return counts.astype(np.float32)


def percentile_interval(values: NDArray[np.float64], level: float) -> Interval:
    """Interval of one statistic's values over resamples; NaN = undefined there. At least one must be defined."""
    defined = values[~np.isnan(values)]
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, len(defined), len(values) - len(defined))


def resampled_concordance(
    risk: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    counts: NDArray[np.float32],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """(R,) concordance of every resample; NaN where it has no comparable pair.

    With W the (R, n) counts, S the pairwise scores, M the comparable pairs and v the weights of the events,
    C_r = (w v)'Sw / (w v)'Mw: two matrix products over blocks of rows instead of R recomputations.

    Args:
        weights: (n,) of a case as the earlier one of a pair; None = 1.
    """
    score, total = resampled_pairs(risk, time, event, counts, np.ones(len(risk)) if weights is None else weights)
    return np.divide(score, total, out=np.full(len(counts), np.nan), where=total > 0)


def resampled_pairs(
    risk: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    counts: NDArray[np.float32],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R,) weighted pairs won, and (R,) weighted comparable pairs, of every resample."""
    score, total = np.zeros(len(counts)), np.zeros(len(counts))
    chosen = np.flatnonzero(event & (weights > 0))
    for rows in np.array_split(chosen, max(1, -(-len(chosen) // ROWS_AT_ONCE))):
        earlier, at = time[rows, None] < time, time[rows, None] == time
        comparable = (earlier | (at & ~event)).astype(np.float32)  # (rows, n)
        won = (risk[rows, None] > risk) + np.float32(0.5) * (risk[rows, None] == risk)
        drawn = counts[:, rows] * weights[rows]  # (R, rows)
        # sums of halves below 2**23 are exact in float32
        total += np.einsum("rb,rb->r", drawn, counts @ comparable.T)
        score += np.einsum("rb,rb->r", drawn, counts @ (comparable * won).T)
    return score, total
