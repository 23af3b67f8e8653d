"""A map of known shape: 3 x 2 patches on a slide of 96 x 64 pixels, one of them hot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from survviz.figures.patch_map import PatchMap, Provenance
from survviz.types import Horizon, PatchScores, Prediction


def make_scores(values: list[float], *, columns: int = 3, side: int = 32, token: str = "Stage") -> PatchScores:
    share = np.array(values, dtype=np.float64)
    index = np.arange(len(share))
    return PatchScores(
        kind="attention",
        query="clinical",
        key="pathology",
        token=token,
        slide_id="slide-1",
        values=share,
        per_fold=share[None],
        coords=np.stack([index % columns, index // columns], axis=1).astype(np.int64) * side,
        patch_size_level0=side,
        n_patches_case=len(share),
        semantics="Attention clinic → pathology. Query: token 'Stage'.",
    )


@pytest.fixture
def scores_of() -> Callable[..., PatchScores]:
    return make_scores


@pytest.fixture
def scores() -> PatchScores:
    return make_scores([0.05, 0.1, 0.05, 0.6, 0.1, 0.1])


@pytest.fixture
def patch_map(scores: PatchScores) -> PatchMap:
    """The same map as it is shown: attention as a multiple of uniform."""
    return PatchMap.of_scores(scores, Provenance("CASE-1", "demo", "he-descriptor", mpp=0.5, mpp_source="file"))


@pytest.fixture
def signed_map(patch_map: PatchMap) -> PatchMap:
    """A contribution map: three patches push down, two up, one does nothing."""
    values = np.array([-0.02, -0.01, 0.0, 0.04, 0.01, -0.005], dtype=np.float32)
    about = {"kind": "contribution", "query": "risk", "token": "all", "nature": "signed", "unit": "risk"}
    return dataclasses.replace(patch_map, values=values, uniform=1.0, **about)


@pytest.fixture
def prediction() -> Prediction:
    times = np.array([0.0, 12.0, 36.0, 60.0])
    per_fold = np.array([[1.0, 0.9, 0.6, 0.4], [1.0, 0.8, 0.5, 0.3]])
    return Prediction(
        case_id="CASE-1",
        checkpoint="demo",
        risk=-2.0,
        risk_per_fold=np.array([-2.1, -1.9]),
        folds=(0, 1),
        times=times,
        survival=per_fold.mean(axis=0),
        survival_per_fold=per_fold,
        horizons=(Horizon(12.0, 0.85, 0.07), Horizon(36.0, 0.55, 0.07), Horizon(120.0, None, None, "beyond follow-up")),
        percentile=73.0,
        group="high",
        present=("pathology", "clinical"),
    )
