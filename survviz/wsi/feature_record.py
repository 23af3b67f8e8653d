"""One internal record from what a feature file says and what a person adds; what neither says is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, MissingMppError
from survviz.types import Bag
from survviz.units import Mpp, to_mpp
from survviz.wsi.feature_layouts import Parts


@dataclass(frozen=True, slots=True)
class Known:
    """What a person adds to a file; see `read_features`."""

    mpp: float | None = None
    slide_mpp: float | None = None
    patch_size_level0: int | None = None
    encoder: str | None = None


def to_bag(parts: Parts, known: Known, slide_id: str, source: str) -> Bag:
    """One internal record of whatever a file said and a person added."""
    if len(parts.features) != len(parts.coords):
        raise InputError(
            f"{source}: {len(parts.features)} rows of features but {len(parts.coords)} of coordinates; "
            "they belong to different extractions."
        )
    if known.encoder and parts.encoder and known.encoder != parts.encoder:
        raise InputError(f"{source} was made by encoder {parts.encoder!r}, but {known.encoder!r} was asked for.")
    coords = parts.coords
    if parts.coords_in_um:
        if known.slide_mpp is None:
            raise InputError(
                f"{source} (STAMP) holds coordinates in um. Give the slide's pixel size (slide_mpp) to turn them into "
                "pixels."
            )
        coords = parts.coords / known.slide_mpp
    coords = np.rint(coords).astype(np.int64)
    side = patch_side(parts, known, coords, source)
    order = np.lexsort((coords[:, 0], coords[:, 1]))
    ordered = bool((order[1:] > order[:-1]).all())
    mpp = patch_mpp(parts, known, side, source)
    return Bag(
        slide_id=parts.slide_id or slide_id,
        features=parts.features if ordered else parts.features[order],
        coords=coords if ordered else coords[order],
        patch_size_level0=side,
        mpp=mpp,
        encoder=known.encoder or parts.encoder or "unknown",
        encoder_revision=parts.encoder_revision,
        slide_size=parts.slide_size,
        slide_hash=parts.slide_hash,
        mpp_source=parts.mpp_source,
        slide_mpp=slide_mpp(parts, known, side, mpp),
    )


def coordinate_step(coords: NDArray[np.int64]) -> int | None:
    """Patch side of a grid without overlap: the commonest distance to the next patch in the same row and column."""
    steps = []
    for axis in (0, 1):
        order = np.lexsort((coords[:, axis], coords[:, 1 - axis]))
        ordered = coords[order]
        same = ordered[1:, 1 - axis] == ordered[:-1, 1 - axis]
        gaps = np.diff(ordered[:, axis])[same]
        gaps = gaps[gaps > 0]
        if not gaps.size:
            return None
        values, counts = np.unique(gaps, return_counts=True)
        if values[np.argmax(counts)] != values[0]:
            return None
        steps.append(int(values[0]))
    return steps[0] if steps[0] == steps[1] else None


def patch_side(parts: Parts, known: Known, coords: NDArray[np.int64], source: str) -> int:
    """Side of a patch in level-0 pixels: from the file, from the argument, or from the grid.

    Raises:
        InputError: no source says it, or two disagree.
    """
    side = parts.side_level0
    if side is None and parts.side_um is not None and known.slide_mpp is not None:
        side = round(parts.side_um / known.slide_mpp)
    if side is not None and known.patch_size_level0 is not None and abs(side - known.patch_size_level0) > 1:
        raise InputError(f"{source} says patches of {side} level-0 pixels, but {known.patch_size_level0} was given.")
    side = side or known.patch_size_level0 or coordinate_step(coords)
    if side is None:
        raise InputError(
            f"{source} does not say how large a patch is, and its coordinates form no plain grid. Give the side in "
            "level-0 pixels (patch_size_level0) or CLAM's patches h5 (coords_path)."
        )
    return side


def slide_mpp(parts: Parts, known: Known, side: int, mpp: Mpp) -> Mpp | None:
    """Um per level-0 pixel, from a person or from what a patch of the file spans; None where no one says it."""
    spanned = mpp * parts.side_px / side if parts.side_px else None
    value = known.slide_mpp or spanned or (mpp / parts.downsample if parts.downsample else None)
    return None if value is None else to_mpp(value)


def patch_mpp(parts: Parts, known: Known, side: int, source: str) -> Mpp:
    """Um per pixel of the encoded patches.

    Raises:
        MissingMppError: no source says it.
        InputError: the argument contradicts what the file measured.
    """
    if parts.mpp is not None:
        if known.mpp is not None and abs(known.mpp / parts.mpp - 1) > 0.01:
            raise InputError(f"{source} was encoded at {parts.mpp:g} um/px, but {known.mpp:g} was given.")
        return to_mpp(parts.mpp)
    scale = parts.downsample or (side / parts.side_px if parts.side_px else None)
    measured = known.slide_mpp * scale if known.slide_mpp and scale else None
    value = known.mpp or measured or parts.nominal_mpp
    if value is None:
        raise MissingMppError(
            f"{source} does not say at which resolution its patches were encoded. Give it (mpp, um per pixel; "
            "0.5 is usual for 20x)."
        )
    return to_mpp(value)
