"""Kaplan-Meier curves, with delayed entry, and the table of who is at risk below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.evaluation.outcomes import UndefinedMetricError, check_entry, check_outcomes, count_at_risk

Limits: TypeAlias = Literal["log-log", "log"]
"""How limits are made: "log-log" (lifelines, SAS), or "log" (the default of R's `survfit`)."""


@dataclass(frozen=True, slots=True)
class KaplanMeier:
    """A step curve: `survival[i]` holds from `times[i]` until the next time.

    Attributes:
        times: (T,) 0 (with delayed entry, the first entry) and every distinct follow-up time.
        survival: (T,) S(t), 1 at the first time.
        ci_low: (T,) Greenwood limit; NaN where S = 0, where the variance is undefined.
        ci_high: (T,)
        at_risk: (T,) cases under observation just before this time.
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
    def n_cases(self) -> int:
        """Cases that the curve was made of."""
        return int(self.n_events.sum() + self.n_censored.sum())

    @property
    def median(self) -> float | None:
        """First time at which S is one half or less; None if it never is."""
        return self._first_below_half(self.survival)

    @property
    def median_limits(self) -> tuple[float | None, float | None]:
        """Times at which the lower and the upper limit reach one half (Brookmeyer and Crowley 1982, as `survfit`)."""
        return self._first_below_half(self.ci_low), self._first_below_half(self.ci_high)

    def _first_below_half(self, values: NDArray[np.float64]) -> float | None:
        reached = np.flatnonzero(values <= 0.5 + 1e-12)
        return float(self.times[reached[0]]) if len(reached) else None

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """S at given times; NaN before the first entry and after the last follow-up."""
        return self._read(self.survival, times)

    def limits_at(self, times: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Limits at given times; NaN where S is."""
        return self._read(self.ci_low, times), self._read(self.ci_high, times)

    def _read(self, values: NDArray[np.float64], times: ArrayLike) -> NDArray[np.float64]:
        asked = np.asarray(times, dtype=np.float64)
        found = values[np.searchsorted(self.times, asked, side="right") - 1]
        return np.where((asked >= self.times[0]) & (asked <= self.times[-1]), found, np.nan)

    def outcomes(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(n,) times and events of the cases that the curve was made of, by time; nothing else of them is known."""
        counts = np.stack([self.n_events, self.n_censored], axis=1).ravel()
        return np.repeat(np.repeat(self.times, 2), counts), np.repeat(np.tile([True, False], len(self.times)), counts)


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    level: float = 0.95,
    limits: Limits = "log-log",
) -> KaplanMeier:
    """Product-limit estimate with Greenwood's variance; equals lifelines (log-log) and R's `survfit` (log).

    Args:
        entry: (n,) when observation of a case began (left truncation): it is at risk after that only. The curve then
            starts at the first entry, and is that of patients who live so long. None = everybody from 0.

    Raises:
        UndefinedMetricError: there is no case.
        InputError: NaN, negative times, an entry that is not before its time, different lengths.
    """
    times, events = check_outcomes(time, event)
    if not len(times):
        raise UndefinedMetricError("A Kaplan-Meier curve needs at least one case; none given.")
    entries = check_entry(entry, times)
    start = 0.0 if entries is None else float(entries.min())
    grid, position = np.unique(np.append(times, start), return_inverse=True)
    position = position[:-1]
    n_events = np.bincount(position[events], minlength=len(grid))
    n_censored = np.bincount(position[~events], minlength=len(grid))
    at_risk = count_at_risk(times, entries, grid)
    if entries is not None:
        at_risk[0] = (entries == start).sum()
    survival = np.cumprod(1 - n_events / at_risk, dtype=np.float64)
    low, high = _limits(survival, n_events, at_risk, level, limits)
    return KaplanMeier(grid, survival, low, high, at_risk, n_events, n_censored, level)


def _limits(
    survival: NDArray[np.float64], n_events: NDArray[np.int64], at_risk: NDArray[np.int64], level: float, limits: Limits
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    z = special.ndtri((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.cumsum(n_events / (at_risk * (at_risk - n_events))))
        if limits == "log":
            low, high = survival * np.exp(-z * error), np.minimum(survival * np.exp(z * error), 1.0)
        else:
            spread = z * error / np.log(survival)
            low, high = survival ** np.exp(-spread), survival ** np.exp(spread)
    full, gone = survival == 1, survival == 0
    low, high = (np.where(full, 1.0, np.where(gone, np.nan, one)) for one in (low, high))
    return low, high


def median_follow_up(time: ArrayLike, event: ArrayLike) -> float | None:
    """Median follow-up by reverse Kaplan-Meier (Schemper and Smith 1996); None if that curve stays above one half."""
    times, events = check_outcomes(time, event)
    return kaplan_meier(times, ~events).median


@dataclass(frozen=True, slots=True)
class RiskTable:
    """The numbers under a Kaplan-Meier figure.

    Attributes:
        times: (T,) ticks.
        at_risk: (T,) under observation just before each tick: the start of the interval that the tick opens, as
            `summary(survfit(...), times)` in R. Who has an event or is censored exactly at the tick still counts.
        n_events: (T,) events up to and with each tick.
        n_censored: (T,) censored up to and with each tick.
    """

    times: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    n_events: NDArray[np.int64]
    n_censored: NDArray[np.int64]


def risk_table(time: ArrayLike, event: ArrayLike, times: ArrayLike, *, entry: ArrayLike | None = None) -> RiskTable:
    """Who is at risk at the ticks of a figure, and what happened until then.

    Raises:
        InputError: as `kaplan_meier`.
    """
    ends, events = check_outcomes(time, event)
    entries = check_entry(entry, ends)
    ticks = np.asarray(times, dtype=np.float64)
    at_risk = count_at_risk(ends, entries, ticks)
    if entries is not None and len(entries):
        start = entries.min()  # who enters at the very start is at risk at the first tick
        at_risk = np.where(ticks == start, (entries == start).sum(), at_risk)
    counts = [np.searchsorted(np.sort(ends[rows]), ticks, side="right") for rows in (events, ~events)]
    return RiskTable(ticks, at_risk, *counts)
