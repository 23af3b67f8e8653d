"""Checks that every statistic makes of its input, and the error for a statistic that has no value."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError, SurvvizError


class UndefinedMetricError(SurvvizError):
    """A statistic has no value on these data; the message says why. It is never replaced by 0 or 0.5."""


def check_numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """A finite one-dimensional float64 array.

    Raises:
        InputError: another shape, or a value that is missing or infinite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InputError(f"{name} has shape {array.shape}; expected one number per case.")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise InputError(f"{name} has {len(bad)} missing or infinite values (first at position {bad[0]}); drop them.")
    return array


def check_same_length(**arrays: NDArray[np.generic]) -> None:
    """Raise InputError unless all arrays are equally long."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"Arrays differ in length: {', '.join(f'{k} {v}' for k, v in lengths.items())}.")


def check_outcomes(time: ArrayLike, event: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Times >= 0 and events as booleans, equally long.

    Raises:
        InputError: a negative or missing time, an event that is neither true nor false, different lengths.
    """
    times = check_numbers("time", time)
    if len(times) and times.min() < 0:
        raise InputError(f"time holds {times.min():g}; expected follow-up times of 0 or more.")
    given = np.asarray(event)
    if given.dtype != np.bool_ and not np.isin(given, (0, 1)).all():
        raise InputError("event holds other values than true and false (1 = observed).")
    events = given.astype(bool)
    check_same_length(time=times, event=events)
    return times, events


def check_entry(entry: ArrayLike | None, time: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(n,) times at which follow-up began, each before its own end; None = everybody from time 0.

    Raises:
        InputError: a missing or negative entry, one at or after the end of follow-up, different lengths.
    """
    if entry is None:
        return None
    entries = check_numbers("entry", entry)
    check_same_length(time=time, entry=entries)
    late = np.flatnonzero((entries >= time) | (entries < 0))
    if len(late):
        raise InputError(
            f"{len(late)} entries are below 0 or not before the end of follow-up (first at position {late[0]}: entry "
            f"{entries[late[0]]:g}, end {time[late[0]]:g}); leave these cases out, they were never at risk."
        )
    return entries


def count_at_risk(
    time: NDArray[np.float64], entry: NDArray[np.float64] | None, at: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(T,) cases under observation just before each time: entry < t <= time."""
    left = len(time) - np.searchsorted(np.sort(time), at, side="left")
    if entry is None:
        return left
    return left - (len(entry) - np.searchsorted(np.sort(entry), at, side="left"))
