"""Predictions of some patients beside their outcomes, and over which months the data can say anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.censoring import CensoringDistribution
from survviz.evaluation.concordance import checked_predictions
from survviz.evaluation.outcomes import UndefinedMetricError, check_outcomes, check_same_length
from survviz.evaluation.per_time import check_per_time, check_times

HORIZONS = (12.0, 36.0, 60.0)
"""Months at which AUC and Brier score are stated."""

CALIBRATED_AT = 36.0
"""Months at which calibration is stated."""

MONTHS = np.arange(1.0, 61.0)
"""Over which AUC and Brier score are integrated: five years, month by month, or as far as the data go."""

ROUNDING = 1e-6
"""How far outside 0 to 1 a float32 survival may lie."""

NO_CURVES = "The model states no survival curves."


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions and outcomes of some patients, checked.

    Attributes:
        survival: (n, T) S(t), NaN beyond the end of a curve; None where the model states none.
        times: (T,) months.
        censoring: of the training patients.
        strata: (n,) labels, or None.
    """

    risk: NDArray[np.float64]
    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    survival: NDArray[np.float64] | None
    times: NDArray[np.float64]
    train_time: NDArray[np.float64]
    train_event: NDArray[np.bool_]
    censoring: CensoringDistribution
    strata: NDArray[np.generic] | None

    @classmethod
    def of(
        cls,
        risk: ArrayLike,
        time: ArrayLike,
        event: ArrayLike,
        *,
        survival: ArrayLike | None,
        times: ArrayLike | None,
        train_time: ArrayLike,
        train_event: ArrayLike,
        strata: ArrayLike | None,
    ) -> Scored:
        """Check everything.

        Raises:
            UndefinedMetricError: there is no training patient.
            InputError: missing values, negative times, different lengths.
        """
        risks, durations, events = checked_predictions(risk, time, event)
        if (survival is None) != (times is None):
            raise InputError("Survival was given without its times, or times without survival; give both or none.")
        knots = np.zeros(0) if times is None else check_times(times)
        curves = None if survival is None else _checked_curves(survival, len(risks), len(knots))
        labels = None if strata is None else np.asarray(strata)
        if labels is not None:
            check_same_length(risk=risks, strata=labels)
        train = check_outcomes(train_time, train_event)
        return cls(risks, durations, events, curves, knots, *train, CensoringDistribution.fit(*train), labels)

    def survival_on(self, months: ArrayLike) -> NDArray[np.float64]:
        """(n, M) S, linear between `times` from S(0) = 1; NaN beyond the end of a curve.

        Raises:
            UndefinedMetricError: there are no curves.
        """
        if self.survival is None:
            raise UndefinedMetricError(NO_CURVES)
        asked = np.atleast_1d(np.asarray(months, dtype=np.float64))
        knots, curves = self.times, self.survival
        if knots[0] > 0:
            knots, curves = np.append(0.0, knots), np.column_stack([np.ones(len(curves)), curves])
        left = np.clip(np.searchsorted(knots, asked, side="right") - 1, 0, len(knots) - 1)
        right = np.minimum(left + 1, len(knots) - 1)
        share = (asked - knots[left]) / np.where(right > left, knots[right] - knots[left], 1)
        between = curves[:, left] * (1 - share) + curves[:, right] * share
        return np.where(asked == knots[left], curves[:, left], np.where(asked < knots[-1], between, np.nan))

    @property
    def tau(self) -> float:
        """Events before it count for Uno's C: 60 months, or just after the end of the training patients' follow-up."""
        end = self.censoring.end
        return float(MONTHS[-1]) if end >= MONTHS[-1] else float(np.nextafter(end, np.inf))

    @property
    def months(self) -> NDArray[np.float64]:
        """Those of `MONTHS` that both these and the training patients are followed beyond."""
        return MONTHS[(self.time.max(initial=0.0) > MONTHS) & (self.censoring.end >= MONTHS)]

    @property
    def curve_months(self) -> NDArray[np.float64]:
        """Those of `months` that every curve reaches."""
        stated = ~np.isnan(self.survival_on(self.months)).any(axis=0)
        return self.months[np.logical_and.accumulate(stated)]

    def stated_at(self, months: float) -> NDArray[np.float64]:
        """(n,) S at one time, at least one patient and none without.

        Raises:
            UndefinedMetricError: a curve ends before, or there is no patient.
        """
        stated = self.survival_on(months)[:, 0]
        if missing := int(np.isnan(stated).sum()):
            raise UndefinedMetricError(
                f"The model states no survival at {months:g} for {missing} of {len(stated)} patients."
            )
        if not len(stated):
            raise UndefinedMetricError("Calibration needs at least one patient; none given.")
        return stated


def _checked_curves(survival: ArrayLike, n: int, n_times: int) -> NDArray[np.float64]:
    curves = check_per_time("survival", survival, n, n_times)
    outside = (curves < -ROUNDING) | (curves > 1 + ROUNDING)
    if outside.any():
        raise InputError(f"survival holds {curves[outside][0]:g}; expected probabilities, 0 to 1.")
    return np.clip(curves, 0, 1)
