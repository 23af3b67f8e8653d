"""The line through measured points, the page that is made of it, and each measured piece of work once, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.growth.lines import line, series
from benchmarks.growth.points import POINTS, measured


def test_line_is_that_of_least_squares() -> None:
    found = line([1, 2, 4], [3.0, 5.0, 9.0])
    assert found == pytest.approx(
        {"slope": 2.0, "intercept": 1.0, "r2": 1.0, "largest_residual_percent": 0.0}, abs=1e-9
    )
    x, y = np.array([1.0, 10.0, 100.0]), np.array([2.0, 11.0, 150.0])
    found = line(list(x), list(y))
    start, slope = np.linalg.lstsq(np.column_stack([1 / y, x / y]), np.ones(3), rcond=None)[0]
    assert (found["intercept"], found["slope"]) == pytest.approx((start, slope))
    assert found["largest_residual_percent"] == pytest.approx(100 * np.abs(1 - (start + slope * x) / y).max())


@pytest.mark.parametrize(("name", "x"), [("packing", 4), ("training", 30), ("inference", 3), ("patches", 50)])
def test_every_point_can_be_measured(name: str, x: int, tmp_path: Path) -> None:
    found = measured(POINTS[name](x, tmp_path))
    assert found["seconds"] > 0
    assert found["peak_mb"] >= 0
    row = series(name, "case", "", [{"x": 1, **found}, {"x": 2, **found}, {"x": 3, **found}])
    assert row["slope"] == pytest.approx(0, abs=1e-9)
