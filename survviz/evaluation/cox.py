"""Cox's model with its tests, in closed numpy: hazard ratios that appear at once, also for ten thousand patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.errors import InputError
from survviz.evaluation.kaplan_meier import kaplan_meier
from survviz.evaluation.outcomes import UndefinedMetricError, check_entry, check_outcomes, check_same_length
from survviz.evaluation.risk_sets import RiskSets, Sums, standardised

MAX_STEPS = 40
CONVERGED = 1e-9
NEARLY = 1e-5
"""After a first Newton step this small, what is left is of the order of its square."""
LARGE_INFORMATION = 3e7
"""n p^2 above which the way to the maximum goes by gradients, and the information is computed at its end only."""
FEWEST_ROWS = 4000
"""Of the part of a large cohort that tells how the likelihood is curved."""
CLEARLY_APART = 1e-6
"""Smallest eigenvalue of the correlations of terms none of which is a sum of the others."""
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
    order = np.lexsort((~events, times))
    scaled, scale = standardised(values, order)
    _check_apart(scaled, terms)
    sets = RiskSets(scaled, times[order], events[order], None if entries is None else entries[order])
    beta, value, sums = _maximise(sets, terms)
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
    for index in np.flatnonzero(x[0] == x[-1]).tolist():  # the others vary
        if np.ptp(x[:, index]) == 0:
            raise UndefinedMetricError(f"{terms[index]!r} is the same for all {len(x)} patients: leave it out.")


def _check_apart(scaled: NDArray[np.float64], terms: Sequence[str]) -> None:
    """That no term is a sum of others; by their correlations, and where those leave it open, by their rank."""
    if np.linalg.eigvalsh(scaled @ scaled.T / scaled.shape[1])[0] > CLEARLY_APART:
        return
    for last in range(1, len(terms)):
        if np.linalg.matrix_rank(scaled[: last + 1], tol=1e-8 * scaled.shape[1]) <= last:
            raise UndefinedMetricError(f"{terms[last]!r} is a sum of the covariates before it: leave it out.")


def _maximise(sets: RiskSets, terms: Sequence[str]) -> tuple[NDArray[np.float64], float, Sums]:
    """Coefficients, likelihood, and the sums there: by Newton's steps; of many numbers, from near the maximum on."""
    large = sets.x.size * len(terms) > LARGE_INFORMATION
    beta = _near_maximum(sets) if large else np.zeros(len(terms))
    value, small = sets.log_likelihood(beta), NEARLY if large else CONVERGED
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
        if np.abs(step).max() < small * (1 + np.abs(beta).max()):
            return beta, value, sums
    worst = terms[int(np.abs(beta).argmax())]
    raise UndefinedMetricError(
        f"The Cox model has no finite estimate: {worst!r} separates events from others perfectly (one of its groups "
        "has no event, or all). Merge groups, or leave it out."
    )


def _near_maximum(sets: RiskSets) -> NDArray[np.float64]:
    """By L-BFGS, in coordinates in which the likelihood of a part of the cohort curves alike in every direction."""
    p, n = sets.x.shape
    curved = sets.part(max(1, n // max(FEWEST_ROWS, 10 * p))).sums(np.zeros(p)).information
    curved += 0.01 * np.trace(curved) / p * np.eye(p)
    lower = scipy.linalg.cholesky(curved / np.trace(curved) * p, lower=True)
    n_events = len(sets.rows)

    def loss(turned: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = sets.climb(scipy.linalg.solve_triangular(lower.T, turned))
        return -value / n_events, -scipy.linalg.solve_triangular(lower, gradient, lower=True) / n_events

    found = scipy.optimize.minimize(loss, np.zeros(p), jac=True, method="L-BFGS-B",
                              options={"gtol": 1e-6, "ftol": 1e-15, "maxiter": 200, "maxcor": 20})  # fmt: skip
    return scipy.linalg.solve_triangular(lower.T, found.x)
