"""A statistic with one value per time, each defined or with its reason, and what such statistics have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.censoring import CensoringDistribution
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers


@dataclass(frozen=True, slots=True)
class PerTime:
    """One value per time.

    Attributes:
        times: (T,)
        values: (T,) NaN exactly where `reasons` says why.
        reasons: (T,) empty where the value is defined.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    reasons: tuple[str, ...]

    def value(self, index: int = 0) -> float:
        """The value at one of the times.

        Raises:
            UndefinedMetricError: it is undefined.
        """
        if self.reasons[index]:
            raise UndefinedMetricError(self.reasons[index])
        return float(self.values[index])


def check_times(times: ArrayLike) -> NDArray[np.float64]:
    """(T,) increasing times of 0 or more, at least one.

    Raises:
        InputError: something else was given.
    """
    asked = np.atleast_1d(check_numbers("times", np.atleast_1d(times)))
    if not len(asked) or asked[0] < 0 or not (np.diff(asked) > 0).all():
        raise InputError(f"The times {asked[:5].tolist()} were given; expected increasing times of 0 or more.")
    return asked


def check_per_time(name: str, values: ArrayLike, n: int, n_times: int) -> NDArray[np.float64]:
    """(n, T) numbers, finite or NaN = not stated.

    Raises:
        InputError: another shape, or infinite values.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n, n_times):
        raise InputError(
            f"{name} has shape {array.shape}; expected ({n}, {n_times}): a row per case, a column per time."
        )
    if np.isinf(array).any():
        raise InputError(f"{name} holds infinite values; expected numbers, or NaN where nothing is stated.")
    return array


def weights_at(
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    censoring: CensoringDistribution,
    months: float,
    all_weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n,) 1 / G(time) of those who died by a time, else 0; and (n,) who was followed beyond it.

    Args:
        all_weights: `censoring.weights(time, event)`, for who asks at many times.

    Raises:
        UndefinedMetricError: nobody is followed beyond that time, or G of a death before it is 0 or unknown.
    """
    beyond = time > months
    if not beyond.any():
        raise UndefinedMetricError(f"None of the {len(time)} patients is followed beyond {months:g}.")
    all_weights = censoring.weights(time, event) if all_weights is None else all_weights
    weights = np.where(beyond, 0.0, all_weights)
    if np.isnan(weights).any():
        last = float(time[event & ~beyond].max())
        raise UndefinedMetricError(f"Undefined at {months:g}: {censoring.why_undefined(last)}.")
    return weights, beyond
