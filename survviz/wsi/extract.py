"""Slide -> Bag: tissue, grid, patches, encoder; kept on disk, so that a slide is encoded once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survviz.errors import InputError
from survviz.types import Bag, Notice, Progress
from survviz.units import to_mpp
from survviz.workspace import workspace
from survviz.wsi.features import read_features, write_features
from survviz.wsi.flags import slide_notices
from survviz.wsi.grid import PatchGrid, patch_grid
from survviz.wsi.reader import iter_patches
from survviz.wsi.slide import Slide, open_slide
from survviz.wsi.tissue import TissueMask, tissue_mask

if TYPE_CHECKING:
    from survviz.wsi.encoders import Encoder

REVISION = "1"
"""To be raised whenever tissue, grid or reading change what comes out: cached features are then made again."""


def extract(
    slide: Slide,
    encoder: Encoder,
    *,
    target_mpp: float | None = None,
    progress: Progress | None = None,
    batch_size: int = 64,
    mask: TissueMask | None = None,
) -> Bag:
    """Encode every tissue patch of a slide.

    Args:
        target_mpp: um per pixel of the patches; the encoder's own unless given.
        progress: called after every batch with patches done and in all; may raise `CancelledError`.
        mask: tissue, if it is known already.

    Raises:
        NoTissueError: nothing to encode.
        SlideError: the slide cannot be decoded.
    """
    mpp = to_mpp(target_mpp if target_mpp is not None else encoder.mpp)
    grid = patch_grid(slide, mask or tissue_mask(slide), target_mpp=mpp, patch_px=encoder.patch_px)
    features = _encode(slide, grid, encoder, progress, batch_size)
    return Bag(
        slide_id=slide.slide_id,
        features=features,
        coords=grid.coords,
        patch_size_level0=grid.patch_size_level0,
        mpp=mpp,
        encoder=encoder.name,
        encoder_revision=encoder.revision,
        slide_size=slide.dimensions,
        slide_hash=slide.content_hash(),
        mpp_source=slide.mpp_source,
        slide_mpp=slide.mpp,
    )


def _encode(slide: Slide, grid: PatchGrid, encoder: Encoder, progress: Progress | None, batch_size: int) -> np.ndarray:
    features = np.empty((len(grid), encoder.dim), np.float32)
    if progress:
        progress(0, len(grid))
    for rows, patches in iter_patches(slide, grid, batch_size=batch_size):
        features[rows] = encoder.encode(patches)
        if progress:
            progress(rows.stop, len(grid))
    return features


def extract_cached(
    path: Path | str,
    encoder: Encoder,
    *,
    mpp: float | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
    keep: bool = True,
) -> tuple[Bag, tuple[Notice, ...]]:
    """Encode a slide file, or read what was encoded before from the same bytes with the same encoder.

    Args:
        mpp: um per pixel of level 0, for files that declare none.
        cache: folder of feature files; `features` in the workspace unless given.
        keep: write there what was encoded now; False where the caller keeps it elsewhere.

    Returns:
        The bag, and what to know about the slide.

    Raises:
        SlideError, MissingMppError, NoTissueError: as `open_slide` and `extract` do.
    """
    with open_slide(path, mpp) as slide:
        mask = tissue_mask(slide)
        notices = slide_notices(slide, mask, target_mpp=encoder.mpp)
        file = (cache or workspace("features")) / cache_name(slide, encoder)
        bag = _read_cached(file, slide)
        if bag is None:
            bag = extract(slide, encoder, progress=progress, mask=mask)
            if keep:
                write_features(file, bag, patch_px=encoder.patch_px)
        elif progress:
            progress(len(bag), len(bag))
        return bag, notices


def cache_name(slide: Slide, encoder: Encoder) -> str:
    """File name that changes with the slide's bytes, its pixel size, and anything that pins the encoder."""
    kind = (encoder.name, encoder.revision, f"{encoder.mpp:.6g}", str(encoder.patch_px))
    parts = (REVISION, slide.content_hash(), f"{slide.mpp:.6g}", *kind)
    return f"{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:24]}.h5"


def _read_cached(file: Path, slide: Slide) -> Bag | None:
    """What an earlier run wrote; None if there is nothing, or nothing readable (it is then made again)."""
    if not file.is_file():
        return None
    try:
        bag = read_features(file)
    except InputError:
        return None
    if len(bag) == 0 or bag.slide_hash != slide.content_hash():
        return None
    return replace(bag, slide_id=slide.slide_id, slide_size=slide.dimensions, mpp_source=slide.mpp_source)
