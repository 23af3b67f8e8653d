"""The patches of a registered map as one picture."""

from __future__ import annotations

from typing import get_args

import numpy as np

from survviz.errors import InputError
from survviz.figures.gallery import Choice, pick
from survviz.figures.legend import UNITS, map_title, value_text
from survviz.figures.montage import montage
from survviz.figures.patch_map import PatchMap
from survviz.figures.scaling import Look, Summary, colours_of
from survviz.figures.table import ranks
from survviz.server.map_files import known_mpp, slide_grant
from survviz.server.register import render_patch
from survviz.server.store import Grant

PATCH_PX = 112
SPREADS = {"none": "as they come", "apart": "none touching another", "mm": "at most one per mm"}
CHOICES: dict[Choice, str] = {"top": "highest", "bottom": "lowest", "random": "random"}
APART_UM = 1000.0
UNKNOWN_SIDES = 4


def least_distance(spread: str, side: int, mpp: float | None) -> float:
    """Level-0 pixels between two shown patches; without a pixel size, four patches stand for a millimetre.

    Raises:
        InputError: no such spread.
    """
    if spread not in SPREADS:
        raise InputError(f"spread={spread} was asked for; expected one of {', '.join(SPREADS)}.")
    if spread == "mm":
        return APART_UM / mpp if mpp else UNKNOWN_SIDES * side
    return 2 * side if spread == "apart" else 0


def montage_of_map(
    grant: Grant,
    patch_map: PatchMap,
    *,
    which: str,
    count: int,
    spread: str,
    look: Look,
    summary: Summary,
) -> bytes:
    """The patches of a map of one slide in one picture, PNG; each framed in the colour that the map has there.

    Args:
        grant: of the map.
        summary: ends of the colour scale, over all slides of the case.

    Raises:
        InputError: an unknown choice, a map without its slide file, or without any value.
    """
    chosen_by = next((one for one in get_args(Choice) if one == which), None)
    if chosen_by is None:
        raise InputError(f"which={which} was asked for; expected one of {', '.join(CHOICES)}.")
    slide = slide_grant(grant)
    if slide is None:
        raise InputError("A montage shows pixels, and the slide file of this map is not available.")
    values, coords, side = patch_map.values, patch_map.coords, patch_map.patch_size_level0
    mpp, _ = known_mpp(slide)
    chosen = pick(values, coords, chosen_by, count, min_distance=least_distance(spread, side, mpp))
    if not len(chosen):
        raise InputError("This map has no patch with a value, so there is nothing to show.")
    rank = ranks(np.nan_to_num(values.astype(np.float64), nan=-np.inf))
    colours = colours_of(patch_map, look, summary, threshold=False)
    return montage(
        [render_patch(slide, int(coords[i, 0]), int(coords[i, 1]), side, PATCH_PX) for i in chosen],
        [f"{rank[i]:,} · {value_text(patch_map, float(values[i]))}" for i in chosen],
        lines=words(patch_map, f"{len(chosen)} {CHOICES[chosen_by]} patches", SPREADS[spread]),
        um_per_pixel=None if mpp is None else side * mpp / PATCH_PX,
        frames=["#{:02x}{:02x}{:02x}".format(*colours[i, :3]) for i in chosen],
    )


def words(patch_map: PatchMap, what: str, spread: str) -> list[str]:
    """Title, meaning of the map, and what stands under each patch."""
    unit = "attention as times uniform" if patch_map.nature == "share" else UNITS.get(patch_map.unit, patch_map.unit)
    source = patch_map.provenance
    names = [part for part in (source.case_id, patch_map.slide_id, source.checkpoint) if part]
    n = int(np.isfinite(patch_map.values).sum())
    return [
        f"{what} · {map_title(patch_map)}",
        " · ".join(names),
        patch_map.semantics,
        f"Under each patch: rank among {n:,} patches of the slide, and {unit.lower()}; its frame has the colour of the "
        f"map. Shown: {spread}.",
    ]
