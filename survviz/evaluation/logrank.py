"""The log-rank test: of all groups at once, and of every pair with Holm's correction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.evaluation.outcomes import UndefinedMetricError, check_entry, check_outcomes, check_same_length
from survviz.evaluation.paired import holm


@dataclass(frozen=True, slots=True)
class LogRank:
    """Log-rank test of equal hazards.

    Attributes:
        statistic: chi-squared, with `degrees` degrees of freedom.
        observed: (G,) events per group, in the order of `groups`.
        expected: (G,) events expected if all groups shared one hazard.
    """

    statistic: float
    p_value: float
    degrees: int
    groups: tuple[str, ...]
    observed: NDArray[np.int64]
    expected: NDArray[np.float64]


def logrank(time: ArrayLike, event: ArrayLike, group: ArrayLike, *, entry: ArrayLike | None = None) -> LogRank:
    """Unweighted log-rank test of two or more groups (Mantel 1966).

    Args:
        group: (n,) labels.
        entry: (n,) when observation of a case began; it is compared after that only. None = everybody from 0.

    Raises:
        UndefinedMetricError: fewer than two groups, no event, or no time at which groups can be compared.
        InputError: NaN, negative times, different lengths.
    """
    times, events = check_outcomes(time, event)
    entries = check_entry(entry, times)
    labels = np.asarray(group)
    check_same_length(time=times, group=labels)
    names, member = np.unique(labels, return_inverse=True)
    if len(names) < 2 or not events.any():
        reason = "no event" if len(names) > 1 else f"{len(names)} group{'s' if not len(names) else ''}"
        raise UndefinedMetricError(f"The log-rank test needs two groups and an event; the data have {reason}.")
    grid = np.unique(times[events])
    one_hot = member[:, None] == np.arange(len(names))  # (n, G)
    at_risk = _counts_from(times, one_hot, grid)  # (T, G)
    if entries is not None:
        at_risk = at_risk - _counts_from(entries, one_hot, grid)
    deaths = np.zeros((len(grid), len(names)))
    np.add.at(deaths, (np.searchsorted(grid, times[events]), member[events]), 1)
    expected, covariance = _expected(at_risk, deaths.sum(axis=1))
    difference = (deaths.sum(axis=0) - expected)[:-1]
    if np.linalg.matrix_rank(covariance[:-1, :-1]) < len(names) - 1:
        raise UndefinedMetricError("The log-rank test is undefined: the groups are never at risk at the same events.")
    statistic = float(difference @ np.linalg.solve(covariance[:-1, :-1], difference))
    degrees = len(names) - 1
    p_value = float(special.chdtrc(degrees, statistic))
    named = tuple(str(name) for name in names)
    return LogRank(statistic, p_value, degrees, named, deaths.sum(axis=0).astype(np.int64), expected)


def _expected(
    at_risk: NDArray[np.float64], n_events: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(G,) events expected if all groups shared one hazard, and the (G, G) covariance of what is observed then."""
    n = at_risk.sum(axis=1)
    share = at_risk / n[:, None]
    factor = np.divide(n_events * (n - n_events), n - 1, out=np.zeros(len(n)), where=n > 1)
    covariance = np.diag((factor[:, None] * share).sum(axis=0)) - np.einsum("t,tg,th->gh", factor, share, share)
    return (n_events[:, None] * share).sum(axis=0), covariance


def _counts_from(
    times: NDArray[np.float64], one_hot: NDArray[np.bool_], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(T, G) members of each group with time at or after each grid time."""
    order = np.argsort(times)
    left = np.concatenate([np.zeros((1, one_hot.shape[1])), np.cumsum(one_hot[order], axis=0)])
    return left[-1] - left[np.searchsorted(times[order], grid, side="left")]


@dataclass(frozen=True, slots=True)
class PairwiseLogRank:
    """Two groups compared, among all pairs of groups.

    Attributes:
        p_value: None where the test is undefined; `reason` then says why.
        adjusted: by Holm, over all pairs whose test is defined.
    """

    first: str
    second: str
    p_value: float | None
    adjusted: float | None
    reason: str = ""


def pairwise_logrank(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, *, entry: ArrayLike | None = None
) -> tuple[PairwiseLogRank, ...]:
    """The log-rank test of each pair of groups on the cases of these two, p-values adjusted by Holm (1979).

    Raises:
        InputError: as `logrank`. A pair whose test is undefined says so in its `reason`.
    """
    times, events = check_outcomes(time, event)
    entries, labels = check_entry(entry, times), np.asarray(group)
    check_same_length(time=times, group=labels)
    p_values: dict[tuple[str, str], float] = {}
    reasons: dict[tuple[str, str], str] = {}
    for first, second in combinations(np.unique(labels), 2):
        rows, pair = (labels == first) | (labels == second), (str(first), str(second))
        entered = None if entries is None else entries[rows]
        try:
            p_values[pair] = logrank(times[rows], events[rows], labels[rows], entry=entered).p_value
        except UndefinedMetricError as error:
            reasons[pair] = str(error)
    adjusted = dict(zip(p_values, holm(list(p_values.values())).tolist(), strict=True))
    return (
        *(PairwiseLogRank(*pair, value, adjusted[pair]) for pair, value in p_values.items()),
        *(PairwiseLogRank(*pair, None, None, reason) for pair, reason in reasons.items()),
    )
