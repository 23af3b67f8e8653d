"""Uno's concordance: Harrell's, weighted so that it does not depend on how long patients happened to be followed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.evaluation.censoring import CensoringDistribution
from survviz.evaluation.concordance import checked_predictions, pair_counts, why_no_pair
from survviz.evaluation.outcomes import UndefinedMetricError


def uno_concordance(
    risk: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    train_time: ArrayLike,
    train_event: ArrayLike,
    tau: float | None = None,
) -> float:
    """Concordance of pairs whose earlier event lies before tau, weighted by 1 / G(t)^2 (Uno 2011), in O(n log n).

    Pairs are those of `concordance_index`, equal risks count one half; equals scikit-survival's
    `concordance_index_ipcw`.

    Args:
        risk: (n,) higher = worse.
        train_time: (m,) outcomes from which the censoring distribution G is estimated.
        tau: events at tau or later earn no pairs. None: all events count.

    Raises:
        UndefinedMetricError: no pair is comparable, or an event lies where G is 0 or unknown.
        InputError: NaN, negative times, different lengths.
    """
    risks, times, events = checked_predictions(risk, time, event)
    weights = uno_weights(times, events, CensoringDistribution.fit(train_time, train_event), tau)
    rows, below, equal, partners = pair_counts(risks, times, events)
    weighed = weights[rows]
    total = weighed @ partners
    if total == 0:
        raise UndefinedMetricError(_why_undefined(times, events, tau))
    return float(weighed @ (below + equal / 2) / total)


def uno_weights(
    time: NDArray[np.float64], event: NDArray[np.bool_], censoring: CensoringDistribution, tau: float | None
) -> NDArray[np.float64]:
    """(n,) 1 / G(time)^2 of events before tau, else 0.

    Raises:
        UndefinedMetricError: an event that counts lies where G is 0 or unknown.
    """
    counted = event if tau is None else event & (time < tau)
    weights = censoring.weights(time, counted) ** 2
    lost = np.isnan(weights)
    if lost.any():
        raise UndefinedMetricError(
            f"Uno's concordance is undefined: {lost.sum()} of {counted.sum()} events lie where "
            f"{censoring.why_undefined(float(time[lost].min()))}. Give a tau of at most {censoring.end:g}."
        )
    return weights


def _why_undefined(time: NDArray[np.float64], event: NDArray[np.bool_], tau: float | None) -> str:
    if tau is not None and event.any() and not (time[event] < tau).any():
        return f"Uno's concordance is undefined: none of the {event.sum()} events lies before {tau:g}."
    return why_no_pair("Uno's concordance", event)
