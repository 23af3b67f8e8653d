"""A time in months for a risk: the quantile of the risk among the training risks, read off their Kaplan-Meier curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.kaplan_meier import KaplanMeier, kaplan_meier
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length


@dataclass(frozen=True, slots=True)
class KaplanMeierCalibrator:
    """Maps risks to times as the CHIMERA bilinear system does (Keshvarikhojasteh, Pluim, Veta 2026), and without ties.

    Both ways give the k-th highest of N training risks the time at which the curve has lost k / (N + 1) of the cases.
    Neither is calibrated in the usual sense: that the times have the right spread says nothing about a single patient.

    Attributes:
        risks: (N,) training risks, ascending.
        curve: Kaplan-Meier curve of the training cases.
    """

    risks: NDArray[np.float64]
    curve: KaplanMeier

    @classmethod
    def fit(cls, risk: ArrayLike, time: ArrayLike, event: ArrayLike) -> KaplanMeierCalibrator:
        """Keep the risks and the curve of the training cases.

        Args:
            risk: higher = worse.
            time: months, or another unit that the answers shall have.

        Raises:
            UndefinedMetricError: no case has an event, so the curve never falls.
            InputError: NaN, negative times, an event at time 0, different lengths.
        """
        risks = check_numbers("risk", risk)
        times, events = check_outcomes(time, event)
        check_same_length(risk=risks, time=times)
        if not events.any():
            raise UndefinedMetricError(
                f"None of the {len(times)} cases has an event: their Kaplan-Meier curve orders nobody."
            )
        if (times[events] == 0).any():
            raise InputError("An event at time 0 was given; expected times above 0. Correct or drop these cases.")
        return cls(np.sort(risks), kaplan_meier(times, events))

    def published(self, risk: ArrayLike) -> NDArray[np.float64]:
        """The published mapping, for comparison: max(0, the curve's time nearest to p = 1 - #{risks >= r} / (N + 1)).

        Only the rank counts, and where two times are as near the first is taken. Hence everybody whose p lies below the
        plateau at which the curve ends gets its first time: 87 of the 148 published training patients (59 %) share
        138 months, 35 times are left in all, and the C-index falls from 0.882 (risk) to 0.846 (time).

        Returns:
            (n,) never increasing in risk.
        """
        share = self._share_at_least(check_numbers("risk", risk))
        nearest = np.abs(self.curve.survival - (1 - share)[:, None]).argmin(axis=1)  # (n,), the first on ties
        return np.maximum(0.0, self.curve.times[nearest])

    def monotone(self, risk: ArrayLike) -> NDArray[np.float64]:
        """Ours: strictly decreasing in risk, so that C of the times equals C of the risks.

        The share of training risks at or above r is interpolated between them, and beyond them approaches 0 and 1 as
        1 / (1 + distance in standard deviations). The curve is interpolated between its falls. Below its last value it
        goes on as the exponential curve through (0, 1) and the end of follow-up.

        A time after the last follow-up (`curve.times[-1]`) is that extrapolation: it orders, it is no forecast.

        Returns:
            (n,) above 0.
        """
        risks = check_numbers("risk", risk)
        known = np.unique(self.risks)
        spread = self.risks.std() or 1.0
        share = np.interp(risks, known, self._share_at_least(known))
        # Each of the two is computed as itself near 0, where 1 minus the other would round distinct risks together.
        lost = share / (1 + np.maximum(0, risks - known[-1]) / spread)
        left = (1 - share) / (1 + np.maximum(0, known[0] - risks) / spread)
        lost, left = np.where(risks < known[0], 1 - left, lost), np.where(risks > known[-1], 1 - lost, left)

        fell = (self.curve.n_events > 0) | (self.curve.times == 0)
        within = np.interp(lost, 1 - self.curve.survival[fell], self.curve.times[fell])
        remaining = self.curve.survival[-1]
        if remaining == 0:
            return within
        beyond = self.curve.times[-1] * np.log(left) / np.log(remaining)
        return np.where(lost <= 1 - remaining, within, beyond)

    def _share_at_least(self, risk: NDArray[np.float64]) -> NDArray[np.float64]:
        """Training risks at or above each risk, over N + 1: above 0 and below 1 for every training risk."""
        n = len(self.risks)
        return (n - np.searchsorted(self.risks, risk, side="left")) / (n + 1)
