"""A map over many regions: every region, every class, and all of them together, each with its test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Literal

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, vstack
from shapely.geometry.base import BaseGeometry

from survviz.errors import InputError
from survviz.evaluation.coverage import coverage
from survviz.evaluation.enrichment import Enrichment, enrichment
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.spatial_null import Alternative, SpatialTest, shift_test

Level = Literal["region", "class", "all"]
ALL = "all"


@dataclass(frozen=True, slots=True)
class RegionCover:
    """Regions, classes and their union, laid over patches; independent of any map.

    Attributes:
        levels: (R,) what each row is.
        names: (R,) class of the row; "" = regions without a class, "all" for the union of every region.
        counts: (R,) regions in the row.
        cover: (R, N) share of each patch.
    """

    levels: tuple[Level, ...]
    names: tuple[str, ...]
    counts: tuple[int, ...]
    cover: csr_array


@dataclass(frozen=True, slots=True)
class RegionScore:
    """One row of the table.

    Attributes:
        level: "region", "class" or "all".
        name: the class.
        count: regions in the row.
        found: None where it is undefined.
        test: against chance.
        reason: why it is undefined, else empty.
    """

    level: Level
    name: str
    count: int
    found: Enrichment | None
    test: SpatialTest | None
    reason: str = ""


def cover_regions(
    coords: NDArray[np.integer], patch_size: float, areas: Sequence[BaseGeometry], classes: Sequence[str]
) -> RegionCover:
    """Lay regions over patches. What two regions of a class share counts once.

    Args:
        classes: of each area; "" = none.

    Returns:
        A row per area in order, then per class in order of appearance, then one for all of them.

    Raises:
        InputError: areas and classes differ in number, or there is none.
    """
    if len(areas) != len(classes) or not len(areas):
        raise InputError(f"{len(areas)} regions with {len(classes)} classes were given; expected 1 or more, as many.")
    valid = [area if area.is_valid else shapely.make_valid(area) for area in areas]
    own = coverage(coords, patch_size, valid)
    names = list(dict.fromkeys(classes))
    members = [[index for index, name in enumerate(classes) if name == one] for one in names] + [range(len(areas))]
    joined = [_joined(own, valid, list(rows), coords, patch_size) for rows in members]
    levels: list[Level] = [*repeat("region", len(areas)), *repeat("class", len(names)), "all"]
    return RegionCover(
        levels=tuple(levels),
        names=(*classes, *names, ALL),
        counts=(1,) * len(areas) + tuple(len(rows) for rows in members),
        cover=csr_array(vstack([own, *joined])),
    )


def _joined(
    own: csr_array, areas: Sequence[BaseGeometry], rows: list[int], coords: NDArray[np.integer], patch_size: float
) -> csr_array:
    if len(rows) == 1:
        return own[rows]
    union = shapely.union_all([areas[row] for row in rows])
    apart = np.isclose(union.area, sum(areas[row].area for row in rows), rtol=1e-9, atol=0)
    if not apart:
        return coverage(coords, patch_size, [union])
    total = csr_array(own[rows].sum(axis=0)[None, :])
    total.data = np.minimum(total.data, 1)  # rounding
    return total


def score_regions(
    values: ArrayLike,
    coords: NDArray[np.integer],
    patch_size: float,
    regions: RegionCover,
    *,
    signed: bool = False,
    n_permutations: int = 999,
    alternative: Alternative = "two-sided",
    rotations: bool = False,
    seed: int = 0,
) -> tuple[RegionScore, ...]:
    """A map under every row of a cover.

    Raises:
        InputError: as `enrichment` and `shift_test`.
    """
    tests = shift_test(
        values, coords, patch_size, regions.cover, signed=signed, n_permutations=n_permutations,
        alternative=alternative, rotations=rotations, seed=seed,
    )  # fmt: skip
    scores = []
    for row, (level, name, count) in enumerate(zip(regions.levels, regions.names, regions.counts, strict=True)):
        try:
            found = enrichment(values, regions.cover[[row]].toarray()[0], signed=signed)
            scores.append(RegionScore(level, name, count, found, tests[row]))
        except UndefinedMetricError as error:
            scores.append(RegionScore(level, name, count, None, None, str(error)))
    return tuple(scores)
