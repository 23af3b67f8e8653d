"""Fit a model's stated survival to a new cohort: its level (intercept), its spread (slope), its baseline hazard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.evaluation.breslow import BreslowBaseline
from survviz.evaluation.calibration import log_log, until, why_no_slope
from survviz.evaluation.cox import cox
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What the new cohort says about the stated survival, and a corrected one. Fitted on these very patients.

    Attributes:
        horizon: outcomes until here were used.
        intercept: log of observed over expected cumulative hazard, at slope 1; 0 is right, above it too hopeful.
        intercept_limits: its interval.
        slope: of log(-log S(horizon)) in a Cox model; 1 is right, below it spread too wide.
        slope_limits: its interval.
        centre: mean of log(-log S(horizon)), about which the slope turns.
        baseline: re-estimated (Breslow).
    """

    horizon: float
    intercept: float
    intercept_limits: tuple[float, float]
    slope: float
    slope_limits: tuple[float, float]
    centre: float
    baseline: BreslowBaseline

    def survival(self, stated: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
        """(n, T) S at times up to the horizon, for the survival that the model stated for the horizon."""
        lifted = self.slope * (log_log(check_numbers("survival", stated)) - self.centre)
        return self.baseline.survival(lifted, times)


def recalibrate(
    survival: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    *,
    at_own_time: ArrayLike,
    level: float = 0.95,
) -> Recalibration:
    """Intercept (Crowson, Atkinson, Therneau 2016), slope (Royston and Altman 2013) and Breslow's baseline.

    Args:
        survival: (n,) stated S(horizon).
        at_own_time: (n,) stated S at min(time, horizon).

    Raises:
        UndefinedMetricError: nobody dies by the horizon, or the stated survivals do not vary.
        InputError: NaN, negative times, different lengths.
    """
    stated, own = check_numbers("survival", survival), check_numbers("at_own_time", at_own_time)
    check_same_length(survival=stated, at_own_time=own)
    times, events = until(*check_outcomes(time, event), horizon)
    check_same_length(survival=stated, time=times)
    if not events.any() or np.ptp(stated) == 0:
        raise UndefinedMetricError(why_no_slope(stated, events, horizon))
    expected = float(-np.log(np.clip(own, 1e-12, 1.0)).sum())
    if expected == 0:
        raise UndefinedMetricError(f"The model expects no death by {horizon:g}, so its level cannot be corrected.")
    z, n_events = float(special.ndtri((1 + level) / 2)), int(events.sum())
    intercept, error = float(np.log(n_events / expected)), 1 / np.sqrt(n_events)
    x = log_log(stated)
    fitted = cox(x[:, None], times, events, terms=["stated survival"], level=level)
    slope, reach = float(fitted.coefficients[0]), z * float(fitted.errors[0])
    centre = float(x.mean())
    baseline = BreslowBaseline.fit(slope * (x - centre), times, events)
    limits = (float(intercept - z * error), float(intercept + z * error))
    return Recalibration(horizon, intercept, limits, slope, (slope - reach, slope + reach), centre, baseline)
