"""What a person must know about a slide before trusting numbers made from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from survviz.errors import NoTissueError
from survviz.types import Notice
from survviz.wsi.grid import patch_grid
from survviz.wsi.slide import Slide
from survviz.wsi.tissue import TissueMask, optical_density

COARSE_RATIO = 1.1
LITTLE_TISSUE = 0.01
MOSTLY_GLASS = 0.05
MUCH_PEN = 0.05
HE = "H&E"
FAINT = "a stain too faint to tell"
BROWN_SHARE = 0.08
PINK_SHARE = 0.05
SHARP = 0.03
"""Sharpness below which tissue counts as out of focus.

Sharp slides (six sample slides, CMU-1-Small-Region, a TCGA slide) have 0.054 to 0.13, sharp NCT-CRC tiles of tissue
0.041 or more, regions of gliomas 0.85 or more. The same slides blurred by 1 um (2 pixels) have 0.005 to 0.013, by
0.75 um 0.010 to 0.023: all are found. By 0.5 um only the sample slides are; the gliomas, which were sharpened when they
were reduced, only from 1.5 um on (0.017 and less).
"""

BLUR_SAMPLES = 12
BLUR_PX = 256


@dataclass(frozen=True, slots=True)
class Stain:
    """How the tissue is coloured.

    Attributes:
        brown: share of stained pixels that are brown (DAB).
        pink: share of stained pixels that are eosin-like.
        words: "H&E", or what it looks like instead.
    """

    brown: float
    pink: float
    words: str


def slide_notices(slide: Slide, mask: TissueMask, *, target_mpp: float = 0.5) -> tuple[Notice, ...]:
    """Everything worth saying, most serious first; empty for a sharp H&E slide at the right resolution.

    Codes: "slide.stain", "slide.coarse", "slide.blurred", "slide.glass", "slide.pen", "slide.mpp", "slide.flat".
    """
    found = (
        _stain_notice(slide, mask),
        _coarse_notice(slide, target_mpp),
        _blur_notice(slide, mask),
        _glass_notice(slide, mask),
        _pen_notice(slide, mask),
        _size_notice(slide),
        _flat_notice(slide),
    )
    order = {"stop": 0, "warning": 1, "info": 2}
    return tuple(sorted((notice for notice in found if notice), key=lambda notice: order[notice.level]))


def stain_of(slide: Slide, mask: TissueMask) -> Stain:
    """Judge the stain from the tissue of the thumbnail."""
    if not slide.info.is_rgb:
        return Stain(0, 0, f"fluorescence ({slide.info.channels} channels)")
    if mask.dark_background:
        return Stain(0, 0, "fluorescence (bright on black)")
    return stain_of_density(optical_density(mask.thumbnail)[mask.mask])


def stain_of_density(density: NDArray[np.float32]) -> Stain:
    """Judge the stain from (N, 3) optical densities of tissue."""
    stained = density[density.max(axis=-1) > 0.15]
    if len(stained) == 0:
        return Stain(0, 0, FAINT)
    red, green, blue = stained.T
    brown = float(np.mean((blue > 1.1 * green) & (green > 1.1 * red)))
    pink = float(np.mean((green > 1.35 * red) & (green > 1.15 * blue)))
    if brown > BROWN_SHARE:
        return Stain(brown, pink, "brown (DAB) immunohistochemistry")
    if pink < PINK_SHARE:
        return Stain(brown, pink, "a stain without eosin, such as immunohistochemistry")
    return Stain(brown, pink, HE)


def _stain_notice(slide: Slide, mask: TissueMask) -> Notice | None:
    stain = stain_of(slide, mask)
    if stain.words == HE:
        return None
    return Notice(
        "warning" if stain.words == FAINT else "stop",
        "slide.stain",
        f"{slide.slide_id} does not look like H&E but like {stain.words}. The encoders and models here were made for "
        "H&E; a score of this slide would mean nothing.",
    )


def _coarse_notice(slide: Slide, target_mpp: float) -> Notice | None:
    if slide.mpp <= target_mpp * COARSE_RATIO:
        return None
    given = "the file declares" if slide.mpp_source == "file" else "you gave"
    return Notice(
        "warning",
        "slide.coarse",
        f"{slide.slide_id} has {slide.mpp:.3g} um/px ({given} it); the model sees patches at {target_mpp:g} um/px. "
        f"Its patches are enlarged {slide.mpp / target_mpp:.1f} times and show no finer detail, "
        "so features and scores may be off. Use a scan of 20x or more if there is one.",
    )


def _glass_notice(slide: Slide, mask: TissueMask) -> Notice | None:
    if mask.share_tissue >= MOSTLY_GLASS:
        return None
    few = mask.share_tissue < LITTLE_TISSUE
    return Notice(
        "warning" if few else "info",
        "slide.glass",
        f"{slide.slide_id} is mostly glass: only {mask.share_tissue:.1%} of it is tissue."
        + (" Few patches carry the whole score." if few else ""),
    )


def _pen_notice(slide: Slide, mask: TissueMask) -> Notice | None:
    if mask.share_pen < MUCH_PEN:
        return None
    return Notice(
        "info",
        "slide.pen",
        f"{mask.share_pen:.0%} of {slide.slide_id} is covered by pen marks; no patches are taken there.",
    )


def _size_notice(slide: Slide) -> Notice | None:
    if slide.mpp_source == "file":
        return None
    return Notice(
        "info",
        "slide.mpp",
        f"{slide.slide_id} declares no pixel size; {slide.mpp:.3g} um/px was given by a person. Every length, and the "
        "size at which the model sees the tissue, rests on that.",
    )


def _flat_notice(slide: Slide) -> Notice | None:
    if slide.has_cheap_overview:
        return None
    last = slide.levels[-1]
    return Notice(
        "info",
        "slide.flat",
        f"{slide.slide_id} has no small overview (its smallest level has {last.width} x {last.height} pixels), so the "
        "first view takes long. Convert it once: vips tiffsave in.tif out.tif --tile --pyramid --compression jpeg",
    )


def _blur_notice(slide: Slide, mask: TissueMask) -> Notice | None:
    values = [sharpness(patch) for patch in _samples(slide, mask)]
    if not values or float(np.median(values)) >= SHARP:
        return None
    return Notice(
        "warning",
        "slide.blurred",
        f"{slide.slide_id} looks out of focus (sharpness {np.median(values):.3f}; expected {SHARP} or more in half of "
        f"{len(values)} patches of tissue). Nuclei cannot be told apart; scan again if possible.",
    )


def _samples(slide: Slide, mask: TissueMask) -> list[NDArray[np.uint8]]:
    """Patches of solid tissue at about 0.5 um/px (or the finest there is), spread over the slide."""
    try:
        grid = patch_grid(slide, mask, target_mpp=max(0.5, slide.mpp), patch_px=BLUR_PX)
    except NoTissueError:
        return []
    best = np.argsort(-grid.tissue_share, kind="stable")[: max(BLUR_SAMPLES, len(grid) // 2)]
    picks = np.sort(best)[np.unique(np.linspace(0, len(best) - 1, BLUR_SAMPLES).astype(int))]
    side = grid.patch_size_level0
    return [slide.read_area(int(x), int(y), side, side, BLUR_PX, BLUR_PX) for x, y in grid.coords[picks]]


def sharpness(patch: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of the green channel over the variance of the channel, which strong stain raises too.

    The channel is smoothed by 0.7 pixels first, so that the grain of sensor and compression does not pass for detail.
    """
    green = ndimage.gaussian_filter(patch[..., 1].astype(np.float32), 0.7)
    return float(ndimage.laplace(green).var() / max(green.var(), 1.0))
