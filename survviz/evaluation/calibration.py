"""Are the stated probabilities true? Calibration at one time.

What is reported follows the usual guidance (McLernon et al. 2023, Ann Intern Med; Austin, Harrell, van Klaveren 2020,
Stat Med): observed over expected deaths, the calibration slope, groups against Kaplan-Meier, and the ICI.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.breslow import BreslowBaseline
from survviz.evaluation.kaplan_meier import kaplan_meier
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length
from survviz.evaluation.partial_likelihood import cox_coefficients

CERTAIN = 1e-12
"""Probabilities are taken as at least this far from 0 and 1: the logarithm of a certainty is infinite."""


@dataclass(frozen=True, slots=True)
class CalibrationGroup:
    """Patients with similar stated survival.

    Attributes:
        predicted: mean stated survival.
        observed: Kaplan-Meier estimate; None where the group is not followed so long.
        low: its lower 95 % limit; None where undefined.
        high: upper limit.
    """

    n: int
    n_events: int
    predicted: float
    observed: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of the survival stated for one time.

    Attributes:
        observed_over_expected: deaths by the time, Kaplan-Meier over mean stated; above 1 the model is too hopeful.
        slope: 1 is right; below 1 the stated survivals are spread too wide. None where it is undefined.
        ici: mean distance of the stated survival from a smooth curve of what was observed at it; None likewise.
        groups: from the worst stated survival to the best.
        reason: why slope or ICI is undefined, else empty.
    """

    horizon: float
    observed_over_expected: float
    slope: float | None
    ici: float | None
    groups: tuple[CalibrationGroup, ...]
    reason: str = ""


def calibration_at(
    survival: ArrayLike, time: ArrayLike, event: ArrayLike, horizon: float, *, n_groups: int = 5
) -> Calibration:
    """Compare the survival stated for one time with what was observed.

    Args:
        survival: (n,) S(horizon).
        horizon: in the unit of `time`.
        n_groups: of equal size, by stated survival; equal survivals stay together.

    Raises:
        UndefinedMetricError: there is no patient, or nobody is followed until the horizon.
        InputError: NaN, survival outside 0 to 1, negative times, different lengths.
    """
    stated = check_numbers("survival", survival)
    times, events = check_outcomes(time, event)
    check_same_length(survival=stated, time=times)
    if len(stated) and (stated.min() < 0 or stated.max() > 1):
        raise InputError(f"survival lies between {stated.min():g} and {stated.max():g}; expected 0 to 1.")
    observed = observed_over_expected(stated, times, events, horizon)
    slope = ici = None
    reason = ""
    try:
        slope = calibration_slope(stated, times, events, horizon)
        ici = integrated_calibration_index(stated, times, events, horizon)
    except UndefinedMetricError as error:
        reason = str(error)
    return Calibration(horizon, observed, slope, ici, _groups(stated, times, events, horizon, n_groups), reason)


def observed_over_expected(
    survival: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_], horizon: float
) -> float:
    """Share of patients dead by the horizon: Kaplan-Meier over the mean of what was stated.

    Raises:
        UndefinedMetricError: nobody is followed until the horizon, or survival is certain for everybody.
    """
    observed = float(kaplan_meier(time, event).at(horizon))
    if np.isnan(observed):
        raise UndefinedMetricError(
            f"Calibration at {horizon:g} is undefined: the longest follow-up of the {len(time)} patients is "
            f"{time.max():g}."
        )
    expected = float(1 - survival.mean())
    if expected <= 0:
        raise UndefinedMetricError(f"Calibration at {horizon:g} is undefined: the model expects no death by then.")
    return (1 - observed) / expected


def calibration_slope(
    survival: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_], horizon: float
) -> float:
    """Coefficient of log(-log S(horizon)) in a Cox model of the outcomes up to the horizon (Royston and Altman 2013).

    Raises:
        UndefinedMetricError: nobody dies by the horizon, or the stated survivals do not vary.
    """
    times, events = until(time, event, horizon)
    slope = cox_coefficients(log_log(survival)[:, None], times, events)[0, 0]
    if np.isnan(slope):
        raise UndefinedMetricError(why_no_slope(survival, events, horizon))
    return float(slope)


def why_no_slope(survival: NDArray[np.float64], event: NDArray[np.bool_], horizon: float) -> str:
    """Why there is no calibration slope, in words."""
    if not event.any():
        why = f"none of the {len(event)} patients dies by then"
    elif np.ptp(survival) == 0:
        why = "the same survival is stated for everybody"
    else:
        why = "the stated survival separates the patients perfectly, or too few of them die by then"
    return f"The calibration slope at {horizon:g} is undefined: {why}."


def integrated_calibration_index(
    survival: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_], horizon: float
) -> float:
    """Mean |stated - smoothed observed| survival (Austin 2020): Cox on a restricted cubic spline of log(-log S).

    Three knots, at the 10th, 50th and 90th percentile; where they coincide, a straight line.

    Raises:
        UndefinedMetricError: nobody dies by the horizon, or the stated survivals do not vary.
    """
    times, events = until(time, event, horizon)
    terms = _spline(log_log(survival))
    coefficients = cox_coefficients(terms, times, events)[0]
    if np.isnan(coefficients).any():
        raise UndefinedMetricError(why_no_slope(survival, events, horizon).replace("slope", "curve"))
    log_hazard = terms @ coefficients
    smooth = BreslowBaseline.fit(log_hazard, times, events).survival(log_hazard, [times.max()])[:, 0]
    return float(np.abs(survival - smooth).mean())


def until(
    time: NDArray[np.float64], event: NDArray[np.bool_], horizon: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Outcomes as if the study had ended at the horizon."""
    return np.minimum(time, horizon), event & (time <= horizon)


def log_log(survival: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(-log S), in which proportional hazards are a shift."""
    return np.log(-np.log(np.clip(survival, CERTAIN, 1 - CERTAIN)))


def _spline(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) x and Harrell's cubic term, linear outside the outer knots; (n, 1) x alone where knots coincide."""
    low, middle, high = np.quantile(x, [0.1, 0.5, 0.9])
    if not low < middle < high:
        return x[:, None]

    def cubed(knot: float) -> NDArray[np.float64]:
        return np.maximum(x - knot, 0) ** 3

    bend = cubed(low) - cubed(middle) * (high - low) / (high - middle) + cubed(high) * (middle - low) / (high - middle)
    return np.column_stack([x, bend / (high - low) ** 2])


def _groups(
    survival: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_], horizon: float, n_groups: int
) -> tuple[CalibrationGroup, ...]:
    inner = np.quantile(survival, np.arange(1, n_groups) / n_groups)
    group = np.searchsorted(inner, survival, side="left")
    found = []
    for number in np.unique(group):
        rows = group == number
        curve = kaplan_meier(time[rows], event[rows])
        step = int(np.searchsorted(curve.times, horizon, side="right")) - 1
        followed = curve.times[-1] >= horizon
        values = (curve.survival[step], curve.ci_low[step], curve.ci_high[step])
        observed, low, high = (float(value) if followed and np.isfinite(value) else None for value in values)
        n, n_events = int(rows.sum()), int((event[rows] & (time[rows] <= horizon)).sum())
        found.append(CalibrationGroup(n, n_events, float(survival[rows].mean()), observed, low, high))
    return tuple(found)
