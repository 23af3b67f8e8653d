"""A small Cox model, fitted on many resamples at once: the slope of a calibration, or a curve of few terms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_STEPS = 50
CONVERGED = 1e-9


def cox_coefficients(
    x: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    counts: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Coefficients that maximise Cox's partial likelihood (Efron's ties, as R and lifelines), by Newton's method.

    Args:
        x: (n, p) terms; few.
        counts: (R, n) how often each patient is drawn; None = once, R = 1.

    Returns:
        (R, p) NaN where there is no maximum (no event, a term that does not vary, a term that separates perfectly).
    """
    order = np.argsort(time, kind="stable")
    x, time, event = x[order], time[order], event[order]
    drawn = np.ones((1, len(time))) if counts is None else counts[:, order].astype(np.float64)
    risk_set = _RiskSets(x - x.mean(axis=0), time, event, drawn)
    beta = np.zeros((len(drawn), x.shape[1]))
    settled = np.zeros(len(drawn), dtype=bool)
    value = risk_set.log_likelihood(beta)
    with np.errstate(all="ignore"):  # what overflows or is singular ends as NaN
        for _ in range(MAX_STEPS):
            step = risk_set.newton_step(beta)
            beta, value, small = risk_set.climb(beta, step, value)
            settled |= small
            if (settled | np.isnan(value)).all():
                break
    return np.where(settled[:, None], beta, np.nan)


class _RiskSets:
    """Sums over everybody still at risk, for cases sorted by time."""

    def __init__(
        self, x: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_], drawn: NDArray[np.float64]
    ) -> None:
        self.x, self.drawn = x, drawn
        self.rows = np.flatnonzero(event)  # (E,)
        self.start = np.searchsorted(time, time[self.rows], side="left")
        first = np.searchsorted(time[self.rows], time[self.rows], side="left")
        last = np.searchsorted(time[self.rows], time[self.rows], side="right")
        self.ties = (first, last)
        self.share = (np.arange(len(self.rows)) - first) / np.maximum(last - first, 1)  # Efron's l / d
        tied = self._over_ties(drawn[:, self.rows])
        self.weight = tied / np.maximum(last - first, 1)  # (R, E), mean of the tied events

    def log_likelihood(self, beta: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R,)"""
        with np.errstate(all="ignore"):
            eta, hazard = self._hazard(beta)
            at_risk = self._at_risk(hazard)
            won = (self.drawn[:, self.rows] * eta[:, self.rows]).sum(axis=1)
            lost = np.where(self.weight > 0, self.weight * np.log(at_risk), 0.0)
        return won - lost.sum(axis=1)

    def newton_step(self, beta: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, p) NaN where the information is singular."""
        _, hazard = self._hazard(beta)
        at_risk = self._at_risk(hazard)
        used = self.weight > 0
        n_terms = self.x.shape[1]
        mean = np.stack(
            [np.where(used, self._at_risk(hazard * self.x[:, i]) / at_risk, 0.0) for i in range(n_terms)], axis=-1
        )
        gradient = self.drawn[:, self.rows] @ self.x[self.rows] - np.einsum("re,rei->ri", self.weight, mean)
        information = np.empty((len(beta), n_terms, n_terms))
        for i in range(n_terms):
            for j in range(n_terms):
                second = np.where(used, self._at_risk(hazard * self.x[:, i] * self.x[:, j]) / at_risk, 0.0)
                information[:, i, j] = np.einsum("re,re->r", self.weight, second - mean[..., i] * mean[..., j])
        return _solve(information, gradient)

    def climb(
        self, beta: NDArray[np.float64], step: NDArray[np.float64], value: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Take the step, halved until the likelihood does not fall; also says where the step was negligible."""
        small = np.all(np.abs(step) < CONVERGED * (1 + np.abs(beta)), axis=1)
        scale = np.ones((len(beta), 1))
        new = self.log_likelihood(beta + step)
        for _ in range(20):
            fell = new < value - 1e-9 * (1 + np.abs(value))
            if not fell.any():
                break
            scale[fell] /= 2
            new = self.log_likelihood(beta + scale * step)
        return beta + scale * step, new, small

    def _hazard(self, beta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        eta = beta @ self.x.T
        eta = eta - eta.max(axis=1, keepdims=True)
        return eta, self.drawn * np.exp(eta)

    def _at_risk(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, E) sum over the risk set of each event, less Efron's share of the tied events."""
        left = np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
        return left[:, self.start] - self.share * self._over_ties(values[:, self.rows])

    def _over_ties(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, E) sum over the events of the same time."""
        passed = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
        first, last = self.ties
        return passed[:, last] - passed[:, first]


def _solve(information: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.abs(np.einsum("rii->ri", information)).max(axis=1)
    usable = np.isfinite(information).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1) & (size > 1e-12)
    usable[usable] = np.linalg.cond(information[usable]) < 1e12
    step = np.full_like(gradient, np.nan)
    step[usable] = np.linalg.solve(information[usable], gradient[usable, :, None])[..., 0]
    return step
