"""Stain planes of one H&E patch: optical density, colour deconvolution with fixed vectors, statistics of pixels.

Source: Ruifrok and Johnston, Anal Quant Cytol Histol 2001: their haematoxylin and eosin vectors, and the cross product
as third axis. One patch at a time: its planes stay in the processor's cache, which is three times faster than a batch
of 32, and no other patch can change a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]
Mask = NDArray[np.bool_]
Numbers = dict[str, float]

HAEMATOXYLIN = (0.65, 0.70, 0.29)
EOSIN = (0.07, 0.99, 0.11)

CLEAR_DENSITY = 0.20
"""Mean optical density (natural log) below which a pixel is glass, fat or lumen."""

HISTOGRAM_BINS = 256
HISTOGRAM_TOP = 3.0


def unmixing_matrix() -> NDArray[np.float32]:
    """(3, 3): rows give haematoxylin, eosin and residual from the optical density of R, G, B."""
    h = np.array(HAEMATOXYLIN) / np.linalg.norm(HAEMATOXYLIN)
    e = np.array(EOSIN) / np.linalg.norm(EOSIN)
    residual = np.cross(h, e)
    stains = np.stack([h, e, residual / np.linalg.norm(residual)])
    return np.linalg.inv(stains).T.astype(np.float32)


UNMIX = unmixing_matrix()


def halve(plane: Plane) -> Plane:
    """Mean over 2 x 2 pixels; an odd last row or column is dropped."""
    h, w = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    rows = plane[0:h:2] + plane[1:h:2]
    return (rows[:, 0:w:2] + rows[:, 1:w:2]) * np.float32(0.25)


@dataclass(frozen=True, slots=True)
class Stains:
    """The planes that every group of numbers reads; `_fine` at 0.5 um per pixel, the others at 1 um.

    Attributes:
        residual: optical density that neither stain explains.
        density: mean optical density of the three channels.
        rgb: red, green, blue in 0..1.
        clear: True where there is no tissue.
    """

    h_fine: Plane
    e_fine: Plane
    h: Plane
    e: Plane
    residual: Plane
    density: Plane
    rgb: tuple[Plane, Plane, Plane]
    clear: Mask


def separate(patch: NDArray[np.uint8]) -> Stains:
    """Colour deconvolution of one (H, W, 3) patch; optical density is -ln((I + 1) / 256)."""
    planes = [np.ascontiguousarray(patch[..., channel], dtype=np.float32) for channel in range(3)]
    red, green, blue = (halve(plane) * np.float32(1 / 255) for plane in planes)
    od = [np.float32(np.log(256.0)) - np.log(plane + np.float32(1)) for plane in planes]
    h_fine = od[0] * UNMIX[0, 0] + od[1] * UNMIX[0, 1] + od[2] * UNMIX[0, 2]
    e_fine = od[0] * UNMIX[1, 0] + od[1] * UNMIX[1, 1] + od[2] * UNMIX[1, 2]
    coarse = [halve(plane) for plane in od]
    residual = coarse[0] * UNMIX[2, 0] + coarse[1] * UNMIX[2, 1] + coarse[2] * UNMIX[2, 2]
    density = (coarse[0] + coarse[1] + coarse[2]) * np.float32(1 / 3)
    clear = density < np.float32(CLEAR_DENSITY)
    return Stains(h_fine, e_fine, halve(h_fine), halve(e_fine), residual, density, (red, green, blue), clear)


def share(mask: Mask) -> float:
    """Share of True pixels."""
    return np.count_nonzero(mask) / mask.size


def histogram(plane: Plane) -> NDArray[np.float64]:
    """(256,) counts of stain values between -0.5 and 2.5."""
    codes = ((plane + np.float32(0.5)) * np.float32(HISTOGRAM_BINS / HISTOGRAM_TOP)).astype(np.int32)
    np.clip(codes, 0, HISTOGRAM_BINS - 1, out=codes)
    return np.bincount(codes.ravel(), minlength=HISTOGRAM_BINS).astype(np.float64)


def distribution(stain: str, plane: Plane) -> Numbers:
    """Mean, spread, percentiles, skewness and entropy of one stain plane."""
    counts = histogram(plane)
    values = (np.arange(HISTOGRAM_BINS) + 0.5) * (HISTOGRAM_TOP / HISTOGRAM_BINS) - 0.5
    p = counts / counts.sum()
    mean = float(p @ values)
    spread = float(np.sqrt(p @ (values - mean) ** 2))
    low, middle, high = np.interp((0.1, 0.5, 0.9), np.cumsum(p), values)
    third = float(p @ (values - mean) ** 3)
    used = p[p > 0]
    return {
        f"{stain} density, mean": float(plane.mean()),
        f"{stain} density, spread": spread,
        f"{stain} density, palest tenth": float(low),
        f"{stain} density, median": float(middle),
        f"{stain} density, darkest tenth": float(high),
        f"{stain} density, skewness (signed log)": float(np.sign(third) * np.log1p(abs(third) / (spread**3 + 1e-3))),
        f"{stain} density, entropy (bits)": float(-(used * np.log2(used)).sum()),
    }


def colour(stains: Stains) -> Numbers:
    """Hue, saturation, brightness, and the shares of colours that have a name in the laboratory."""
    red, green, blue = stains.rgb
    top, bottom = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    chroma = top - bottom
    alpha = red - np.float32(0.5) * (green + blue)
    beta = np.float32(np.sqrt(0.75)) * (green - blue)
    total = red + green + blue + np.float32(1 / 255)
    blue_ratio = np.log1p(blue / (red + green + np.float32(1 / 255)) / total)
    tissue = ~stains.clear
    n = max(int(np.count_nonzero(tissue)), 1)
    pale = (stains.density < np.float32(0.55)) & (stains.h > stains.e * np.float32(1.3)) & tissue
    rare = {
        "bright red (blood, keratin)": (alpha > np.float32(0.3)) & (stains.h < stains.e * np.float32(0.6)),
        "brown or yellow pigment": (blue < red * np.float32(0.6)) & (green > blue * np.float32(1.1)),
        "green or blue ink": (red < green * np.float32(0.85)) & (chroma > np.float32(0.15)),
        "very dark (fold, ink, pigment)": stains.density > np.float32(1.6),
    }
    return {
        "brightness, mean": float(((top + bottom) * np.float32(0.5)).mean()),
        "saturation, mean": float(chroma.mean()),
        "saturation, spread": float(chroma.std()),
        "redness (red against green and blue), mean": float(alpha.mean()),
        "green against blue, mean": float(beta.mean()),
        "blue ratio, mean": float(blue_ratio.mean()),
        "blue ratio, spread": float(blue_ratio.std()),
        "purple share of tissue": np.count_nonzero((stains.h > stains.e * 2) & tissue) / n,
        "pink share of tissue": np.count_nonzero((stains.e > stains.h * np.float32(0.8)) & tissue) / n,
        "pale blue-grey share of tissue (mucin)": np.count_nonzero(pale) / n,
        **{f"{name} area, percent (log)": float(np.log1p(100 * share(mask))) for name, mask in rare.items()},
        "colour that is not H&E, mean": float(np.abs(stains.residual).mean()),
        "stain overlap (correlation of haematoxylin and eosin)": correlation(stains.h, stains.e),
        "optical density, mean": float(stains.density.mean()),
        "optical density, spread": float(stains.density.std()),
    }


def correlation(a: Plane, b: Plane) -> float:
    """Pearson's correlation over pixels, drawn to 0 where either plane is flat."""
    da, db = a - a.mean(), b - b.mean()
    return float((da * db).mean()) / (float(da.std()) * float(db.std()) + 1e-3)
