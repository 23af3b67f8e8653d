"""Architecture and texture of one H&E patch: scales, grain, fibres, clear spaces, sharpness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from survviz.wsi.encoders.he_stain import Numbers, Plane, Stains, halve, share

SCALES_UM = (0.5, 1, 2, 4, 8, 16)
GRAIN_UM = (3, 5, 7, 9, 13, 17)
SPACE_UM = (4, 8, 16, 32)
FLOOR = 1e-4
"""Added before a logarithm: texture weaker than this is none."""


def log_energy(value: float) -> float:
    """Half the natural log of an energy, so that doubling the contrast adds 0.69."""
    return 0.5 * float(np.log(max(value, 0.0) + FLOOR))


def scales(stain: str, fine: Plane, coarser: Plane) -> Numbers:
    """Energy of each octave: what averaging over 2 x 2 pixels takes away (Haar detail).

    Args:
        coarser: `fine` averaged once.
    """
    numbers = {}
    plane = fine
    for um in SCALES_UM:
        plane = plane[: coarser.shape[0] * 2, : coarser.shape[1] * 2]
        lost = float(np.einsum("ij,ij->", plane, plane)) / plane.size
        kept = float(np.einsum("ij,ij->", coarser, coarser)) / coarser.size
        numbers[f"{stain} texture at {um:g} to {2 * um:g} um"] = log_energy(lost - kept)
        plane, coarser = coarser, halve(coarser)
    return numbers


def slide_extreme(plane: NDArray[np.uint8], length: int, take: np.ufunc) -> NDArray[np.uint8]:
    """Minimum or maximum over a centred window of length x length, by doubling; nothing lies outside the border."""
    nothing = 255 if take is np.minimum else 0
    before = length // 2
    for _ in (0, 1):
        h, w = plane.shape
        out = np.full((h + length - 1, w), nothing, dtype=np.uint8)
        out[before : before + h] = plane
        reach = 1
        while reach < length:
            step = min(reach, length - reach)
            out = take(out[: len(out) - step], out[step:])
            reach += step
        plane = np.ascontiguousarray(out.T)
    return plane


def opening(plane: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """Remove bright objects narrower than an odd `length`."""
    return slide_extreme(slide_extreme(plane, length, np.minimum), length, np.maximum)


def grain(stains: Stains) -> Numbers:
    """Granulometry: how much haematoxylin lies in objects, and clear space in holes, of each width."""
    codes = np.clip(stains.h * np.float32(100), 0, 250).astype(np.uint8)
    rest, wider = float(codes.mean()), 0
    total = rest + 5.0
    numbers = {}
    for um in GRAIN_UM:
        left = float(opening(codes, um).mean())
        width = f"{wider} to {um}" if wider else f"under {um}"
        numbers[f"haematoxylin in objects {width} um wide, share"] = (rest - left) / total
        rest, wider = left, um
    return numbers


def spaces(stains: Stains) -> Numbers:
    """Holes in the tissue: fat, lumen, vessels, cracks."""
    clear = stains.clear
    mm2 = clear.size * 1e-6
    h, w = clear.shape[0] // 2 * 2, clear.shape[1] // 2 * 2
    coarse = clear[:h:2, :w:2] & clear[1:h:2, 1:w:2]
    label = np.empty(coarse.shape, dtype=np.int32)
    ndimage.label(coarse, output=label)
    area = np.bincount(label.ravel())[1:] * 4.0
    area = area[area >= 40]
    codes = coarse.astype(np.uint8)
    widths = {um: share(opening(codes, um // 2 + 1) > 0) for um in SPACE_UM}
    return {
        "clear space fraction (glass, fat, lumen)": share(clear),
        "clear spaces, per mm2 (log)": float(np.log1p(area.size / mm2 / 100)),
        "largest clear space, share of the patch": float(area.max()) / clear.size if area.size else 0.0,
        **{f"clear space wider than {um} um, share": value for um, value in widths.items()},
        "tissue edge length": share(clear[:, 1:] != clear[:, :-1]) + share(clear[1:] != clear[:-1]),
    }


def fibres(name: str, plane: Plane) -> Numbers:
    """Structure tensor: strength of edges, how parallel they run within 16 um and over the whole patch."""
    dx = plane[1:-1, 2:] - plane[1:-1, :-2]
    dy = plane[2:, 1:-1] - plane[:-2, 1:-1]
    xx, yy, xy = dx * dx, dy * dy, dx * dy
    h, w = xx.shape[0] // 16 * 16, xx.shape[1] // 16 * 16

    def blocks(values: Plane) -> Plane:
        return values[:h, :w].reshape(h // 16, 16, w // 16, 16).sum(axis=(1, 3))

    bx, by, bxy = blocks(xx), blocks(yy), blocks(xy)
    floor = np.float32(16 * 16 * 2e-3)
    strength = np.sqrt((bx - by) ** 2 + 4 * bxy**2)
    total = bx + by
    local = strength / (total + floor)
    whole = np.hypot(float((bx - by).sum()), 2 * float(bxy.sum())) / (float(total.sum()) + float(floor) * total.size)
    return {
        f"{name} edges, strength": log_energy(float((xx + yy).mean())),
        f"{name} fibres, parallel within 16 um": float(local.mean()),
        f"{name} fibres, parallel over the patch": float(whole),
        f"{name} fibres, most parallel tenth": float(np.quantile(local, 0.9)),
    }


def micro_patterns(plane: Plane) -> Numbers:
    """Rotation-invariant uniform local binary patterns of radius 1 (Ojala 2002), grouped by what they look like."""
    codes = np.clip(plane * np.float32(80) + np.float32(20), 0, 250).astype(np.uint8)
    centre = codes[1:-1, 1:-1] + np.uint8(2)
    h, w = codes.shape
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    above = [codes[y : y + h - 2, x : x + w - 2] > centre for y, x in ring]
    count = np.zeros(centre.shape, dtype=np.uint8)
    changes = np.zeros(centre.shape, dtype=np.uint8)
    for index, mask in enumerate(above):
        count += mask
        changes += mask ^ above[index - 1]
    uniform = changes <= 2
    kinds = np.bincount(np.where(uniform, count, 9).ravel(), minlength=10) / count.size
    return {
        "fine pattern: dark dots and plateaus": float(kinds[0]),
        "fine pattern: ends of dark lines": float(kinds[1] + kinds[2]),
        "fine pattern: straight borders": float(kinds[3] + kinds[4] + kinds[5]),
        "fine pattern: corners and ends of pale lines": float(kinds[6] + kinds[7]),
        "fine pattern: pale dots": float(kinds[8]),
        "fine pattern: irregular": float(kinds[9]),
    }


def repeats(plane: Plane) -> Numbers:
    """Self-similarity of haematoxylin at a distance: high when structures are wider than it."""
    centred = plane - plane.mean()
    energy = float((centred * centred).mean()) + 1e-3
    numbers = {}
    for um in (4, 8, 16, 24):
        along = (centred[:, um:] * centred[:, :-um]).mean() + (centred[um:] * centred[:-um]).mean()
        numbers[f"haematoxylin self-similarity at {um} um"] = 0.5 * float(along) / energy
    return numbers


def sharpness(stains: Stains) -> Numbers:
    """Focus: energy of the Laplacian of haematoxylin, alone and against the edges one octave coarser."""

    def laplacian(plane: Plane) -> float:
        inner = plane[1:-1, 1:-1] * np.float32(4)
        inner = inner - plane[:-2, 1:-1] - plane[2:, 1:-1] - plane[1:-1, :-2] - plane[1:-1, 2:]
        return float((inner * inner).mean())

    fine, coarse = laplacian(stains.h_fine), laplacian(stains.h)
    return {
        "sharpness": log_energy(fine),
        "blur (loss of the finest detail)": log_energy(coarse) - log_energy(fine),
    }


def texture_numbers(stains: Stains) -> Numbers:
    """Every number about texture and architecture, in order."""
    return {
        **scales("haematoxylin", stains.h_fine, stains.h),
        **scales("eosin", stains.e_fine, stains.e),
        **grain(stains),
        **spaces(stains),
        **fibres("eosin", stains.e),
        **fibres("haematoxylin", stains.h),
        **micro_patterns(stains.h),
        **repeats(stains.h),
        **sharpness(stains),
    }
