"""Where the maps of a cohort lie: enrichment per class of region and token, per patient and over patients.

Each case is mapped only by models that did not train on it. Slides of a patient are taken together: attention sums
to 1 over all of them. Patients are the unit of the interval; patches of a patient are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import hstack

from survviz.data.annotations import Annotation, read_annotations
from survviz.data.cohort import Cohort
from survviz.data.mask_outlines import mask_classes, mask_path, truth_annotations
from survviz.errors import InputError
from survviz.evaluation.coverage import coverage
from survviz.evaluation.enrichment import enrichment
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.resampling import Interval, percentile_interval
from survviz.pipeline.predictor import Predictor
from survviz.types import Bag, Progress

SUFFIXES = (".geojson", ".json", ".geojson.gz", ".json.gz", ".geojson.zip", ".zip")
FEWEST_PATCHES = 1.0

RegionsOf = Callable[[Bag], Sequence[Annotation] | None]


@dataclass(frozen=True, slots=True)
class CaseRegion:
    """One class of region of one patient under one map.

    Attributes:
        area: in patches.
    """

    case_id: str
    query: str
    key: str
    token: str
    region: str
    area: float
    share_of_area: float
    share_of_map: float
    enrichment: float


@dataclass(frozen=True, slots=True)
class CohortRegion:
    """The same over patients.

    Attributes:
        mean: mean enrichment over the patients who have the region.
        interval: bootstrap over patients; None for one patient.
        above: share of patients with an enrichment above 1.
    """

    query: str
    key: str
    token: str
    region: str
    n_cases: int
    mean: float
    interval: Interval | None
    above: float


def truth_regions(cohort: Cohort) -> RegionsOf:
    """The cohort's own masks.

    Raises:
        InputError: it has none.
    """
    if not mask_classes(cohort.folder):
        raise InputError(f"{cohort.folder} has no region masks (truth/regions.json). Give --annotations instead.")

    def regions(bag: Bag) -> Sequence[Annotation] | None:
        if mask_path(cohort.folder, bag.slide_id) is None or bag.slide_size is None:
            return None
        return truth_annotations(cohort.folder, bag.slide_id, bag.slide_size)

    return regions


def annotated_regions(folder: Path) -> RegionsOf:
    """Files named as the slides (`SLIDE.geojson`, `.json`, also `.gz` or `.zip`).

    Raises:
        InputError: the folder holds no such file.
    """
    files = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    if not any(name.endswith(SUFFIXES) for name in files):
        raise InputError(f"{folder} holds no annotations; expected a file per slide, named SLIDE{SUFFIXES[0]}.")

    def regions(bag: Bag) -> Sequence[Annotation] | None:
        path = next((files[bag.slide_id + end] for end in SUFFIXES if bag.slide_id + end in files), None)
        return None if path is None else read_annotations(path.read_bytes(), path.name)[0]

    return regions


def cohort_regions(
    predictor: Predictor, cohort: Cohort, regions: RegionsOf, *, progress: Progress | None = None
) -> tuple[CaseRegion, ...]:
    """Every case whose slides all have regions, under every direction and token ("all" first) onto its patches.

    Regions of less than one patch are left out: their enrichment is a matter of one patch's corner.

    Raises:
        InputError: no case has regions and maps.
    """
    found: list[CaseRegion] = []
    for done, case_id in enumerate(cohort.case_ids):
        case = cohort.case(case_id)
        drawn = [regions(bag) for bag in case.bags]
        if drawn and all(one is not None for one in drawn):
            cover = _cover(case.bags, [one or () for one in drawn])
            for query, key in predictor.directions_of(case):
                for token, slides in predictor.explain_tokens(case, query=query, key=key).items():
                    values = np.concatenate([scores.values for scores in slides])
                    found += _rows(case_id, (query, key, token), values, cover)
        if progress:
            progress(done + 1, len(cohort))
    if not found:
        raise InputError("No case has regions on all of its slides and a map. Name the files as the slides.")
    return tuple(found)


def _cover(bags: Sequence[Bag], drawn: Sequence[Sequence[Annotation]]) -> dict[str, NDArray[np.float64]]:
    """Class -> (N,) share of each patch of the case."""
    names = sorted({one.classification for slide in drawn for one in slide})
    parts = []
    for bag, slide in zip(bags, drawn, strict=True):
        areas = [
            shapely.union_all([shapely.make_valid(one.geometry) for one in slide if one.classification == name])
            for name in names
        ]
        parts.append(coverage(bag.coords, bag.patch_size_level0, areas))
    return dict(zip(names, hstack(parts).toarray(), strict=True))


def _rows(
    case_id: str, asked: tuple[str, str, str], values: NDArray[np.float64], cover: dict[str, NDArray[np.float64]]
) -> list[CaseRegion]:
    rows = []
    for name, share in cover.items():
        if share.sum() < FEWEST_PATCHES:
            continue
        try:
            one = enrichment(values, share)
        except UndefinedMetricError:
            continue
        assert one.share_of_map is not None
        assert one.enrichment is not None
        rows.append(CaseRegion(case_id, *asked, name, one.area, one.share_of_area, one.share_of_map, one.enrichment))
    return rows


def over_patients(
    rows: Sequence[CaseRegion], *, level: float = 0.95, n_resamples: int = 1000, seed: int = 0
) -> tuple[CohortRegion, ...]:
    """Mean enrichment of every direction, token and class, in order of appearance."""
    groups: dict[tuple[str, str, str, str], list[float]] = {}
    for row in rows:
        groups.setdefault((row.query, row.key, row.token, row.region), []).append(row.enrichment)
    summary = []
    for asked, listed in groups.items():
        values = np.array(listed)
        draws = np.random.default_rng(seed).integers(len(values), size=(n_resamples, len(values)))
        interval = percentile_interval(values[draws].mean(axis=1), level) if len(values) > 1 else None
        summary.append(CohortRegion(*asked, len(values), float(values.mean()), interval, float(np.mean(values > 1))))
    return tuple(summary)
