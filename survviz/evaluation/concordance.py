"""Harrell's concordance index, exact in O(n log n), and its bootstrap interval over cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length

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


def concordance_index(risk: ArrayLike, time: ArrayLike, event: ArrayLike) -> float:
    """Share of comparable pairs in which the case that dies first has the higher risk; equal risks count one half.

    A pair is comparable if the earlier time is an event; at equal times, if exactly one of the two is an event
    (Harrell 1996; as in lifelines and R's `survival::concordance`).

    Raises:
        UndefinedMetricError: no pair is comparable.
        InputError: NaN, negative times, different lengths.
    """
    concordant, tied, pairs = _count_pairs(*_checked(risk, time, event))
    if pairs == 0:
        raise UndefinedMetricError(_why_undefined(event))
    return (concordant + tied / 2) / pairs


def comparable_pairs(time: ArrayLike, event: ArrayLike) -> int:
    """Number of pairs that the concordance index rests on."""
    times, events = check_outcomes(time, event)
    return _count_pairs(np.zeros(len(times)), times, events)[2]


def bootstrap_ci(
    risk: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the concordance index; whole cases are resampled.

    With W the (R, n) resampling counts, S the pairwise scores and M the comparable pairs, C_r = w'Sw / w'Mw: two
    matrix products over row blocks instead of R recomputations.

    Raises:
        UndefinedMetricError: no pair is comparable.
    """
    risks, times, events = _checked(risk, time, event)
    concordance_index(risks, times, events)
    n = len(risks)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float32)
    score, total = np.zeros(n_resamples), np.zeros(n_resamples)
    for rows in np.array_split(np.flatnonzero(events), max(1, -(-int(events.sum()) // ROWS_AT_ONCE))):
        earlier, at = times[rows, None] < times, times[rows, None] == times
        comparable = (earlier | (at & ~events)).astype(np.float32)  # (rows, n)
        won = (risks[rows, None] > risks) + np.float32(0.5) * (risks[rows, None] == risks)
        # sums of halves below 2**23 are exact in float32
        total += np.einsum("rb,rb->r", weights[:, rows], weights @ comparable.T, dtype=np.float64)
        score += np.einsum("rb,rb->r", weights[:, rows], weights @ (comparable * won).T, dtype=np.float64)
    defined = total > 0
    values = score[defined] / total[defined]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, int(defined.sum()), int((~defined).sum()))


def _checked(
    risk: ArrayLike, time: ArrayLike, event: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    times, events = check_outcomes(time, event)
    risks = check_numbers("risk", risk)
    check_same_length(risk=risks, time=times)
    return risks, times, events


def _why_undefined(event: ArrayLike) -> str:
    events = np.asarray(event, dtype=bool)
    if len(events) < 2:
        return f"The concordance index needs at least two cases; {len(events)} given."
    if not events.any():
        return f"The concordance index is undefined: none of the {len(events)} cases has an event."
    return "The concordance index is undefined: nobody is followed beyond the first event, so no pair is comparable."


def _count_pairs(
    risk: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_]
) -> tuple[int, int, int]:
    """Concordant, tied and comparable pairs.

    In the order of (time, events first), the partners of an event are everybody after the events of its own time.
    """
    order = np.lexsort((~event, time))
    time, event = time[order], event[order]
    _, rank = np.unique(risk[order], return_inverse=True)
    key = 2 * np.unique(time, return_inverse=True)[1] + ~event
    start = np.searchsorted(key, key[event], side="right")  # (events,)
    below, equal = _count_in_suffix(rank.astype(np.int64), start, rank[event])
    return int(below.sum()), int(equal.sum()), int((len(time) - start).sum())


def _count_in_suffix(
    values: NDArray[np.int64], start: NDArray[np.int64], query: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each query q, how many of values[start:] are below q and how many equal it: a wavelet matrix, bit by bit."""
    left, right = start.copy(), np.full(len(start), len(values))
    below = np.zeros(len(start), dtype=np.int64)
    top = int(values.max(initial=0)).bit_length()
    for bit in reversed(range(top)):
        ones = (values >> bit & 1).astype(bool)
        zeros_before = np.concatenate([[0], np.cumsum(~ones)])
        n_zeros = zeros_before[-1]
        left_zeros, right_zeros = zeros_before[left], zeros_before[right]
        up = (query >> bit & 1).astype(bool)
        below += np.where(up, right_zeros - left_zeros, 0)
        left = np.where(up, n_zeros + left - left_zeros, left_zeros)
        right = np.where(up, n_zeros + right - right_zeros, right_zeros)
        values = np.concatenate([values[~ones], values[ones]])
    return below, right - left
