"""How long patients were followed: the censoring distribution of the training patients, and the weights made of it.

Ties and sides are scikit-survival's. At a time with events and censorings the events come first, so G falls by
censored / (at risk - events); G is right-continuous, and its value at a patient's own time weighs this patient's event,
in Uno's C, in the dynamic AUC and in the Brier score alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.evaluation.kaplan_meier import KaplanMeier, kaplan_meier


@dataclass(frozen=True, slots=True)
class CensoringDistribution:
    """G(t), the chance of still being followed after t, as a step function.

    Attributes:
        times: (T,) 0 and every follow-up time of the training patients, ascending.
        survival: (T,) G, from its time until the next.
    """

    times: NDArray[np.float64]
    survival: NDArray[np.float64]

    @classmethod
    def fit(cls, time: ArrayLike, event: ArrayLike) -> CensoringDistribution:
        """Kaplan-Meier estimate with the roles of event and censoring exchanged, events first.

        Raises:
            UndefinedMetricError: there is no case.
            InputError: NaN, negative times, different lengths.
        """
        return cls.of(kaplan_meier(time, event))

    @classmethod
    def of(cls, curve: KaplanMeier) -> CensoringDistribution:
        """The same from the counts that a Kaplan-Meier curve of the events holds."""
        left = curve.at_risk - curve.n_events
        share = np.divide(curve.n_censored, left, out=np.zeros(len(left)), where=left > 0)
        return cls(curve.times, np.cumprod(1 - share, dtype=np.float64))

    @property
    def end(self) -> float:
        """The last time up to which weights are defined: the last follow-up, or the last time before G falls to 0."""
        return float(self.times[self.survival > 0][-1])

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """G at given times; NaN where weights by 1 / G are undefined: after the last follow-up, and where G is 0."""
        asked = np.asarray(times, dtype=np.float64)
        values = self.survival[np.searchsorted(self.times, asked, side="right") - 1]
        return np.where((asked <= self.times[-1]) & (values > 0), values, np.nan)

    def weights(self, time: NDArray[np.float64], event: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(n,) 1 / G(time) of events, 0 of censored cases; NaN for an event where G is undefined or 0."""
        found = np.zeros(len(time))
        found[event] = 1 / self.at(time[event])
        return found

    def why_undefined(self, months: float) -> str:
        """Why there is no weight at a time, in words."""
        return f"censoring is known up to {self.end:.4g} months only (asked: {months:.4g})"
