"""From a log hazard to a survival curve: Breslow's baseline hazard (Breslow 1972)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length


@dataclass(frozen=True, slots=True)
class BreslowBaseline:
    """The cumulative hazard of somebody whose log hazard is 0: a step function, fitted on training cases.

    It is kept as a logarithm, because training log hazards far from 0 would make it overflow or vanish.

    Attributes:
        times: (T,) 0, every time with an event, and the end of follow-up.
        log_cumulative_hazard: (T,) holds from its time until the next; -inf before the first event.
    """

    times: NDArray[np.float64]
    log_cumulative_hazard: NDArray[np.float64]

    @property
    def cumulative_hazard(self) -> NDArray[np.float64]:
        """(T,) inf or 0 where the logarithm is beyond float64."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_cumulative_hazard)

    @classmethod
    def fit(cls, log_hazard: ArrayLike, time: ArrayLike, event: ArrayLike) -> BreslowBaseline:
        """At each event time, the hazard rises by events / summed hazards of those at risk (as in lifelines).

        Raises:
            UndefinedMetricError: there is no case.
            InputError: NaN, negative times, different lengths.
        """
        log_hazards = check_numbers("log_hazard", log_hazard)
        times, events = check_outcomes(time, event)
        check_same_length(log_hazard=log_hazards, time=times)
        if not len(times):
            raise UndefinedMetricError("A baseline hazard needs at least one case; none given.")
        order = np.argsort(times)
        log_at_risk = np.logaddexp.accumulate(log_hazards[order][::-1])[::-1]
        grid, n_events = np.unique(times[events], return_counts=True)
        rises = np.log(n_events) - log_at_risk[np.searchsorted(times[order], grid, side="left")]
        log_cumulative = np.logaddexp.accumulate(rises)
        steps = np.union1d(grid, [0.0, times.max()])
        reached = np.searchsorted(grid, steps, side="right")
        return cls(steps, np.concatenate([[-np.inf], log_cumulative])[reached])

    def survival(self, log_hazard: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
        """S(t) = exp(-H0(t) exp(log hazard)), a step curve; NaN beyond the last follow-up of the training cases.

        Args:
            log_hazard: (n,)
            times: (t,) 0 or more, in the unit of the fit.

        Returns:
            (n, t)

        Raises:
            InputError: a missing or infinite number, or a negative time.
        """
        log_hazards, asked = check_numbers("log_hazard", log_hazard), check_numbers("times", times)
        if len(asked) and asked.min() < 0:
            raise InputError(f"Survival was asked at time {asked.min():g}; expected 0 or more.")
        log_cumulative = self.log_cumulative_hazard[np.searchsorted(self.times, asked, side="right") - 1]  # (t,)
        with np.errstate(over="ignore"):
            survival = np.exp(-np.exp(log_hazards[:, None] + log_cumulative))
        return np.where(asked <= self.times[-1], survival, np.nan)

    def to_dict(self) -> dict[str, list[float | None]]:
        """Plain JSON; None stands for the -inf before the first event."""
        logs = [float(value) if np.isfinite(value) else None for value in self.log_cumulative_hazard]
        return {"times": self.times.tolist(), "log_cumulative_hazard": logs}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Sequence[Any]]) -> BreslowBaseline:
        """The baseline that `to_dict` wrote.

        Raises:
            InputError: a part is missing, or the numbers are no such step function.
        """
        if missing := {"times", "log_cumulative_hazard"} - stored.keys():
            raise InputError(f"A stored baseline hazard lacks {', '.join(sorted(missing))}; fit and store it again.")
        times = check_numbers("times", stored["times"])
        given = [-np.inf if value is None else value for value in stored["log_cumulative_hazard"]]
        logs = np.asarray(given, dtype=np.float64)
        check_same_length(times=times, log_cumulative_hazard=logs)
        rises = (np.diff(times) > 0).all() and (logs[1:] >= logs[:-1]).all()
        if not len(times) or times[0] != 0 or not rises or np.isnan(logs).any():
            raise InputError(
                "A stored baseline hazard must start at time 0 and never fall with time; fit and store it again."
            )
        return cls(times, logs)
