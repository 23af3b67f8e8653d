"""Restricted mean survival time: the months lived of the first so many; it needs no proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from survviz.evaluation.kaplan_meier import KaplanMeier
from survviz.evaluation.outcomes import UndefinedMetricError


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Area under a survival curve up to `until`, with its normal interval.

    Attributes:
        value: in the unit of time.
        error: standard error.
        until: where the area ends (tau).
    """

    value: float
    error: float
    low: float
    high: float
    until: float


@dataclass(frozen=True, slots=True)
class RestrictedMeanDifference:
    """Restricted mean of one group minus that of another.

    Attributes:
        p_value: two-sided, of no difference.
    """

    difference: float
    low: float
    high: float
    p_value: float
    until: float


def restricted_mean(curve: KaplanMeier, until: float, *, level: float = 0.95) -> RestrictedMean:
    """Area under a curve from its first time to `until` (Royston and Parmar 2013), variance as in R's survRM2.

    Raises:
        UndefinedMetricError: the curve ends before `until`, and not at 0.
    """
    end = float(curve.times[-1])
    if until <= curve.times[0] or (until > end and curve.survival[-1] > 0):
        raise UndefinedMetricError(
            f"The restricted mean until {until:g} is undefined: the group is followed from {curve.times[0]:g} to "
            f"{end:g}."
        )
    inside = curve.times < until
    knots = np.append(curve.times[inside], until)
    areas = np.diff(knots) * curve.survival[inside]
    beyond = np.cumsum(areas[::-1])[::-1]  # from each time to the end
    at_risk, n_events = curve.at_risk[inside], curve.n_events[inside]
    left = at_risk * (at_risk - n_events)
    variance = float((beyond**2 * np.divide(n_events, left, out=np.zeros(len(left)), where=left > 0)).sum())
    value, error = float(areas.sum()), float(np.sqrt(variance))
    reach = float(special.ndtri((1 + level) / 2)) * error
    return RestrictedMean(value, error, value - reach, value + reach, until)


def restricted_mean_difference(
    first: RestrictedMean, second: RestrictedMean, *, level: float = 0.95
) -> RestrictedMeanDifference:
    """First minus second, of two groups that share no case.

    Raises:
        UndefinedMetricError: they end at different times, or nobody dies in either.
    """
    if first.until != second.until:
        raise UndefinedMetricError(f"Restricted means until {first.until:g} and {second.until:g} cannot be compared.")
    difference, error = first.value - second.value, float(np.hypot(first.error, second.error))
    if error == 0:
        raise UndefinedMetricError("The difference in restricted means has no spread: nobody dies in either group.")
    reach = float(special.ndtri((1 + level) / 2)) * error
    p_value = 2 * float(special.ndtr(-abs(difference) / error))
    return RestrictedMeanDifference(difference, difference - reach, difference + reach, p_value, first.until)


def common_end(times: ArrayLike, group: ArrayLike) -> float:
    """The latest time until which every group is followed: the smallest of the groups' longest follow-ups."""
    ends, labels = np.asarray(times, dtype=np.float64), np.asarray(group)
    return float(min(ends[labels == name].max() for name in np.unique(labels)))
