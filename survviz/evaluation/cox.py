"""Cox's model with its tests, in closed numpy: hazard ratios that appear at once, also for ten thousand patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.errors import InputError
from survviz.evaluation.kaplan_meier import kaplan_meier
from survviz.evaluation.outcomes import UndefinedMetricError, check_entry, check_outcomes, check_same_length

MAX_STEPS = 40
CONVERGED = 1e-9
LARGEST = 15.0
"""A coefficient this large per standard deviation says that a term separates the events perfectly."""


@dataclass(frozen=True, slots=True)
class CoxModel:
    """A fitted model of proportional hazards.

    Attributes:
        terms: (p,) names.
        coefficients: (p,) log hazard ratios.
        covariance: (p, p) inverse of the observed information.
        log_likelihood: partial, Efron's ties.
        null_log_likelihood: with all coefficients 0.
        residuals: (E, p) Schoenfeld's, by time of the event.
        event_times: (E,)
        level: nominal coverage of the limits.
    """

    terms: tuple[str, ...]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    log_likelihood: float
    null_log_likelihood: float
    residuals: NDArray[np.float64]
    event_times: NDArray[np.float64]
    n: int
    level: float = 0.95

    @property
    def n_events(self) -> int:
        """Events that the fit rests on."""
        return len(self.event_times)

    @property
    def errors(self) -> NDArray[np.float64]:
        """(p,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def hazard_ratios(self) -> NDArray[np.float64]:
        """(p, 3) hazard ratio and its limits (Wald)."""
        reach = special.ndtri((1 + self.level) / 2) * self.errors
        return np.exp(np.column_stack([self.coefficients, self.coefficients - reach, self.coefficients + reach]))

    @property
    def p_values(self) -> NDArray[np.float64]:
        """(p,) of each term (Wald)."""
        return 2 * special.ndtr(-np.abs(self.coefficients / self.errors))

    @property
    def likelihood_ratio_p(self) -> float:
        """Of the whole model against none."""
        return float(special.chdtrc(len(self.terms), 2 * (self.log_likelihood - self.null_log_likelihood)))


@dataclass(frozen=True, slots=True)
class ProportionalHazards:
    """Test that effects do not change with time; a small p says that they do.

    Attributes:
        p_values: (p,) of each term.
        global_p: of all at once.
    """

    terms: tuple[str, ...]
    statistics: NDArray[np.float64]
    p_values: NDArray[np.float64]
    global_p: float


def cox(
    x: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    terms: Sequence[str],
    entry: ArrayLike | None = None,
    level: float = 0.95,
) -> CoxModel:
    """Maximise the partial likelihood, Efron's ties (as R's `coxph` and lifelines), by Newton's method.

    Args:
        x: (n, p) covariates.
        entry: (n,) when observation of a case began; None = everybody from 0.

    Raises:
        UndefinedMetricError: no event, more terms than events, a term that does not vary, is a sum of others, or
            separates the events perfectly; the message names it.
        InputError: missing values, other shapes, negative times.
    """
    times, events = check_outcomes(time, event)
    entries = check_entry(entry, times)
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(terms) or not np.isfinite(values).all():
        raise InputError(f"Covariates have shape {values.shape} or gaps; expected {len(terms)} finite columns.")
    check_same_length(x=values, time=times)
    _check_terms(values, events, terms)
    centre, scale = values.mean(axis=0), values.std(axis=0)
    sets = _RiskSets((values - centre) / scale, times, events, entries)
    beta, value = _maximise(sets, terms)
    sums = sets.sums(beta)
    covariance = np.linalg.inv(sums.information) / np.outer(scale, scale)
    null = sets.log_likelihood(np.zeros(len(terms)))
    return CoxModel(
        tuple(terms), beta / scale, covariance, value, null, sums.residuals * scale, sets.event_times, len(times), level
    )


def proportional_hazards(
    model: CoxModel, time: ArrayLike, event: ArrayLike, *, entry: ArrayLike | None = None
) -> ProportionalHazards:
    """Grambsch and Therneau's score test (1994) against time on the scale of 1 - Kaplan-Meier, R's default.

    Args:
        time: of the cases that the model was fitted to, as `event` and `entry`.

    Raises:
        UndefinedMetricError: all events happen at one time.
    """
    curve = kaplan_meier(time, event, entry=entry)
    before = np.concatenate([[1.0], curve.survival[:-1]])  # left-continuous
    scale = 1 - before[np.searchsorted(curve.times, model.event_times)]
    scale = scale - scale.mean()
    if np.ptp(scale) == 0:
        raise UndefinedMetricError("Whether effects change with time cannot be told: all events happen at one time.")
    score = scale @ model.residuals  # (p,)
    spread = (scale**2).sum() / model.n_events
    statistics = (model.covariance @ score) ** 2 / (np.diag(model.covariance) * spread)
    overall = float(score @ model.covariance @ score / spread)
    return ProportionalHazards(
        model.terms, statistics, special.chdtrc(1, statistics), float(special.chdtrc(len(model.terms), overall))
    )


def _check_terms(x: NDArray[np.float64], event: NDArray[np.bool_], terms: Sequence[str]) -> None:
    n_events = int(event.sum())
    if n_events <= len(terms):
        raise UndefinedMetricError(
            f"A Cox model of {len(terms)} term{'s' * (len(terms) != 1)} needs more events than terms; there are "
            f"{n_events}. Leave covariates out."
        )
    for name, column in zip(terms, x.T, strict=True):
        if np.ptp(column) == 0:
            raise UndefinedMetricError(f"{name!r} is the same for all {len(column)} patients: leave it out.")
    spread = (x - x.mean(axis=0)) / x.std(axis=0)
    for last in range(1, len(terms)):
        if np.linalg.matrix_rank(spread[:, : last + 1], tol=1e-8 * len(x)) <= last:
            raise UndefinedMetricError(f"{terms[last]!r} is a sum of the covariates before it: leave it out.")


def _maximise(sets: _RiskSets, terms: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    beta, value = np.zeros(len(terms)), sets.log_likelihood(np.zeros(len(terms)))
    for _ in range(MAX_STEPS):
        sums = sets.sums(beta)
        try:
            step = np.linalg.solve(sums.information, sums.residuals.sum(axis=0))
        except np.linalg.LinAlgError:
            break
        new = sets.log_likelihood(beta + step)
        while new < value - 1e-9 * (1 + abs(value)) and np.abs(step).max() > CONVERGED:
            step = step / 2
            new = sets.log_likelihood(beta + step)
        beta, value = beta + step, new
        if np.abs(beta).max() > LARGEST:
            break
        if np.abs(step).max() < CONVERGED * (1 + np.abs(beta).max()):
            return beta, value
    worst = terms[int(np.abs(beta).argmax())]
    raise UndefinedMetricError(
        f"The Cox model has no finite estimate: {worst!r} separates events from others perfectly (one of its groups "
        "has no event, or all). Merge groups, or leave it out."
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    residuals: NDArray[np.float64]  # (E, p)
    information: NDArray[np.float64]  # (p, p)


class _RiskSets:
    """Sums over everybody at risk just before each event, less Efron's share of the events of the same time."""

    def __init__(
        self,
        x: NDArray[np.float64],
        time: NDArray[np.float64],
        event: NDArray[np.bool_],
        entry: NDArray[np.float64] | None,
    ) -> None:
        order = np.lexsort((~event, time))
        self.x, self.time = x[order], time[order]
        self.rows = np.flatnonzero(event[order])  # (E,)
        self.event_times = self.time[self.rows]
        self.start = np.searchsorted(self.time, self.event_times, side="left")
        self.first = np.searchsorted(self.event_times, self.event_times, side="left")
        self.last = np.searchsorted(self.event_times, self.event_times, side="right")
        self.share = (np.arange(len(self.rows)) - self.first) / (self.last - self.first)
        self.late = None
        if entry is not None and entry.any():
            by_entry = np.argsort(entry[order], kind="stable")
            self.late = by_entry, np.searchsorted(entry[order][by_entry], self.event_times, side="left")
        p = x.shape[1]
        self.upper = np.triu_indices(p)
        self.products = self.x[:, self.upper[0]] * self.x[:, self.upper[1]]

    def log_likelihood(self, beta: NDArray[np.float64]) -> float:
        eta = self.x @ beta
        shift = eta.max()
        at_risk = self._at_risk(np.exp(eta - shift)[:, None])[:, 0]
        return float((eta[self.rows] - shift).sum() - np.log(at_risk).sum())

    def sums(self, beta: NDArray[np.float64]) -> _Sums:
        eta = self.x @ beta
        hazard = np.exp(eta - eta.max())[:, None]
        at_risk = self._at_risk(hazard)  # (E, 1)
        mean = self._at_risk(hazard * self.x) / at_risk
        second = (self._at_risk(hazard * self.products) / at_risk).sum(axis=0)
        information = np.zeros((len(beta), len(beta)))
        information[self.upper] = second
        information = information + np.triu(information, 1).T - mean.T @ mean
        tied = np.add.reduceat(mean, np.unique(self.first), axis=0)  # every tied event has the mean over its ties
        size = np.unique(self.first, return_counts=True)[1]
        averaged = np.repeat(tied / size[:, None], size, axis=0)
        return _Sums(self.x[self.rows] - averaged, information)

    def _at_risk(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(E, k)"""
        total = np.cumsum(values[::-1], axis=0)[::-1][self.start]
        if self.late is not None:
            by_entry, start = self.late
            waiting = np.vstack([np.cumsum(values[by_entry][::-1], axis=0)[::-1], np.zeros((1, values.shape[1]))])
            total = total - waiting[start]
        passed = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values[self.rows], axis=0)])
        return total - self.share[:, None] * (passed[self.last] - passed[self.first])
