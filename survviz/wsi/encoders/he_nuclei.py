"""Nuclei of one H&E patch: threshold against the local background, steepest-ascent split, one pass of moments.

No loop over nuclei: every pixel of the nuclear mask climbs to the nearest peak of the smoothed stain by pointer
doubling, the peaks number the nuclei, and `bincount` sums area, position and shape of all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from survviz.wsi.encoders.he_stain import Mask, Numbers, Plane, Stains, share

UM = 1.0
"""um per pixel of the planes used here."""

MIN_AREA_UM2 = 10.0
MAX_AREA_UM2 = 400.0
PEAK_SIGMA_UM = 1.4
BACKGROUND_SIGMA_UM = 14.0
THRESHOLD_RANGE = (0.58, 1.4)
PURPLE_BACKGROUND = 0.85
"""Mean haematoxylin above which the surroundings themselves are purple (basophilic cytoplasm, heavy stain)."""

PRIOR = {"size": 7.0, "elongation": 1.5, "fill": 0.92, "stain": 1.0, "texture": 0.15, "distance": 20.0}
PRIOR_WEIGHT = 3.0
CLIMB_DOUBLINGS = 6


@lru_cache(maxsize=32)
def blur_matrix(size: int, sigma: float) -> Plane:
    """(size, size) Gaussian smoothing along one axis, normalised at the border."""
    x = np.arange(size)
    weights = np.exp(-0.5 * ((x[:, None] - x[None, :]) / sigma) ** 2)
    weights[weights < 1e-5] = 0  # subnormal numbers would make the product ten times slower
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def blur(plane: Plane, sigma: float) -> Plane:
    """Gaussian smoothing by two matrix products: the cost does not grow with sigma."""
    return blur_matrix(plane.shape[0], sigma) @ plane @ blur_matrix(plane.shape[1], sigma).T


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
    """Haematoxylin above a threshold that follows the surroundings within fixed limits; specks removed."""
    background = blur(h, BACKGROUND_SIGMA_UM / UM)
    purple = np.maximum(background - np.float32(PURPLE_BACKGROUND), np.float32(0))
    threshold = np.float32(0.45) + np.float32(0.4) * background + np.float32(1.2) * purple
    threshold = np.clip(threshold, np.float32(THRESHOLD_RANGE[0]), np.float32(THRESHOLD_RANGE[1]))
    mask = blur(h, 1.0) > threshold
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


def drawn_mean(values: NDArray[np.float64], prior: float) -> float:
    """Mean with the weight of three typical nuclei added, so that few nuclei say little."""
    return (float(values.sum()) + PRIOR_WEIGHT * prior) / (values.size + PRIOR_WEIGHT)


def drawn_quantile(values: NDArray[np.float64], q: float, prior: float) -> float:
    """Quantile, drawn to a typical value when there are few nuclei."""
    if not values.size:
        return prior
    ordered = np.sort(values)
    place = q * (values.size - 1)
    low = int(place)
    found = ordered[low] + (place - low) * (ordered[min(low + 1, values.size - 1)] - ordered[low])
    return (float(found) * values.size + PRIOR_WEIGHT * prior) / (values.size + PRIOR_WEIGHT)


def drawn_spread(values: NDArray[np.float64]) -> float:
    """Standard deviation, drawn to 0 when there are few nuclei."""
    if not values.size:
        return 0.0
    return float(np.sqrt(((values - values.mean()) ** 2).sum() / (values.size + PRIOR_WEIGHT)))


def above(values: NDArray[np.float64], limit: float, width: float) -> NDArray[np.float64]:
    """Soft "greater than": 0.5 at the limit, so that a slightly paler stain does not turn counts over."""
    return 1 / (1 + np.exp((limit - values) / width))


def kinds(nuclei: Nuclei, mm2: float) -> Numbers:
    """Counts per mm2 of nuclei that a pathologist would call by name, by soft limits; log(1 + count / 100)."""
    size, fill = nuclei.size, nuclei.fill
    small, large, giant = 1 - above(size, 8.0, 0.4), above(size, 9.5, 0.4), above(size, 13.5, 0.5)
    tiny, dark = 1 - above(size, 4.8, 0.3), above(nuclei.stain, 1.0, 0.06)
    spindle = above(nuclei.elongation, 1.9, 0.1)
    round_ = 1 - above(nuclei.elongation, 1.6, 0.1)
    named = {
        "nuclei": np.ones(size.shape),
        "lymphocyte-like nuclei (small, dark, round)": small * (1 - tiny) * dark * round_,
        "large nuclei (over 9.5 um)": large,
        "large pale nuclei": large * (1 - dark),
        "large dark nuclei": large * dark,
        "giant nuclei (over 13.5 um)": giant,
        "spindle nuclei": spindle * (1 - tiny),
        "dark fragments (apoptosis, debris)": tiny * above(nuclei.stain, 1.1, 0.06),
        "ragged nuclei": (1 - above(fill, 0.86, 0.02)) * (1 - tiny),
    }
    counts = {name: float(weight.sum()) / mm2 for name, weight in named.items()}
    return {f"{name}, per mm2 (log)": float(np.log1p(count / 100)) for name, count in counts.items()}


def shapes(nuclei: Nuclei) -> Numbers:
    """Distributions of size, shape and chromatin."""
    size, stain = nuclei.size, nuclei.stain
    area = float(nuclei.area.sum())
    weighted = (float((nuclei.area * size).sum()) + 40 * PRIOR_WEIGHT * PRIOR["size"]) / (area + 40 * PRIOR_WEIGHT)
    return {
        "nuclear size, median (um)": drawn_quantile(size, 0.5, PRIOR["size"]),
        "nuclear size, smallest tenth (um)": drawn_quantile(size, 0.1, PRIOR["size"]),
        "nuclear size, largest tenth (um)": drawn_quantile(size, 0.9, PRIOR["size"]),
        "nuclear size, mean by area (um)": weighted,
        "nuclear size, spread (um)": drawn_spread(size),
        "nuclear elongation, mean": drawn_mean(np.minimum(nuclei.elongation, 6.0), PRIOR["elongation"]),
        "nuclear elongation, spread": drawn_spread(np.minimum(nuclei.elongation, 6.0)),
        "nuclear outline, smoothness": drawn_mean(nuclei.fill, PRIOR["fill"]),
        "nuclear darkness, mean": drawn_mean(stain, PRIOR["stain"]),
        "nuclear darkness, spread between nuclei": drawn_spread(stain),
        "nuclear darkness, darkest tenth": drawn_quantile(stain, 0.9, PRIOR["stain"]),
        "chromatin texture inside nuclei, mean": drawn_mean(nuclei.texture, PRIOR["texture"]),
        "chromatin texture inside nuclei, spread": drawn_spread(nuclei.texture),
    }


def arrangement(nuclei: Nuclei) -> Numbers:
    """How close, how clustered and how parallel the nuclei lie, and how unlike their neighbours they are."""
    n = nuclei.size.size
    weight = 1 - 1 / nuclei.elongation
    turn = np.abs((weight * np.exp(2j * nuclei.angle)).sum()) / (weight.sum() + 1.0)
    if n < 2:
        distance, unlike = np.zeros(0), np.zeros(0)
    else:
        centres = np.stack([nuclei.x, nuclei.y], axis=1)
        found, nearest = KDTree(centres).query(centres, k=[2])
        distance = found[:, 0]
        unlike = np.abs(np.log(nuclei.size / nuclei.size[nearest[:, 0]]))
    return {
        "distance to the nearest nucleus, mean (um)": drawn_mean(np.minimum(distance, 60.0), PRIOR["distance"]),
        "distance to the nearest nucleus, spread (um)": drawn_spread(np.minimum(distance, 60.0)),
        "crowded nuclei (neighbour within 8 um), share": float(np.count_nonzero(distance < 8.0)) / (n + PRIOR_WEIGHT),
        "size difference between neighbours": drawn_mean(unlike, 0.15),
        "nuclei lying parallel": float(turn),
    }


def clustering(nuclei: Nuclei, shape: tuple[int, int]) -> Numbers:
    """Unevenness of nuclear counts over fields of 32 um."""
    rows, columns = max(shape[0] // 32, 1), max(shape[1] // 32, 1)
    place = (np.minimum(nuclei.y // 32, rows - 1) * columns + np.minimum(nuclei.x // 32, columns - 1)).astype(np.intp)
    counts = np.bincount(place, minlength=rows * columns)
    return {
        "nuclear clustering (variance over mean of counts)": float(counts.var()) / (float(counts.mean()) + 0.5),
        "densest 32 um field, nuclei": float(np.log1p(counts.max())),
        "fields of 32 um without a nucleus, share": float(np.count_nonzero(counts == 0)) / counts.size,
    }


def surroundings(nuclei: Nuclei, stains: Stains) -> Numbers:
    """Cytoplasm next to nuclei, and tissue far from any nucleus."""
    tissue = ~stains.clear
    near = nuclei.mask
    rings: list[Mask] = []
    for steps in (3, 5, 8, 16):
        for _ in range(steps if not rings else steps // 2):
            near = dilate(near)
        rings.append(near)
    ring = rings[0] & ~nuclei.mask
    n_ring, n_tissue = int(np.count_nonzero(ring)) + 50, int(np.count_nonzero(tissue)) + 50
    nuclear = int(np.count_nonzero(nuclei.mask))
    far = tissue & ~rings[2]
    pink = far & (stains.e > np.float32(0.25))
    return {
        "nuclear area fraction": share(nuclei.mask),
        "nuclear share of tissue (nucleus to cytoplasm)": min(nuclear / n_tissue, 1.0),
        "eosin in the 3 um around nuclei": float((stains.e * ring).sum()) / n_ring,
        "clear halo around nuclei, share": float(np.count_nonzero(ring & stains.clear)) / n_ring,
        "haematoxylin in the 3 um around nuclei": float((stains.h * ring).sum()) / n_ring,
        "tissue further than 5 um from nuclei, share": np.count_nonzero(tissue & ~rings[1]) / n_tissue,
        "tissue further than 10 um from nuclei, share": np.count_nonzero(far) / n_tissue,
        "tissue further than 18 um from nuclei, share": np.count_nonzero(tissue & ~rings[3]) / n_tissue,
        "pink acellular fraction (necrosis, fibrosis, muscle)": share(pink),
        "pale acellular fraction (mucin, oedema)": share(far & ~pink),
    }


def nuclear_numbers(stains: Stains) -> Numbers:
    """Every number about nuclei, in order."""
    nuclei = find_nuclei(stains.h)
    mm2 = stains.h.size * (UM / 1000) ** 2
    return {
        **kinds(nuclei, mm2),
        **shapes(nuclei),
        **arrangement(nuclei),
        **clustering(nuclei, stains.h.shape),
        **surroundings(nuclei, stains),
    }
