"""Cumulative/dynamic AUC: can the risk tell who dies by a time from who lives beyond it (Uno 2007; Hung 2010)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.censoring import CensoringDistribution
from survviz.evaluation.kaplan_meier import kaplan_meier
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes
from survviz.evaluation.per_time import PerTime, check_times, weights_at


@dataclass(frozen=True, slots=True)
class DynamicAuc(PerTime):
    """AUC at every time, and their mean.

    Attributes:
        fall: (T,) how much the Kaplan-Meier curve of these patients falls up to each time since the one before (since 0
            for the first): the weight of each time in the mean, up to scale.
    """

    fall: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean over the times, weighted by `fall` (Lambert and Chevret 2016): the integrated AUC.

        A time of weight 0, before the first death, need not have a value.

        Raises:
            UndefinedMetricError: nobody dies by the last time, or a time that counts has no value.
        """
        counted = self.fall > 0
        if not counted.any():
            raise UndefinedMetricError(f"The integrated AUC is undefined: nobody dies by {self.times[-1]:g}.")
        for reason in (one for one, counts in zip(self.reasons, counted, strict=True) if one and counts):
            raise UndefinedMetricError(f"The integrated AUC is undefined at one of its times. {reason}")
        return float(self.values[counted] @ self.fall[counted] / self.fall.sum())


def cumulative_dynamic_auc(
    risk: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    times: ArrayLike,
    *,
    train_time: ArrayLike,
    train_event: ArrayLike,
) -> DynamicAuc:
    """AUC at each time: cases died by it, controls lived beyond it; deaths are weighted by 1 / G(time of death).

    Equal risks count one half; equals scikit-survival's `cumulative_dynamic_auc`.

    Args:
        risk: (n,) or, where the risk changes with time, (n, T); higher = worse.
        times: (T,) increasing.
        train_time: (m,) outcomes from which the censoring distribution G is estimated.

    Raises:
        UndefinedMetricError: there is no patient, or no training patient. An undefined time raises nothing here: it is
            NaN with its reason.
        InputError: NaN, negative times, other shapes.
    """
    durations, events = check_outcomes(time, event)
    if not len(durations):
        raise UndefinedMetricError("The AUC needs at least one case; none given.")
    asked = check_times(times)
    risks = _risks(risk, len(durations), len(asked))
    censoring = CensoringDistribution.fit(train_time, train_event)
    survival = kaplan_meier(durations, events)
    values, reasons = np.full(len(asked), np.nan), [""] * len(asked)
    all_weights, ranked = censoring.weights(durations, events), Ranked.of(risks[:, 0])
    for index, months in enumerate(asked):
        try:
            weights, controls = weights_at(durations, events, censoring, float(months), all_weights)
            if risks.shape[1] > 1:
                ranked = Ranked.of(risks[:, index])
            values[index] = _auc(ranked, weights, controls, float(months))
        except UndefinedMetricError as error:
            reasons[index] = str(error)
    within = survival.at(np.minimum(asked, survival.times[-1]))
    return DynamicAuc(asked, values, tuple(reasons), -np.diff(within, prepend=1.0))


def _risks(risk: ArrayLike, n: int, n_times: int) -> NDArray[np.float64]:
    """(n, 1) or (n, T)."""
    given = np.asarray(risk, dtype=np.float64)
    if given.shape not in ((n,), (n, n_times)):
        raise InputError(f"risk has shape {given.shape}; expected ({n},) or ({n}, {n_times}), a column per time.")
    return check_numbers("risk", given.reshape(-1)).reshape(n, 1 if given.ndim == 1 else n_times)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Cases by rising risk.

    Attributes:
        order: (n,) their rows.
        first, last: (n,) where the cases of equal risk begin and end in that order.
    """

    order: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, risk: NDArray[np.float64]) -> Ranked:
        """Sorted once, for all times."""
        order = np.argsort(risk, kind="stable")
        starts = np.flatnonzero(np.diff(risk[order], prepend=-np.inf))
        size = np.diff(starts, append=len(risk))
        return cls(order, np.repeat(starts, size), np.repeat(starts + size, size))


def _auc(ranked: Ranked, weights: NDArray[np.float64], controls: NDArray[np.bool_], months: float) -> float:
    if not weights.any():
        raise UndefinedMetricError(f"The AUC at {months:g} is undefined: nobody has died by then.")
    passed = np.concatenate([[0], np.cumsum(controls[ranked.order])])  # controls of lower risk, by place
    weighed = weights[ranked.order]
    return float(weighed @ (passed[ranked.first] + passed[ranked.last]) / (2 * weighed.sum() * passed[-1]))


def resampled_auc(
    risk: NDArray[np.float64],
    weights: NDArray[np.float64],
    controls: NDArray[np.bool_],
    counts: NDArray[np.float32],
) -> NDArray[np.float64]:
    """(R,) AUC at one time in every resample; NaN where it draws no case or no control.

    Args:
        risk: (n,) risks at that time.
        weights: (n,) 1 / G of cases, 0 of others.
        controls: (n,) who lived beyond the time.
        counts: (R, n) how often each patient is drawn.
    """
    cases = np.flatnonzero(weights > 0)
    rivals = np.flatnonzero(controls)
    rivals = rivals[np.argsort(risk[rivals], kind="stable")]
    passed = np.zeros((len(counts), len(rivals) + 1))
    np.cumsum(counts[:, rivals], axis=1, out=passed[:, 1:])
    below = passed[:, np.searchsorted(risk[rivals], risk[cases], side="left")]
    upto = passed[:, np.searchsorted(risk[rivals], risk[cases], side="right")]
    drawn = counts[:, cases] * weights[cases]
    total = 2 * drawn.sum(axis=1) * passed[:, -1]
    won = np.einsum("rc,rc->r", drawn, below + upto)
    return np.minimum(np.divide(won, total, out=np.full(len(counts), np.nan), where=total > 0), 1.0)
