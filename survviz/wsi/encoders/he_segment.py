"""Nuclei of one H&E patch: threshold against the local background, steepest-ascent split, one pass of moments.

No loop over nuclei: every pixel of the nuclear mask climbs to the nearest peak of the smoothed stain by pointer
doubling, the peaks number the nuclei, and `bincount` sums area, position and shape of all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from survviz.wsi.encoders.he_stain import Mask, Plane

UM = 1.0
"""um per pixel of the planes used here."""

MIN_AREA_UM2 = 10.0
MAX_AREA_UM2 = 400.0
PEAK_SIGMA_UM = 1.4
BACKGROUND_SIGMA_UM = 14.0
SMOOTH_SIGMA_UM = 1.0
MIN_CONTRAST = 0.2
"""Haematoxylin by which a nucleus exceeds the pale part of its surroundings."""

MIN_STAIN = 0.58
"""Haematoxylin below which nothing is a nucleus."""

CLIMB_DOUBLINGS = 6

SINGLE_THREAD_PRODUCT = 2**18
"""Multiplications up to which OpenBLAS stays on one thread."""


@lru_cache(maxsize=32)
def blur_matrix(size: int, sigma: float) -> Plane:
    """(size, size) Gaussian smoothing along one axis, normalised at the border."""
    x = np.arange(size)
    weights = np.exp(-0.5 * ((x[:, None] - x[None, :]) / sigma) ** 2)
    weights[weights < 1e-5] = 0  # subnormal numbers would make the product ten times slower
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def product(a: Plane, b: Plane) -> Plane:
    """Matrix product in blocks of rows so small that BLAS starts no threads, which cost ten times the work here."""
    rows = max(SINGLE_THREAD_PRODUCT // b.size, 1)
    whole = len(a) // rows * rows
    blocks = (a[:whole].reshape(-1, rows, a.shape[1]) @ b).reshape(whole, b.shape[1])
    return blocks if whole == len(a) else np.concatenate([blocks, a[whole:] @ b])


def blur(plane: Plane, sigma: float) -> Plane:
    """Gaussian smoothing by two matrix products: the cost does not grow with sigma."""
    down, across = blur_matrix(plane.shape[0], sigma), blur_matrix(plane.shape[1], sigma)
    return product(product(down, plane), across.T)


def erode(mask: Mask) -> Mask:
    """Remove pixels with a False neighbour above, below, left or right; outside counts as True."""
    out = mask.copy()
    out[1:] &= mask[:-1]
    out[:-1] &= mask[1:]
    out[:, 1:] &= mask[:, :-1]
    out[:, :-1] &= mask[:, 1:]
    return out


def dilate(mask: Mask) -> Mask:
    """Add pixels above, below, left and right."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    return out


@dataclass(frozen=True, slots=True)
class Nuclei:
    """One row per nucleus, all (n,) float64.

    Attributes:
        size: diameter of the circle of equal area, um.
        elongation: long over short axis of the equal-moment ellipse.
        fill: area over that ellipse's area; below 1 for ragged or bent shapes.
        angle: direction of the long axis, radians.
        stain: mean haematoxylin.
        texture: spread of haematoxylin inside the nucleus (chromatin).
        mask: (h, w) True inside a nucleus that was kept.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: NDArray[np.float64]
    size: NDArray[np.float64]
    elongation: NDArray[np.float64]
    fill: NDArray[np.float64]
    angle: NDArray[np.float64]
    stain: NDArray[np.float64]
    texture: NDArray[np.float64]
    mask: Mask


def nuclear_mask(h: Plane) -> Mask:
    """Haematoxylin above the middle between the pale and the dark half of the surroundings; specks removed.

    One step of Ridler and Calvard's iteration, locally: it follows heavy and light stain and purple cytoplasm.
    """
    smooth = blur(h, SMOOTH_SIGMA_UM / UM)
    mean = blur(smooth, BACKGROUND_SIGMA_UM / UM)
    is_pale = (smooth < mean).astype(np.float32)
    weight = blur(is_pale, BACKGROUND_SIGMA_UM / UM)
    sum_pale = blur(is_pale * smooth, BACKGROUND_SIGMA_UM / UM)
    pale = (sum_pale + np.float32(0.01) * mean) / (weight + np.float32(0.01))
    dark = (mean - sum_pale + np.float32(0.01) * mean) / (np.float32(1.01) - weight)
    middle = np.float32(0.5) * (pale + dark)
    threshold = np.maximum(np.maximum(middle, pale + np.float32(MIN_CONTRAST)), np.float32(MIN_STAIN))
    mask = smooth > threshold
    return dilate(erode(mask))


def climb(surface: Plane, inside: NDArray[np.intp]) -> NDArray[np.intp]:
    """(n,) nucleus number of each flat index `inside`: the peak that it reaches by steepest ascent.

    Args:
        surface: (h, w) with a border that is never inside; -1 outside the mask.
        inside: flat indices of the mask's pixels.
    """
    width = surface.shape[1]
    flat = surface.ravel()
    # On a plateau the first maximum wins: only earlier pixels stand before the pixel itself, so no path can circle.
    steps = np.array([-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1])
    target = inside + steps[np.argmax(flat[inside[None, :] + steps[:, None]], axis=0)]
    place = np.zeros(flat.size, dtype=np.intp)
    place[inside] = np.arange(inside.size)
    pointer = place[target]
    for _ in range(CLIMB_DOUBLINGS):
        pointer = pointer[pointer]
    is_peak = np.zeros(inside.size, dtype=np.intp)
    is_peak[pointer] = 1
    return (np.cumsum(is_peak) - 1)[pointer]


def find_nuclei(h: Plane) -> Nuclei:
    """Segment and measure the nuclei of a haematoxylin plane at 1 um per pixel."""
    mask = nuclear_mask(h)
    surface = blur(np.where(mask, np.minimum(h, np.float32(2.5)), np.float32(0)), PEAK_SIGMA_UM / UM)
    padded = np.pad(np.where(mask, surface, np.float32(-1)), 1, constant_values=-1)
    inside = np.flatnonzero(padded >= 0)
    if not inside.size:
        empty = np.zeros(0)
        return Nuclei(*[empty] * 9, mask=mask)
    label = climb(padded, inside)
    y, x = np.divmod(inside, padded.shape[1])
    y, x = y - 1, x - 1
    values = h[y, x].astype(np.float64)
    n = int(label.max()) + 1

    def mean(weights: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(label, weights=weights, minlength=n) / area

    area = np.bincount(label, minlength=n).astype(np.float64)
    cx, cy, stain = mean(x), mean(y), mean(values)
    dx, dy = x - cx[label], y - cy[label]
    xx, yy, xy = mean(dx * dx) + 1 / 12, mean(dy * dy) + 1 / 12, mean(dx * dy)
    root = np.sqrt((xx - yy) ** 2 + 4 * xy**2)
    long, short = (xx + yy + root) / 2, np.maximum((xx + yy - root) / 2, 1 / 12)
    texture = np.sqrt(mean((values - stain[label]) ** 2))
    keep = (area * UM**2 >= MIN_AREA_UM2) & (area * UM**2 <= MAX_AREA_UM2)
    kept = np.zeros(h.shape, dtype=np.bool_)
    kept[y, x] = keep[label]
    columns = (
        cx * UM,
        cy * UM,
        area * UM**2,
        np.sqrt(area * (4 / np.pi)) * UM,
        np.sqrt(long / short),
        area / (4 * np.pi * np.sqrt(long * short)),
        0.5 * np.arctan2(2 * xy, xx - yy),
        stain,
        texture,
    )
    return Nuclei(*[column[keep] for column in columns], mask=kept)
