"""Harrell's concordance index, exact in O(n log n), overall and within strata, and its bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length
from survviz.evaluation.resampling import Interval, draw_counts, percentile_interval, resampled_concordance


@dataclass(frozen=True, slots=True)
class StratumConcordance:
    """Concordance within one stratum.

    Attributes:
        value: None where the stratum has no comparable pair.
    """

    name: str
    value: float | None
    n: int
    n_events: int
    n_pairs: int


@dataclass(frozen=True, slots=True)
class WithinStrata:
    """Concordance over all pairs of cases of the same stratum."""

    value: float
    n_pairs: int
    strata: tuple[StratumConcordance, ...]


def concordance_index(risk: ArrayLike, time: ArrayLike, event: ArrayLike) -> float:
    """Share of comparable pairs in which the case that dies first has the higher risk; equal risks count one half.

    A pair is comparable if the earlier time is an event; at equal times, if exactly one of the two is an event
    (Harrell 1996; as in lifelines and R's `survival::concordance`).

    Raises:
        UndefinedMetricError: no pair is comparable.
        InputError: NaN, negative times, different lengths.
    """
    risks, times, events = checked_predictions(risk, time, event)
    won, pairs = _won_and_pairs(risks, times, events)
    if pairs == 0:
        raise UndefinedMetricError(why_no_pair("The concordance index", events))
    return won / pairs


def comparable_pairs(time: ArrayLike, event: ArrayLike) -> int:
    """Number of pairs that the concordance index rests on."""
    times, events = check_outcomes(time, event)
    return _won_and_pairs(np.zeros(len(times)), times, events)[1]


def within_strata_concordance(risk: ArrayLike, time: ArrayLike, event: ArrayLike, strata: ArrayLike) -> WithinStrata:
    """Concordance index over the comparable pairs of the same stratum, pooled: for example within cancer types.

    A model that only knows which stratum is worse scores one half here, whatever the overall index says.

    Args:
        strata: (n,) labels.

    Raises:
        UndefinedMetricError: no stratum has a comparable pair.
        InputError: NaN, negative times, different lengths.
    """
    risks, times, events = checked_predictions(risk, time, event)
    labels = np.asarray(strata)
    check_same_length(risk=risks, strata=labels)
    found, total_won, total_pairs = [], 0.0, 0
    for name in np.unique(labels):
        rows = labels == name
        won, pairs = _won_and_pairs(risks[rows], times[rows], events[rows])
        value = won / pairs if pairs else None
        found.append(StratumConcordance(str(name), value, int(rows.sum()), int(events[rows].sum()), pairs))
        total_won, total_pairs = total_won + won, total_pairs + pairs
    if total_pairs == 0:
        raise UndefinedMetricError(f"The concordance within strata is undefined: none of {len(found)} has a pair.")
    return WithinStrata(total_won / total_pairs, total_pairs, tuple(found))


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

    Raises:
        UndefinedMetricError: no pair is comparable.
    """
    risks, times, events = checked_predictions(risk, time, event)
    concordance_index(risks, times, events)
    counts = draw_counts(len(risks), n_resamples, seed)
    return percentile_interval(resampled_concordance(risks, times, events, counts), level)


def checked_predictions(
    risk: ArrayLike, time: ArrayLike, event: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Risks, times and events as equally long arrays without gaps.

    Raises:
        InputError: NaN, negative times, different lengths.
    """
    times, events = check_outcomes(time, event)
    risks = check_numbers("risk", risk)
    check_same_length(risk=risks, time=times)
    return risks, times, events


def why_no_pair(statistic: str, event: NDArray[np.bool_]) -> str:
    """Why no pair is comparable, in words."""
    if len(event) < 2:
        return f"{statistic} needs at least two cases; {len(event)} given."
    if not event.any():
        return f"{statistic} is undefined: none of the {len(event)} cases has an event."
    return f"{statistic} is undefined: nobody is followed beyond the first event, so no pair is comparable."


def _won_and_pairs(risk: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_]) -> tuple[float, int]:
    _, below, equal, partners = pair_counts(risk, time, event)
    return float(below.sum() + equal.sum() / 2), int(partners.sum())


def pair_counts(
    risk: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Per event: its row, its partners with a lower risk, with an equal risk, and all partners.

    In the order of (time, events first), the partners of an event are everybody after the events of its own time.
    """
    order = np.lexsort((~event, time))
    time, event = time[order], event[order]
    _, rank = np.unique(risk[order], return_inverse=True)
    changes = np.flatnonzero((time[1:] != time[:-1]) | (event[1:] != event[:-1])) + 1
    ends = np.append(changes, len(time))  # of the runs of one time, events and the others apart
    start = np.repeat(ends, np.diff(ends, prepend=0))[event]  # (events,)
    below, equal = _count_in_suffix(rank.astype(np.int64), start, rank[event])
    return order[event], below, equal, len(time) - start


def pair_shares(
    risk: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) what each case's comparable pairs score, as the earlier or the later one, and (n,) how many they are.

    Both sums count every pair twice.

    Raises:
        UndefinedMetricError: no pair is comparable.
    """
    rows, below, equal, partners = pair_counts(risk, time, event)
    if not partners.sum():
        raise UndefinedMetricError(why_no_pair("The concordance index", event))
    won, pairs = np.zeros(len(risk)), np.zeros(len(risk))
    won[rows], pairs[rows] = below + equal / 2, partners
    rank = np.unique(risk, return_inverse=True)[1].astype(np.int64)
    key = 2 * np.unique(time, return_inverse=True)[1] + ~event
    events = np.flatnonzero(event)[np.argsort(key[event], kind="stable")]
    n_before = np.searchsorted(key[events], key, side="left")  # events before each case, counted from the end of:
    lower, same = _count_in_suffix(rank[events][::-1], len(events) - n_before, rank)
    return won + (n_before - lower - same) + same / 2, pairs + n_before


def _count_in_suffix(
    values: NDArray[np.int64], start: NDArray[np.int64], query: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each query q, how many of values[start:] are below q and how many equal it: a wavelet matrix, bit by bit."""
    left, right = start.copy(), np.full(len(start), len(values))
    below = np.zeros(len(start), dtype=np.int64)
    zeros_before = np.zeros(len(values) + 1, dtype=np.int64)
    top = int(max(values.max(initial=0), query.max(initial=0))).bit_length()
    for bit in reversed(range(top)):
        zeros = (values >> bit & 1) == 0
        np.cumsum(zeros, out=zeros_before[1:])
        n_zeros, up = zeros_before[-1], query >> bit & 1
        left_zeros, right_zeros = (zeros_before.take(side, mode="clip") for side in (left, right))
        below += (right_zeros - left_zeros) * up
        for side, own in ((left, left_zeros), (right, right_zeros)):  # up: among the ones; else among the zeros
            side += n_zeros - 2 * own
            side *= up
            side += own
        values = np.concatenate([values[zeros], values[~zeros]])
    return below, right - left
