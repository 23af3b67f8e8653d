"""Two slides of one case with maps of every nature; the browser tests of gallery and card use the same."""

from __future__ import annotations

import numpy as np

from survviz.types import Bag, MapUnit, PatchScores
from survviz.units import Mpp

PATCH, COLUMNS, ROWS = 512, 16, 12
TOKENS = ("all", "Age", "Stage", "Grade")
ENCODER, DIM = "he-descriptor", 118


def grid() -> np.ndarray:
    """(192, 2) corners; the patch at index 104 is the slide's black square."""
    return np.mgrid[0:ROWS, 0:COLUMNS][::-1].reshape(2, -1).T * PATCH


def bag(slide_id: str) -> Bag:
    """Patches with random features, the same on every run."""
    rng = np.random.default_rng(len(slide_id))
    features = rng.normal(size=(COLUMNS * ROWS, DIM)).astype(np.float32)
    return Bag(slide_id, features, grid(), PATCH, Mpp(0.5), ENCODER, "1", (COLUMNS * PATCH, ROWS * PATCH))


def scores(slide_id: str, token: str, query: str = "clinical", unit: MapUnit = "share") -> PatchScores:
    """A map with its own order of patches, two folds."""
    coords, seed = grid(), 7 * len(slide_id) + sum(map(ord, token + query + unit))
    rng = np.random.default_rng(seed)
    per_fold = np.exp(rng.normal(size=(2, len(coords)))) if unit == "share" else rng.normal(size=(2, len(coords))) / 100
    if unit == "share":
        per_fold /= 2 * per_fold.sum(axis=1, keepdims=True)
    return PatchScores(
        kind="attention" if unit == "share" else "contribution",
        query=query,
        key="clinical" if query == "pathology" else "pathology",
        token=token,
        slide_id=slide_id,
        values=per_fold.mean(axis=0),
        per_fold=per_fold,
        coords=coords,
        patch_size_level0=PATCH,
        n_patches_case=2 * len(coords),
        semantics=f"The test map of {token}.",
        unit=unit,
        shared_among=len(TOKENS) - 1 if query == "pathology" else None,
    )


def maps_of(slide_id: str) -> list[PatchScores]:
    """Every map of a slide."""
    return [
        *(scores(slide_id, token) for token in TOKENS),
        *(scores(slide_id, token, "pathology") for token in TOKENS),
        scores(slide_id, "all", "risk", "risk"),
    ]
