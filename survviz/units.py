"""Units of length and time. Convert once, at the border; inside, time is in months and length in um."""

from __future__ import annotations

import math
from typing import Literal, NewType

from survviz.errors import InputError

Mpp = NewType("Mpp", float)
"""Micrometres per pixel."""

TimeUnit = Literal["days", "months", "years"]

DAYS_PER_MONTH = 365.25 / 12
MONTHS_PER_UNIT: dict[TimeUnit, float] = {"days": 1 / DAYS_PER_MONTH, "months": 1.0, "years": 12.0}

MPP_RANGE = (0.05, 20.0)


def to_mpp(value: float) -> Mpp:
    """Check a pixel size.

    Raises:
        InputError: the value is not a number between 0.05 and 20 um per pixel.
    """
    low, high = MPP_RANGE
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(
            f"A pixel size of {value} um/px was given; expected {low} to {high}. "
            "Typical scanners give 0.25 (40x) or 0.5 (20x)."
        )
    return Mpp(float(value))


def to_months(value: float, unit: TimeUnit) -> float:
    """Convert a duration to months of 30.4375 days.

    Raises:
        InputError: the unit is not days, months or years.
    """
    if unit not in MONTHS_PER_UNIT:
        raise InputError(f"Time unit {unit!r} was given; expected one of {', '.join(MONTHS_PER_UNIT)}.")
    return value * MONTHS_PER_UNIT[unit]


def bytes_in_words(size: int) -> str:
    """As a person reads them: "1.2 GB", "3.4 MB"."""
    return f"{size / 1e9:,.1f} GB" if size >= 10**9 else f"{size / 1e6:,.1f} MB"
