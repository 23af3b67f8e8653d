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
    *,
    weights: NDArray[np.float64] | None = None,
    labels: NDArray[np.generic] | None = None,
) -> NDArray[np.float64]:
    """(R,) concordance of every resample; NaN where it has no comparable pair.

    With W the (R, n) counts, S the pairwise scores, M the comparable pairs and v the weights of the events,
    C_r = (w v)'Sw / (w v)'Mw: two matrix products over blocks of rows instead of R recomputations.

    Args:
        weights: (n,) of a case as the earlier one of a pair; None = 1.
        labels: (n,) strata; only pairs of the same stratum count. None = all pairs.
    """
    weights = np.ones(len(risk)) if weights is None else weights
    groups = [slice(None)] if labels is None else [np.flatnonzero(labels == name) for name in np.unique(labels)]
    score, total = np.zeros(len(counts)), np.zeros(len(counts))
    for rows in groups:
        won, pairs = _pairs(risk[rows], time[rows], event[rows], counts[:, rows], weights[rows])
        score, total = score + won, total + pairs
    return np.divide(score, total, out=np.full(len(counts), np.nan), where=total > 0)


def _pairs(
    risk: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    counts: NDArray[np.float32],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R,) weighted pairs won, and (R,) weighted comparable pairs."""
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


def resampled_survival(
    time: NDArray[np.float64], event: NDArray[np.bool_], counts: NDArray[np.float32], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(R, M) Kaplan-Meier estimate of every resample at given times; NaN after its last follow-up."""
    order = np.argsort(time, kind="stable")
    time, event, drawn = time[order], event[order], counts[:, order].astype(np.float64)
    grid, first = np.unique(time, return_index=True)
    at_risk = np.cumsum(drawn[:, ::-1], axis=1)[:, ::-1][:, first]  # (R, G)
    deaths = np.add.reduceat(drawn * event, first, axis=1)
    share = np.divide(deaths, at_risk, out=np.zeros_like(deaths), where=at_risk > 0)
    survival = np.column_stack([np.ones(len(counts)), np.cumprod(1 - share, axis=1)])
    values = survival[:, np.searchsorted(grid, at, side="right")]
    last = np.where(drawn > 0, time, -np.inf).max(axis=1, keepdims=True)
    return np.where(at <= last, values, np.nan)
