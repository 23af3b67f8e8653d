"""The cut-off that separates best, with a p-value that knows how many were tried (maximally selected log-rank)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.errors import InputError
from survviz.evaluation.concordance import checked_predictions
from survviz.evaluation.outcomes import UndefinedMetricError

SMALLEST_SHARE = 0.1
NUMBERS_DRAWN = 5_000_000
MOST_PERMUTATIONS = 10_000
AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class BestCutoff:
    """The cut-off with the largest standardised log-rank statistic.

    Attributes:
        cutoff: above it is the high group; half-way between two observed values.
        statistic: |standardised log-rank statistic| there.
        naive_p: as if this cut-off had been fixed beforehand: wrong, shown for comparison.
        p_value: share of permutations whose best cut-off is as good, so corrected for all of `cutoffs`.
        cutoffs: (K,) all that were compared.
        statistics: (K,) signed; positive where the high group dies earlier.
        n_permutations: the smallest possible `p_value` is 1 / (n_permutations + 1).
    """

    cutoff: float
    statistic: float
    naive_p: float
    p_value: float
    cutoffs: NDArray[np.float64]
    statistics: NDArray[np.float64]
    n_permutations: int


def best_cutoff(
    values: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    smallest_share: float = SMALLEST_SHARE,
    seed: int = 0,
) -> BestCutoff:
    """Try every cut-off that leaves each side a share of the cases, as R's maxstat (Lausen and Schumacher 1992).

    Log-rank scores are summed above each cut-off and standardised by their moments under permutation. The corrected p
    comes from permuting the scores over the cases (Hothorn and Lausen 2003), up to 10,000 times, fewer for many cases.

    Args:
        values: (n,) risk or another number; higher = the group that is tested to die earlier.
        smallest_share: of the cases on each side, below 0.5.

    Raises:
        UndefinedMetricError: no event, or no cut-off leaves enough cases on both sides.
        InputError: missing values, negative times, a share outside 0 to 0.5.
    """
    if not 0 < smallest_share < 0.5:
        raise InputError(f"A smallest share of {smallest_share:g} was given; expected a number between 0 and 0.5.")
    numbers, times, events = checked_predictions(values, time, event)
    order = np.argsort(numbers, kind="stable")
    numbers, scores = numbers[order], logrank_scores(times, events)[order]
    n, fewest = len(numbers), max(1, int(np.ceil(smallest_share * len(numbers))))
    below = np.flatnonzero(np.diff(numbers) > 0) + 1  # how many lie below each cut-off
    below = below[(below >= fewest) & (below <= n - fewest)]
    if not events.any() or not len(below) or np.ptp(scores) == 0:
        why = "there is no event" if not events.any() else f"none leaves {fewest} cases on both sides"
        raise UndefinedMetricError(f"No best cut-off of {n} cases: {why}.")
    statistics = _standardised(scores[None], below)[0]
    best = int(np.abs(statistics).argmax())
    largest = float(np.abs(statistics[best]))
    n_permutations = int(np.clip(NUMBERS_DRAWN / n, 500, MOST_PERMUTATIONS))
    beaten = _n_as_large(scores, below, largest, n_permutations, seed)
    cutoffs = (numbers[below - 1] + numbers[below]) / 2
    naive = 2 * float(special.ndtr(-largest))
    p_value = (beaten + 1) / (n_permutations + 1)
    return BestCutoff(float(cutoffs[best]), largest, naive, p_value, cutoffs, statistics, n_permutations)


def logrank_scores(time: NDArray[np.float64], event: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) event minus Nelson-Aalen's cumulative hazard at the own time: what a case adds to a log-rank statistic."""
    grid, position = np.unique(time, return_inverse=True)
    deaths = np.bincount(position[event], minlength=len(grid))
    at_risk = len(time) - np.searchsorted(np.sort(time), grid, side="left")
    return event - np.cumsum(deaths / at_risk)[position]


def _standardised(scores: NDArray[np.float64], below: NDArray[np.int64]) -> NDArray[np.float64]:
    """(R, K) sums of the scores above each cut-off, less their mean under permutation, over its standard deviation."""
    n = scores.shape[1]
    total = scores.sum(axis=1, keepdims=True)
    above = total - np.cumsum(scores, axis=1)[:, below - 1]
    m = n - below
    spread = ((scores - total / n) ** 2).sum(axis=1, keepdims=True)
    return (above - m * total / n) / np.sqrt(m * below / (n * (n - 1)) * spread)


def _n_as_large(scores: NDArray[np.float64], below: NDArray[np.int64], largest: float, n_times: int, seed: int) -> int:
    """Permutations whose best cut-off separates at least as well."""
    random, n_beaten = np.random.default_rng(seed), 0
    rows = max(1, AT_ONCE // len(scores))
    for start in range(0, n_times, rows):
        drawn = random.permuted(np.tile(scores, (min(rows, n_times - start), 1)), axis=1)
        best = np.abs(_standardised(drawn, below)).max(axis=1)
        n_beaten += int((best >= largest - 1e-12).sum())
    return n_beaten
