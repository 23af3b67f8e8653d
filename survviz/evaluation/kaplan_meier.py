"""Kaplan-Meier curves and the log-rank test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.evaluation.outcomes import UndefinedMetricError, check_outcomes, check_same_length


@dataclass(frozen=True, slots=True)
class KaplanMeier:
    """A step curve: `survival[i]` holds from `times[i]` until the next time.

    Attributes:
        times: (T,) 0 and every distinct follow-up time.
        survival: (T,) S(t), 1 at time 0.
        ci_low: (T,) log-log Greenwood limit; NaN where S = 0, where the variance is undefined.
        ci_high: (T,)
        at_risk: (T,) cases followed until at least this time.
        n_events: (T,) events at this time.
        n_censored: (T,) cases whose follow-up ends at this time without event.
        level: nominal coverage of the limits.
    """

    times: NDArray[np.float64]
    survival: NDArray[np.float64]
    ci_low: NDArray[np.float64]
    ci_high: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    n_events: NDArray[np.int64]
    n_censored: NDArray[np.int64]
    level: float = 0.95

    @property
    def median(self) -> float | None:
        """First time at which S is one half or less; None if it never is."""
        reached = np.flatnonzero(self.survival <= 0.5 + 1e-12)
        return float(self.times[reached[0]]) if len(reached) else None

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """S at given times; NaN after the last follow-up."""
        asked = np.asarray(times, dtype=np.float64)
        values = self.survival[np.searchsorted(self.times, asked, side="right") - 1]
        return np.where((asked >= 0) & (asked <= self.times[-1]), values, np.nan)

    def outcomes(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(n,) times and events of the cases that the curve was made of, by time; nothing else of them is known."""
        counts = np.stack([self.n_events, self.n_censored], axis=1).ravel()
        return np.repeat(np.repeat(self.times, 2), counts), np.repeat(np.tile([True, False], len(self.times)), counts)

    def at_risk_at(self, times: ArrayLike) -> NDArray[np.int64]:
        """Cases followed until at least each time, for the table under a figure."""
        counts = np.append(self.at_risk, 0)
        return counts[np.searchsorted(self.times, np.asarray(times, dtype=np.float64), side="left")]


def kaplan_meier(time: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> KaplanMeier:
    """Product-limit estimate with log-log Greenwood limits (Kalbfleisch and Prentice), as in lifelines.

    Raises:
        UndefinedMetricError: there is no case.
        InputError: NaN, negative times, different lengths.
    """
    times, events = check_outcomes(time, event)
    if not len(times):
        raise UndefinedMetricError("A Kaplan-Meier curve needs at least one case; none given.")
    grid, position = np.unique(np.append(times, 0.0), return_inverse=True)
    position = position[:-1]
    n_events = np.bincount(position[events], minlength=len(grid))
    n_censored = np.bincount(position[~events], minlength=len(grid))
    at_risk = len(times) - np.concatenate([[0], np.cumsum(n_events + n_censored)[:-1]])
    survival = np.cumprod(1 - n_events / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(n_events / (at_risk * (at_risk - n_events)))
        spread = special.ndtri((1 + level) / 2) * np.sqrt(variance) / np.log(survival)
        low, high = survival ** np.exp(-spread), survival ** np.exp(spread)
    full, gone = survival == 1, survival == 0
    low = np.where(full, 1.0, np.where(gone, np.nan, low))
    high = np.where(full, 1.0, np.where(gone, np.nan, high))
    return KaplanMeier(grid, survival, low, high, at_risk, n_events, n_censored, level)


def median_follow_up(time: ArrayLike, event: ArrayLike) -> float | None:
    """Median follow-up by reverse Kaplan-Meier (Schemper and Smith 1996); None if that curve stays above one half."""
    times, events = check_outcomes(time, event)
    return kaplan_meier(times, ~events).median


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


def logrank(time: ArrayLike, event: ArrayLike, group: ArrayLike) -> LogRank:
    """Unweighted log-rank test of two or more groups (Mantel 1966).

    Raises:
        UndefinedMetricError: fewer than two groups, no event, or no time at which groups can be compared.
        InputError: NaN, negative times, different lengths.
    """
    times, events = check_outcomes(time, event)
    labels = np.asarray(group)
    check_same_length(time=times, group=labels)
    names, member = np.unique(labels, return_inverse=True)
    if len(names) < 2 or not events.any():
        reason = "no event" if len(names) > 1 else f"{len(names)} group{'s' if not len(names) else ''}"
        raise UndefinedMetricError(f"The log-rank test needs two groups and an event; the data have {reason}.")
    grid = np.unique(times[events])
    one_hot = member[:, None] == np.arange(len(names))  # (n, G)
    at_risk = _counts_from(times, one_hot, grid)  # (T, G)
    deaths = np.zeros((len(grid), len(names)))
    np.add.at(deaths, (np.searchsorted(grid, times[events]), member[events]), 1)
    n, d = at_risk.sum(axis=1), deaths.sum(axis=1)
    share = at_risk / n[:, None]
    expected = (d[:, None] * share).sum(axis=0)
    factor = np.divide(d * (n - d), n - 1, out=np.zeros(len(n)), where=n > 1)
    covariance = np.diag((factor[:, None] * share).sum(axis=0)) - np.einsum("t,tg,th->gh", factor, share, share)
    difference = (deaths.sum(axis=0) - expected)[:-1]
    if np.linalg.matrix_rank(covariance[:-1, :-1]) < len(names) - 1:
        raise UndefinedMetricError("The log-rank test is undefined: the groups are never at risk at the same events.")
    statistic = float(difference @ np.linalg.solve(covariance[:-1, :-1], difference))
    degrees = len(names) - 1
    p_value = float(special.chdtrc(degrees, statistic))
    named = tuple(str(name) for name in names)
    return LogRank(statistic, p_value, degrees, named, deaths.sum(axis=0).astype(np.int64), expected)


def _counts_from(
    times: NDArray[np.float64], one_hot: NDArray[np.bool_], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(T, G) members of each group with time at or after each grid time."""
    order = np.argsort(times)
    left = np.concatenate([np.zeros((1, one_hot.shape[1])), np.cumsum(one_hot[order], axis=0)])
    return left[-1] - left[np.searchsorted(times[order], grid, side="left")]
