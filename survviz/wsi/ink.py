"""Pen marks, by the colour of ink in optical density."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STROKE_UM2 = 30_000.0
"""A pen is broader than a nucleus or a pool of blood; its marks are not smaller than this."""

MARGIN_UM = 24.0
SMOOTH = 0.02
WINDOW_PX = 9


def ink_mask(density: NDArray[np.float32], mpp: float) -> NDArray[np.bool_]:
    """(h, w) True where the slide is written on, with the soft edge of the stroke.

    Args:
        density: (h, w, 3) natural-log optical density relative to glass.
        mpp: um per pixel.
    """
    ink = np.zeros(density.shape[:2], bool)
    for core, edge in (cool_ink(density), red_ink(density), black_ink(density)):
        if not core.any():
            continue
        seeds = ndimage.binary_opening(core, iterations=1 if mpp > 2 else 2)
        ink |= np.asarray(ndimage.binary_propagation(seeds, mask=edge | core))
    ink &= ~small_parts(ink, min(STROKE_UM2 / mpp**2, 0.01 * ink.size))
    if not ink.any():
        return ink
    blurred = (texture(density) < SMOOTH) & (highest(density) > 0.08)
    ink = np.asarray(ndimage.binary_propagation(ink, mask=ink | blurred))
    return np.asarray(ndimage.binary_dilation(ink, iterations=int(np.clip(round(MARGIN_UM / mpp), 1, 8))), bool)


def texture(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) fine contrast of the green density relative to its mean; about 0.1 in tissue, near 0 in ink and film."""
    green = density[..., 1]
    detail = green - ndimage.gaussian_filter(green, 1.5)
    strength = np.sqrt(np.maximum(ndimage.uniform_filter(detail**2, WINDOW_PX), 0))
    return np.asarray(strength / np.maximum(ndimage.uniform_filter(green, WINDOW_PX), 0.05), np.float32)


def highest(channels: NDArray[np.generic]) -> NDArray[Any]:
    """Largest of three channels, (h, w); numpy's own reduction over a short last axis is several times slower."""
    return np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2])


def lowest(channels: NDArray[np.generic]) -> NDArray[Any]:
    """Smallest of three channels, (h, w)."""
    return np.minimum(np.minimum(channels[..., 0], channels[..., 1]), channels[..., 2])


def small_parts(mask: NDArray[np.bool_], area: float) -> NDArray[np.bool_]:
    """Connected parts of fewer than `area` pixels."""
    labels, sizes = connected(mask)
    small = sizes < area
    small[0] = False
    return small[labels]


def connected(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(h, w) number of the connected part that each pixel belongs to (0: none), and the size of each part."""
    labels = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, output=labels)
    return labels, np.bincount(labels.ravel())


def cool_ink(density: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(core, edge) of green and blue ink: both absorb red far more than green, haematoxylin does not."""
    red, green, blue = np.moveaxis(density, -1, 0)
    core = (red > 0.35) & (red > 1.32 * green)
    return core, (red > 0.08) & (red > 1.2 * green) & (red > np.minimum(green, blue) + 0.03)


def red_ink(density: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(core, edge) of red ink: absorbs green and blue nearly alike; dense eosin and blood spare more of the blue."""
    red, green, blue = np.moveaxis(density, -1, 0)
    core = (green > 1.3) & (blue > 1.0) & (blue > 0.72 * green) & (red < 0.35 * green)
    return core, (green > 0.15) & (blue > 0.68 * green) & (red < 0.45 * green)


def black_ink(density: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(core, edge) of black ink and of the black around some scans."""
    low, high = lowest(density), highest(density)
    core = (low > 1.25) & (low > 0.62 * high)
    return core, (low > 0.6) & (low > 0.62 * high)
