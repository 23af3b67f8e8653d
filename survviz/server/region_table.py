"""A map over regions as the browser shows it: numbers, words, and measurements for QuPath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np
import shapely

from survviz.data.annotations import Annotation, collection
from survviz.evaluation.region_scores import RegionCover, RegionScore, cover_regions, score_regions
from survviz.figures.patch_map import RESEARCH_USE, PatchMap

COVERS = 8
MEASURED = {
    "share_of_map": "share of the map",
    "share_of_area": "share of the area",
    "enrichment": "enrichment",
    "mean_inside": "mean inside",
    "mean_outside": "mean outside",
    "p": "p (shifts)",
}


@dataclass(frozen=True, slots=True)
class Question:
    """How the test against chance is made; see `survviz.evaluation.spatial_null`."""

    permutations: int = 999
    seed: int = 0
    rotations: bool = False
    alternative: str = "two-sided"


def region_table(patch_map: PatchMap, annotations: Sequence[Annotation], question: Question) -> dict[str, Any]:
    """{signed, rows, n_patches, method}; the rows of single regions are in the order of the annotations.

    Raises:
        InputError: the alternative is unknown.
    """
    signed = patch_map.nature != "share"  # a spread has no share either
    cover = _cover(
        np.ascontiguousarray(patch_map.coords, np.int64).tobytes(),
        patch_map.patch_size_level0,
        tuple(shapely.to_wkb([one.geometry for one in annotations])),
        tuple(one.classification for one in annotations),
    )
    scores = score_regions(
        patch_map.values, patch_map.coords, patch_map.patch_size_level0, cover, signed=signed,
        n_permutations=question.permutations, alternative=question.alternative,  # pyright: ignore[reportArgumentType]
        rotations=question.rotations, seed=question.seed,
    )  # fmt: skip
    ids = [*(one.id for one in annotations), *repeat(None, len(scores) - len(annotations))]
    return {
        "signed": signed,
        "n_patches": len(patch_map.values),
        "rows": [{"id": own, **row_of(score)} for own, score in zip(ids, scores, strict=True)],
        "method": method_words(question, scores),
    }


@lru_cache(maxsize=COVERS)
def _cover(coords: bytes, patch: int, areas: tuple[bytes, ...], classes: tuple[str, ...]) -> RegionCover:
    """Computed once for all maps of a slide, since it does not depend on the map."""
    corners = np.frombuffer(coords, np.int64).reshape(-1, 2)
    return cover_regions(corners, patch, list(shapely.from_wkb(areas)), classes)


def row_of(score: RegionScore) -> dict[str, Any]:
    """One row as JSON; what is undefined is null, with its reason."""
    row: dict[str, Any] = {"level": score.level, "name": score.name, "count": score.count, "reason": score.reason}
    if score.found is None or score.test is None:
        return row
    one, test = score.found, score.test
    return row | {
        "area": one.area,
        "share_of_area": one.share_of_area,
        "share_of_map": one.share_of_map,
        "enrichment": one.enrichment,
        "mean_inside": one.mean_inside,
        "mean_outside": one.mean_outside,
        "difference": one.difference,
        "p": test.p,
        "permutations": test.n_permutations,
        "kept": test.kept,
        "reason": test.reason,
    }


def measured_collection(patch_map: PatchMap, annotations: Sequence[Annotation], question: Question) -> dict[str, Any]:
    """The regions as QuPath annotations, with what the map says of each as measurements.

    Raises:
        InputError: as `region_table`.
    """
    table = region_table(patch_map, annotations, question)
    about = f"survviz: {patch_map.kind} {patch_map.query} → {patch_map.key}, {patch_map.token}"
    rows = table["rows"][: len(annotations)]
    measured = [
        {f"{about}, {words}": row[name] for name, words in MEASURED.items() if row.get(name) is not None}
        for row in rows
    ]
    noted = [
        replace(one, more={**one.more, "metadata": {**_metadata(one), "survviz": table["method"], "use": RESEARCH_USE}})
        for one in annotations
    ]
    return collection(noted, measured)


def _metadata(one: Annotation) -> dict[str, Any]:
    found = one.more.get("metadata")
    return dict(found) if isinstance(found, dict) else {}


def method_words(question: Question, scores: Sequence[RegionScore]) -> str:
    """How p was made, in one sentence or two."""
    tests = [score.test for score in scores if score.test is not None and score.test.p is not None]
    used = sorted({test.n_permutations for test in tests})
    count = " to ".join(f"{one:,}" for one in (used[:1] + used[-1:] if len(used) > 1 else used)) or "no"
    kept = [test.kept for test in tests if test.kept is not None]
    turned = ", also turned by quarter turns" if question.rotations else ""
    lost = f"; on average {1 - float(np.mean(kept)):.0%} of a region lost its values that way" if kept else ""
    return (
        f"p: {question.alternative}, (1 + as extreme) / (1 + shifts), {count} shifts, seed {question.seed}. "
        f"The whole map is shifted over the slide{turned}, so that neighbours stay alike; "
        f"values that land on no patch are dropped{lost}. Areas are of the slide's patches, not of its glass."
    )
