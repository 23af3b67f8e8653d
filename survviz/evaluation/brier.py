"""Brier score of survival probabilities under censoring (Graf et al. 1999), and its integral over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.evaluation.censoring import CensoringDistribution
from survviz.evaluation.outcomes import UndefinedMetricError, check_outcomes
from survviz.evaluation.per_time import PerTime, check_per_time, check_times, weights_at


def brier_score(
    survival: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    times: ArrayLike,
    *,
    train_time: ArrayLike,
    train_event: ArrayLike,
) -> PerTime:
    """Weighted mean squared distance of S(t) from who lived beyond t; 0 is best, 0.25 is always saying one half.

    Those who died by t weigh 1 / G(time of death), those followed beyond it 1 / G(t), those censored before it 0;
    equals scikit-survival's `brier_score`.

    Args:
        survival: (n, T) S(t); NaN where the model states none, which leaves that time undefined.
        times: (T,) increasing.
        train_time: (m,) outcomes from which the censoring distribution G is estimated.

    Raises:
        UndefinedMetricError: there is no patient, or no training patient. An undefined time raises nothing here: it is
            NaN with its reason.
        InputError: negative or missing times, other shapes.
    """
    durations, events = check_outcomes(time, event)
    asked = check_times(times)
    stated = check_per_time("survival", survival, len(durations), len(asked))
    if not len(durations):
        raise UndefinedMetricError("The Brier score needs at least one case; none given.")
    censoring = CensoringDistribution.fit(train_time, train_event)
    values, reasons = np.full(len(asked), np.nan), [""] * len(asked)
    all_weights, by_time = censoring.weights(durations, events), np.ascontiguousarray(stated.T)
    for index, months in enumerate(asked):
        try:
            errors = squared_errors(by_time[index], durations, events, censoring, float(months), all_weights)
            values[index] = errors.mean()
        except UndefinedMetricError as error:
            reasons[index] = str(error)
    return PerTime(asked, values, tuple(reasons))


def squared_errors(
    survival: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    censoring: CensoringDistribution,
    months: float,
    all_weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """(n,) each patient's weighted squared error at one time; their mean is the Brier score.

    Args:
        all_weights: as for `weights_at`.

    Raises:
        UndefinedMetricError: a survival is not stated, nobody is followed beyond that time, or G is 0 or unknown there.
    """
    unstated = np.isnan(survival).sum()
    if unstated:
        raise UndefinedMetricError(
            f"The model states no survival at {months:g} for {unstated} of {len(time)} patients."
        )
    weights, beyond = weights_at(time, event, censoring, months, all_weights)
    at = float(censoring.at(months))
    if np.isnan(at):
        raise UndefinedMetricError(f"Undefined at {months:g}: {censoring.why_undefined(months)}.")
    return np.where(beyond, 1 / at, weights) * (beyond - survival) ** 2


def integrated_brier_score(scores: PerTime) -> float:
    """Mean of the Brier score between the first and the last time, by the trapezoidal rule.

    Raises:
        UndefinedMetricError: fewer than two times, or the score is undefined at one of them.
    """
    if len(scores.times) < 2:
        raise UndefinedMetricError(f"The integrated Brier score needs at least two times; {len(scores.times)} given.")
    for reason in filter(None, scores.reasons):
        raise UndefinedMetricError(f"The integrated Brier score is undefined at one of its times. {reason}")
    return float(np.trapezoid(scores.values, scores.times) / (scores.times[-1] - scores.times[0]))
