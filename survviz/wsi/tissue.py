"""Tissue on a thumbnail, by optical density and colour: glass, pen marks, shadows, cover-slip edges left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from survviz.errors import NoTissueError
from survviz.wsi.ink import connected, highest, ink_mask, lowest, small_parts, texture
from survviz.wsi.slide import Slide

MASK_MPP = 16.0
"""Resolution at which tissue is sought; finer shows nuclei instead of tissue, and costs more."""

MIN_SIDE = 512
GLASS = (245.0, 245.0, 245.0)
GLASS_TINT = 30
GLASS_NOISE = 2.0
STRONG_DENSITY = (0.10, 0.30)
WEAK_DENSITY = (0.045, 0.12)
CLOSING_UM = 40.0
HOLE_UM2 = 40_000.0
SPECK_UM2 = 20_000.0
SPECK_SHARE = 0.0015
FLAT_TEXTURE = 0.05
FLAT_SHARE = 0.8
SPARSE_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class TissueMask:
    """Where the tissue is.

    Attributes:
        mask: (h, w) True = tissue.
        downsample: level-0 pixels per mask pixel, (across, down).
        share_tissue: share of the slide that is tissue.
        share_pen: share of the slide that is covered by pen.
        dark_background: the slide shines on black, as in fluorescence.
        thumbnail: (h, w, 3) the image on which the mask was made.
    """

    mask: NDArray[np.bool_]
    downsample: tuple[float, float]
    share_tissue: float
    share_pen: float
    dark_background: bool
    thumbnail: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TissueOfImage:
    """Tissue and pen of one image, both (h, w)."""

    tissue: NDArray[np.bool_]
    pen: NDArray[np.bool_]
    dark_background: bool


def tissue_mask(slide: Slide, max_side: int = 2048) -> TissueMask:
    """Find tissue on a thumbnail of at most `max_side` pixels.

    Raises:
        NoTissueError: nothing on the slide looks like tissue.
    """
    width, height = slide.dimensions
    side = min(max_side, max(MIN_SIDE, round(max(width, height) * slide.mpp / MASK_MPP)), max(width, height))
    thumbnail = slide.thumbnail(side)
    rows, columns = thumbnail.shape[:2]
    found = tissue_mask_of_image(
        thumbnail, mpp=slide.mpp * max(width, height) / side, fluorescence=not slide.info.is_rgb
    )
    if not found.tissue.any():
        raise NoTissueError(
            f"{slide.slide_id}: no tissue was found ({found.pen.mean():.0%} of the slide is pen, the rest glass). "
            "Look at the slide; if there is tissue, its stain is too faint for this step."
        )
    return TissueMask(
        mask=found.tissue,
        downsample=(width / columns, height / rows),
        share_tissue=float(found.tissue.mean()),
        share_pen=float(found.pen.mean()),
        dark_background=found.dark_background,
        thumbnail=thumbnail,
    )


def tissue_mask_of_image(rgb: NDArray[np.uint8], *, mpp: float = MASK_MPP, fluorescence: bool = False) -> TissueOfImage:
    """Tissue and pen marks of an image.

    Args:
        rgb: (h, w, 3) uint8.
        mpp: um per pixel of the image; sets the size of holes to fill and specks to drop.
        fluorescence: the image is known to shine on black; else that is judged by its darkness.
    """
    if fluorescence or is_dark_background(rgb):
        tissue = _clean(_bright(rgb), mpp)
        return TissueOfImage(tissue, np.zeros(rgb.shape[:2], bool), True)
    density = optical_density(rgb)
    pen = ink_mask(density, mpp)
    stained = _stained(density) & ~pen
    tissue = _without_flat(_clean(stained, mpp) & ~pen, density)
    return TissueOfImage(tissue, pen, False)


def is_dark_background(rgb: NDArray[np.uint8]) -> bool:
    """Most of the image is nearly black and hardly any of it is bright: light was emitted, not absorbed."""
    brightest = highest(rgb)
    return bool(np.median(brightest) < 90 and np.mean(lowest(rgb) > 200) < 0.05)


def optical_density(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, 3) natural-log density relative to the image's own glass, lightly smoothed, at least 0.

    The channels lie one after the other in memory, which halves the time of all that follows.
    """
    steps = np.log(np.arange(1, 257, dtype=np.float32))
    planes = np.empty((3, *rgb.shape[:2]), np.float32)
    for channel, glass in enumerate(glass_colour(rgb)):
        density = (np.log(np.float32(glass + 1)) - steps)[rgb[..., channel]]
        ndimage.gaussian_filter(density, 0.8, output=planes[channel])
    return np.moveaxis(np.maximum(planes, 0, out=planes), 0, -1)


def glass_colour(rgb: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Colour of the empty slide: bright, smooth, hardly coloured; a usual white if there is too little of it."""
    low, high = lowest(rgb), highest(rgb)
    green = rgb[..., 1].astype(np.float32)
    smooth = np.abs(green - ndimage.gaussian_filter(green, 1.5)) < GLASS_NOISE
    empty = rgb[smooth & (low >= 190) & (high - low <= GLASS_TINT)]
    if len(empty) < 0.005 * low.size:
        return GLASS
    return _median(empty[:, 0]), _median(empty[:, 1]), _median(empty[:, 2])


def _median(values: NDArray[np.uint8]) -> float:
    """Of bytes, by counting."""
    below = np.bincount(values, minlength=256).cumsum()
    middle = [int(np.searchsorted(below, rank, side="right")) for rank in ((len(values) - 1) // 2, len(values) // 2)]
    return sum(middle) / 2


def _stained(density: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Dense and coloured pixels, and fainter ones that touch them."""
    strongest = highest(density)
    colour = strongest - lowest(density)
    grey = colour < 0.03 + 0.12 * (density[..., 0] + density[..., 1] + density[..., 2]) / 3
    signal = np.where(grey, 0, strongest)
    cut = _otsu(signal)
    strong = signal > np.clip(cut, *STRONG_DENSITY)
    weak = signal > np.clip(cut / 2, *WEAK_DENSITY)
    seeds = ndimage.binary_opening(strong)
    return np.asarray(ndimage.binary_propagation(seeds, mask=weak, structure=np.ones((3, 3))), bool)


def _bright(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    light = ndimage.gaussian_filter(highest(rgb).astype(np.float32), 1)
    return light > max(12.0, _otsu(light) / 2)


def _otsu(values: NDArray[np.floating]) -> float:
    """Threshold that splits the histogram with the least variance within (Otsu, 1979)."""
    counts, edges = np.histogram(values, bins=128)
    centres = (edges[:-1] + edges[1:]) / 2
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * centres).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(centres[np.nan_to_num(between).argmax()])


def _clean(mask: NDArray[np.bool_], mpp: float) -> NDArray[np.bool_]:
    """Close fat and lumina, fill small holes, drop specks and parts that hardly hold any stain."""
    radius = int(np.clip(round(CLOSING_UM / mpp), 1, 16))
    padded = np.pad(mask, radius, mode="edge").astype(np.uint8)
    size = 2 * radius + 1
    closed = np.asarray(ndimage.minimum_filter(ndimage.maximum_filter(padded, size), size))
    closed = closed[radius:-radius, radius:-radius] > 0
    filled = closed | mask | small_parts(~closed, HOLE_UM2 / mpp**2)
    filled &= ~small_parts(filled, min(SPECK_UM2 / mpp**2, SPECK_SHARE * mask.size))
    labels, sizes = connected(filled)
    sparse = np.bincount(labels.ravel(), weights=mask.ravel()) < SPARSE_SHARE * sizes
    sparse[0] = False
    return filled & ~sparse[labels]


def _without_flat(mask: NDArray[np.bool_], density: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Drop parts without any texture: coloured glass, film, compression blocks. Real tissue is never even."""
    labels, sizes = connected(mask)
    even = np.bincount(labels.ravel(), weights=(texture(density) < FLAT_TEXTURE).ravel()) > FLAT_SHARE * sizes
    even[0] = False
    return mask & ~even[labels]
