"""A straight line through measured points, and how far they lie from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def line(x: Sequence[float], y: Sequence[float]) -> dict[str, float]:
    """Least squares of relative errors, so that small sizes count as much as large ones.

    Returns:
        slope, intercept, `r2` of the plain errors, and the largest distance of a point from the line in percent of it.
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    slope, intercept = (float(one) for one in np.polyfit(a, b, 1, w=1 / np.maximum(b, 1e-9)))
    fitted = intercept + slope * a
    spread = float(((b - b.mean()) ** 2).sum())
    r2 = 1.0 - float(((b - fitted) ** 2).sum()) / spread if spread > 0 else 1.0
    residual = float((np.abs(b - fitted) / np.maximum(b, 1e-9)).max())
    return {"slope": slope, "intercept": intercept, "r2": r2, "largest_residual_percent": 100 * residual}


def series(name: str, unit: str, what: str, points: Sequence[dict[str, float]]) -> dict[str, Any]:
    """A row of the result: seconds by x, the line, and the peak memory by x."""
    x, seconds = [one["x"] for one in points], [one["seconds"] for one in points]
    peaks = [one["peak_mb"] for one in points]
    memory = line(x, peaks)
    return {
        "name": name, "unit": unit, "what": what, "x": x, "seconds": seconds, **line(x, seconds), "peak_mb": peaks,
        "mb_per_unit": memory["slope"], "mb_at_zero": memory["intercept"],
    }  # fmt: skip
