"""Region masks as polygons: the exact outline of every class's pixels, in level-0 pixels.

A cohort with planted or painted truth has `truth/SLIDE.png`, one class number per pixel, beside `truth/regions.json`
with the legend.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry import MultiPolygon

from survviz.data.annotations import Annotation, Colour, stable_id
from survviz.errors import InputError

TRUTH = "truth"
LEGEND = "regions.json"
BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class MaskClass:
    """How a class is written in the masks.

    Attributes:
        value: its number.
        colour: red, green, blue.
    """

    value: int
    colour: Colour


def mask_classes(cohort: Path) -> dict[str, MaskClass]:
    """The classes of a cohort's masks without the background; empty when it has no masks."""
    path = cohort / TRUTH / LEGEND
    if not path.is_file():
        return {}
    legend = json.loads(path.read_text())["classes"]
    return {
        name: MaskClass(int(one["value"]), tuple(one["colour"])) for name, one in legend.items() if name != BACKGROUND
    }


def mask_path(cohort: Path, slide_id: str) -> Path | None:
    """Where the mask of a slide lies, or None."""
    path = cohort / TRUTH / f"{slide_id}.png"
    return path if path.is_file() and path.parent == cohort / TRUTH else None


@lru_cache(maxsize=32)
def truth_annotations(cohort: Path, slide_id: str, slide_size: tuple[int, int]) -> tuple[Annotation, ...]:
    """One annotation per class that the slide has, in the order of the legend.

    Args:
        slide_size: width and height in level-0 pixels; the mask is laid over the whole slide.

    Raises:
        InputError: the slide has no mask.
    """
    path = mask_path(cohort, slide_id)
    if path is None:
        raise InputError(f"Slide {slide_id} has no region mask in {cohort / TRUTH}.")
    with Image.open(path) as image:
        mask = np.asarray(image)
    return outlines(mask, mask_classes(cohort), slide_size, slide_id)


def outlines(
    mask: NDArray[np.integer], classes: Mapping[str, MaskClass], slide_size: tuple[int, int], slide_id: str = ""
) -> tuple[Annotation, ...]:
    """One annotation per class that is in the mask: the union of its pixels, each as large as it is on the slide."""
    scale = (slide_size[0] / mask.shape[1], slide_size[1] / mask.shape[0])
    found = []
    for name, one in classes.items():
        area = outline(mask == one.value, scale)
        if area is not None:
            found.append(Annotation(area, name, name, one.colour, stable_id("truth", slide_id, name)))
    return tuple(found)


def outline(inside: NDArray[np.bool_], scale: tuple[float, float]) -> MultiPolygon | None:
    """The union of a mask's pixels; None when there is none. Pixels that touch at a corner only are not joined.

    Runs of pixels are merged over rows, which needs a few boxes per row instead of one per pixel.
    """
    edges = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]  # in the same order: row by row
    if not len(rows):
        return None
    area = shapely.union_all(shapely.box(starts, rows, stops, rows + 1))
    corners = shapely.simplify(area, 0)  # only points on straight lines go
    placed = shapely.transform(corners, lambda points: points * scale)
    return MultiPolygon(list(shapely.get_parts(placed)))
