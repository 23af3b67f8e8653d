"""The patches of a registered map as one picture."""

from __future__ import annotations

from typing import get_args

import numpy as np

from survviz.errors import InputError
from survviz.figures.gallery import Choice, pick
from survviz.figures.montage import montage
from survviz.figures.table import ranks
from survviz.server import store
from survviz.server.descriptors import known_mpp
from survviz.server.maps import decode_layout, decode_values
from survviz.server.register import render_patch
from survviz.server.store import Grant

PATCH_PX = 112
SPREADS = {"none": "as they come", "apart": "none touching another", "mm": "at most one per mm"}
CHOICES: dict[Choice, str] = {"top": "highest", "bottom": "lowest", "random": "random"}
LARGEST_CELL_UM = 1000.0
UNKNOWN_SIDES = 4


def least_distance(spread: str, side: int, mpp: float | None) -> float:
    """Level-0 pixels between two shown patches; without a pixel size, four patches stand for a millimetre.

    Raises:
        InputError: no such spread.
    """
    if spread not in SPREADS:
        raise InputError(f"spread={spread} was asked for; expected one of {', '.join(SPREADS)}.")
    if spread == "mm":
        return LARGEST_CELL_UM / mpp if mpp else UNKNOWN_SIDES * side
    return 2 * side if spread == "apart" else 0


def montage_of_map(grant: Grant, *, which: str, count: int, spread: str) -> bytes:
    """The patches of a map of one slide in one picture, PNG.

    Args:
        grant: of kind "map", with the payload that the viewer's maps have.

    Raises:
        InputError: an unknown choice, or a map without its slide file.
    """
    known = grant.payload
    chosen_by = next((one for one in get_args(Choice) if one == which), None)
    if chosen_by is None:
        raise InputError(f"which={which} was asked for; expected one of {', '.join(CHOICES)}.")
    slide = known["slide"] and store.get(known["slide"], "slide", grant.owner)
    layout = store.get(known["layout"], "layout", grant.owner)
    if not slide or layout is None:
        raise InputError("A montage shows pixels, and the slide file of this map is not available.")
    values, coords, side = decode_values(grant.data or b""), decode_layout(layout.data or b""), int(known["patch"])
    mpp = known_mpp(slide)
    chosen = pick(values, coords, chosen_by, count, min_distance=least_distance(spread, side, mpp))
    if not len(chosen):
        raise InputError("This map has no patch with a value, so there is nothing to show.")
    rank = ranks(np.nan_to_num(values.astype(np.float64), nan=-np.inf))
    lines = [
        f"{len(chosen)} {CHOICES[chosen_by]} patches · {direction_words(grant)} · {known['slide_id']}",
        str(known["semantics"]),
        f"Rank among {np.isfinite(values).sum():,} patches, and {unit_words(grant)}. Shown: {SPREADS[spread]}.",
    ]
    return montage(
        [render_patch(slide, int(coords[i, 0]), int(coords[i, 1]), side, PATCH_PX) for i in chosen],
        [f"{rank[i]:,} · {value_words(float(values[i]), known['signed'])}" for i in chosen],
        lines=lines,
        um_per_pixel=None if mpp is None else side * mpp / PATCH_PX,
    )


def direction_words(grant: Grant) -> str:
    """For example "attention clinical → pathology, Stage"."""
    known = grant.payload
    token = "all tokens" if known["token"] == "all" else known["token"]
    return f"{known['kind']} {known['query']} → {known['key']}, {token}"


def unit_words(grant: Grant) -> str:
    """What the number under a patch is."""
    if not grant.payload["signed"]:
        return "attention as times uniform"
    return "signed change of the risk" if grant.payload["unit"] == "risk" else "signed difference of ranks"


def value_words(value: float, signed: bool) -> str:
    """For example "8.4×" or "+0.0031"."""
    if signed:
        return f"{value:+.2g}"
    return f"{value:.1f}×" if 0.1 <= value < 100 else f"{value:.2g}×" if value < 0.1 else f"{value:.0f}×"
