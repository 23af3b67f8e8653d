"""The sums of Cox's partial likelihood over the sets of cases at risk, for one fit of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLUMNS_AT_ONCE = 16
ROWS_AT_ONCE = 512


def standardised(x: NDArray[np.float64], order: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(p, n) of (n, p) in an order, each term with mean 0 and standard deviation 1, and (p,) what it was divided by."""
    blocks = [slice(first, first + ROWS_AT_ONCE) for first in range(0, len(x), ROWS_AT_ONCE)]
    centre = x.mean(axis=0)
    scale = np.sqrt(sum(np.square(x[rows] - centre).sum(axis=0) for rows in blocks) / len(x))
    found = np.empty(x.shape[::-1])
    for rows in blocks:
        found[:, rows] = ((x[order[rows]] - centre) / scale).T
    return found, scale


@dataclass(frozen=True, slots=True)
class Sums:
    """Of all events: Schoenfeld's residuals (E, p), whose sum is the gradient, and the information (p, p)."""

    residuals: NDArray[np.float64]
    information: NDArray[np.float64]


class RiskSets:
    """Sums over everybody at risk just before each event, less Efron's share of the events of the same time.

    What one case adds to the sums of all events is its hazard times the hazard that has been cumulated while it was at
    risk; so the sum over events of sums over risk sets is one sum over cases.

    Args:
        x: (p, n) terms: sums over cases run along the memory.
        time: (n,) ascending; at one time, events come first.
    """

    def __init__(
        self,
        x: NDArray[np.float64],
        time: NDArray[np.float64],
        event: NDArray[np.bool_],
        entry: NDArray[np.float64] | None,
    ) -> None:
        self.x, self.time, self.event = x, time, event
        self.entry = entry if entry is not None and entry.any() else None
        self.rows = np.flatnonzero(self.event)  # (E,)
        self.event_times = self.time[self.rows]
        self.start = np.searchsorted(self.time, self.event_times, side="left")
        self.first = np.searchsorted(self.event_times, self.event_times, side="left")
        self.last = np.searchsorted(self.event_times, self.event_times, side="right")
        self.share = (np.arange(len(self.rows)) - self.first) / (self.last - self.first)
        self.until = np.searchsorted(self.event_times, self.time, side="right")  # (n,) events up to each time
        if self.entry is not None:
            self.by_entry = np.argsort(self.entry, kind="stable")
            self.entered = np.searchsorted(self.entry[self.by_entry], self.event_times, side="left")
            self.before = np.searchsorted(self.event_times, self.entry, side="right")  # (n,) events up to each entry

    def part(self, step: int) -> RiskSets:
        """Every so-manieth case."""
        entry = None if self.entry is None else self.entry[::step]
        return RiskSets(self.x[:, ::step], self.time[::step], self.event[::step], entry)

    def log_likelihood(self, beta: NDArray[np.float64]) -> float:
        """Partial, Efron's ties."""
        eta = beta @ self.x
        eta -= eta.max()
        return self._value(eta, self._at_risk(np.exp(eta)[None])[0])

    def climb(self, beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Log-likelihood and its (p,) gradient."""
        eta = beta @ self.x
        eta -= eta.max()
        hazard = np.exp(eta)
        at_risk = self._at_risk(hazard[None])[0]
        return self._value(eta, at_risk), self.x @ (self.event - hazard * self._cumulated(at_risk))

    def sums(self, beta: NDArray[np.float64]) -> Sums:
        """Residuals, whose sum is the gradient, and information."""
        eta = beta @ self.x
        hazard = np.exp(eta - eta.max())
        at_risk = self._at_risk(hazard[None])[0]  # (E,)
        mean = np.empty((len(beta), len(self.rows)))
        for first in range(0, len(beta), COLUMNS_AT_ONCE):
            some = slice(first, first + COLUMNS_AT_ONCE)
            np.divide(self._at_risk(hazard * self.x[some]), at_risk, out=mean[some])
        weights = hazard * self._cumulated(at_risk)  # (n,) from 0 on
        root = self.x * np.sqrt(np.maximum(weights, 0))
        information = root @ root.T - mean @ mean.T
        del root
        if self.share.any():  # every tied event has the mean over its ties
            starts, size = np.unique(self.first, return_counts=True)
            mean = np.repeat(np.add.reduceat(mean, starts, axis=1) / size, size, axis=1)
        np.subtract(self.x[:, self.rows], mean, out=mean)
        return Sums(mean.T, information)

    def _value(self, eta: NDArray[np.float64], at_risk: NDArray[np.float64]) -> float:
        return float(eta[self.rows].sum() - np.log(at_risk).sum())

    def _cumulated(self, at_risk: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) sum of 1 / `at_risk` over the events at which each case was at risk, a tied event by Efron's share."""
        passed = np.concatenate([[0.0], np.cumsum(1 / at_risk)])
        found = passed[self.until]
        if self.entry is not None:
            found = found - passed[self.before]
        if self.share.any():
            own = np.concatenate([[0.0], np.cumsum(self.share / at_risk)])
            found[self.rows] -= own[self.last] - own[self.first]
        return found

    def _at_risk(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, E) of (k, n)."""
        total = np.cumsum(values[:, ::-1], axis=1)[:, ::-1][:, self.start]
        if self.entry is not None:
            waiting = np.cumsum(values[:, self.by_entry][:, ::-1], axis=1)[:, ::-1]
            total -= np.hstack([waiting, np.zeros((len(values), 1))])[:, self.entered]
        if self.share.any():
            passed = np.hstack([np.zeros((len(values), 1)), np.cumsum(values[:, self.rows], axis=1)])
            total -= self.share * (passed[:, self.last] - passed[:, self.first])
        return total
