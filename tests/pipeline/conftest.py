"""The shipped checkpoint and the bundled cohort, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from survviz.data.cohort import Cohort, load_cohort
from survviz.pipeline import Predictor

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor.load(ROOT / "checkpoints" / "demo-survpgc", device="cpu")


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    return load_cohort(ROOT / "sample_data")


@pytest.fixture(scope="session")
def held_out(cohort: Cohort) -> str:
    """A case that no fold has seen, with every modality."""
    return sorted(cohort.holdout)[0]


@pytest.fixture(scope="session")
def member(cohort: Cohort, predictor: Predictor) -> str:
    """A case of the training cohort, with every modality."""
    return next(
        name
        for name in cohort.case_ids
        if name not in cohort.holdout and len(predictor.present(cohort.case(name))) == 3
    )
