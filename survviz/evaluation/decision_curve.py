"""Is acting on the model better than treating everybody or nobody? Net benefit under censoring (Vickers 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.kaplan_meier import kaplan_meier
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length


@dataclass(frozen=True, slots=True)
class DecisionCurve:
    """Net benefit of acting on those whose stated risk of an event by the horizon reaches a threshold.

    Attributes:
        horizon: in the unit of time.
        thresholds: (K,) probabilities at which one would act: the odds weigh a needless act against a missed event.
        model: (K,) acting on the model; NaN where the group above the threshold is not followed until the horizon.
        everybody: (K,) acting on all. Acting on nobody has 0.
        n_above: (K,) patients above each threshold.
    """

    horizon: float
    thresholds: NDArray[np.float64]
    model: NDArray[np.float64]
    everybody: NDArray[np.float64]
    n_above: NDArray[np.int64]

    @property
    def useful(self) -> tuple[float, float] | None:
        """Ends of the longest run of thresholds at which the model beats both acting on all and on nobody."""
        better = self.model > np.maximum(self.everybody, 0) + 1e-12
        edges = np.flatnonzero(np.diff(np.concatenate([[False], better, [False]])))
        if not len(edges):
            return None
        starts, ends = edges[::2], edges[1::2] - 1
        longest = int((ends - starts).argmax())
        return float(self.thresholds[starts[longest]]), float(self.thresholds[ends[longest]])


def decision_curve(
    survival: ArrayLike, time: ArrayLike, event: ArrayLike, horizon: float, *, thresholds: ArrayLike
) -> DecisionCurve:
    """Net benefit = share of true positives - share of false positives x odds of the threshold.

    With censoring the event probability of a group is one minus its Kaplan-Meier estimate at the horizon.

    Args:
        survival: (n,) stated S(horizon).
        thresholds: (K,) of the probability of an event, within 0 and 1.

    Raises:
        UndefinedMetricError: there is no patient, or nobody is followed until the horizon.
        InputError: NaN, numbers outside 0 to 1, negative times, different lengths.
    """
    stated = check_numbers("survival", survival)
    times, events = check_outcomes(time, event)
    check_same_length(survival=stated, time=times)
    at = check_numbers("thresholds", thresholds)
    if len(at) and (at.min() <= 0 or at.max() >= 1):
        raise InputError(f"Thresholds lie between {at.min():g} and {at.max():g}; expected probabilities inside 0 to 1.")
    overall = _dead_by(times, events, horizon)
    if np.isnan(overall):
        raise UndefinedMetricError(
            f"Net benefit at {horizon:g} is undefined: none of {len(times)} patients is followed so long."
        )
    odds = at / (1 - at)
    model, n_above = np.zeros(len(at)), np.zeros(len(at), dtype=np.int64)
    for index, threshold in enumerate(at):
        above = 1 - stated >= threshold
        n_above[index] = above.sum()
        dead = _dead_by(times[above], events[above], horizon)
        model[index] = above.mean() * (dead - (1 - dead) * odds[index]) if above.any() else 0.0
    return DecisionCurve(horizon, at, model, overall - (1 - overall) * odds, n_above)


def _dead_by(time: NDArray[np.float64], event: NDArray[np.bool_], horizon: float) -> float:
    """One minus Kaplan-Meier; NaN where nobody is followed so long, unless all have died."""
    if not len(time):
        return float("nan")
    curve = kaplan_meier(time, event)
    return 1.0 if curve.survival[-1] == 0 and horizon >= curve.times[-1] else 1 - float(curve.at(horizon))
