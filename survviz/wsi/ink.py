"""Pen marks, by the colour of ink in optical density."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SEED_UM2 = 2_000.0
MARGIN_UM = 24.0


def ink_mask(density: NDArray[np.float32], mpp: float) -> NDArray[np.bool_]:
    """(h, w) True where the slide is written on, with the soft edge of the stroke.

    Args:
        density: (h, w, 3) natural-log optical density relative to glass.
        mpp: um per pixel.
    """
    seeds = np.zeros(density.shape[:2], bool)
    for core, edge in (cool_ink(density), red_ink(density), black_ink(density)):
        core = ndimage.binary_opening(core, iterations=1 if mpp > 2 else 2)
        seeds |= ndimage.binary_propagation(core, mask=edge | core)
    margin = int(np.clip(round(MARGIN_UM / mpp), 1, 8))
    return ndimage.binary_dilation(seeds, iterations=margin) if seeds.any() else seeds


def cool_ink(density: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(core, edge) of green and blue ink: both absorb red far more than green, haematoxylin does not."""
    red, green, blue = np.moveaxis(density, -1, 0)
    lesser = np.minimum(green, blue)
    core = (red > 0.35) & (red > 1.45 * green)
    return core, (red > 0.08) & (red > 1.2 * green) & (red > lesser + 0.03)


def red_ink(density: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(core, edge) of red ink: absorbs green and blue alike, and much more than eosin or blood does."""
    red, green, blue = np.moveaxis(density, -1, 0)
    core = (green > 1.3) & (blue > 1.0) & (blue > 0.66 * green) & (red < 0.35 * green)
    return core, (green > 0.15) & (blue > 0.62 * green) & (red < 0.45 * green)


def black_ink(density: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(core, edge) of black ink and of the black around some scans."""
    low, high = density.min(axis=-1), density.max(axis=-1)
    core = (low > 1.25) & (low > 0.62 * high)
    return core, (low > 0.6) & (low > 0.62 * high)
