"""A small plan and a record that fits it."""

from __future__ import annotations

import pytest

from survviz.privacy.allocation import uniform
from survviz.privacy.lattice import Category, Numeric
from survviz.privacy.release import ReleasePlan

STAGES = ("I", "II", "III", "IV", "unknown")


@pytest.fixture
def plan() -> ReleasePlan:
    return ReleasePlan(
        coordinates=(Numeric(name="age", lower=20, upper=90), Category(name="stage", values=STAGES)),
        allocation=uniform(["age", "stage"]),
        levels=(0.5, 1.0, 2.0, 4.0),
    )


@pytest.fixture
def record() -> dict[str, object]:
    return {"age": 61.0, "stage": "II", "name": "never released"}
