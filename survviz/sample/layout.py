"""Where each tissue lies: score fields on a grid of 4 um, positive inside a class, negative outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from survviz.sample.noise import Field, fractal_noise
from survviz.sample.plan import SlidePlan

CELL = 8
"""Level-0 pixels per cell of the layout."""


@dataclass(frozen=True, slots=True)
class Vessel:
    """A vessel, in level-0 pixels."""

    x: float
    y: float
    radius: float
    wall: float
    stretch: float
    angle: float
    filled: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Score fields (height / 8, width / 8), in cells (about the distance to the border); painted in this order.

    Attributes:
        tissue: anything but glass.
        fat, normal, tumour, necrosis, lymphocytes: tissue classes over the stroma.
        vessels: drawn one by one.
        glands: (G, 4) x, y, radius, stretch in level-0 pixels.
    """

    tissue: Field
    fat: Field
    normal: Field
    tumour: Field
    necrosis: Field
    lymphocytes: Field
    vessels: tuple[Vessel, ...]
    glands: Field


def make_layout(plan: SlidePlan, rng: np.random.Generator) -> Layout:
    """Lay the slide out."""
    shape = (plan.height // CELL, plan.width // CELL)
    tissue = _tissue(rng, shape)
    inside = tissue > 0
    x, y = _axes(shape)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = 1.3 * (np.cos(angle) * x + np.sin(angle) * y)
    normal = _area(rng, -ramp, inside, 0.08 + 0.30 * plan.normal, scale=45, noise=0.45, octaves=4)
    fat = _area(rng, np.cos(angle + 2.2) * x + np.sin(angle + 2.2) * y, inside, 0.20 * plan.fat, scale=38, noise=0.3)
    free = inside & (normal < 0) & (fat < 0)
    tumour = _nests(rng, 0.35 * ramp, free, plan.tumour_share * inside.sum())
    tumour = np.minimum(tumour, np.minimum(-normal, -fat) - 3)
    necrosis = _necrosis(rng, tumour, plan.necrosis)
    lymphocytes = _aggregates(rng, tissue, tumour, np.maximum(normal, fat), plan.inflammation)
    blocked = np.maximum.reduce([tumour, lymphocytes, normal, fat])
    vessels = _vessels(rng, tissue, blocked, plan.vessels)
    return Layout(tissue, fat, normal, tumour, necrosis, lymphocytes, vessels, _glands(rng, normal, tissue))


def _axes(shape: tuple[int, int]) -> tuple[Field, Field]:
    """x and y from -1 to 1."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return x.astype(np.float32), y.astype(np.float32)


def _signed(mask: np.ndarray) -> Field:
    """Distance in cells to the border of a mask, positive inside."""
    inside = np.asarray(ndimage.distance_transform_edt(mask))
    outside = np.asarray(ndimage.distance_transform_edt(~mask))
    return (np.where(mask, inside - 0.5, 0.5 - outside)).astype(np.float32)


def _tissue(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """An irregular piece, often with a notch or a detached fragment, its rim frayed."""
    x, y = _axes(shape)
    angle = rng.uniform(0, np.pi)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    power = rng.uniform(2.0, 3.4)
    body = 0.84 - (np.abs(u / rng.uniform(0.95, 1.1)) ** power + np.abs(v / rng.uniform(0.82, 1.0)) ** power) ** (
        1 / power
    )
    body += 0.11 * fractal_noise(rng, shape, min(shape) / 2.6, octaves=3, gain=0.55)
    body += 0.030 * fractal_noise(rng, shape, 26, octaves=4, gain=0.62)
    tear = np.abs(fractal_noise(rng, shape, min(shape) / 1.8, octaves=4, gain=0.5))
    gate = fractal_noise(rng, shape, min(shape) / 2.2, octaves=2) - 1.25
    body = np.where((tear < 0.020 + 0.02 * gate) & (gate > 0), -0.05, body)
    edge = 1.0 - np.maximum(np.abs(x), np.abs(y))
    body = np.where(edge < 0.025, -0.1, body)
    mask = body > 0
    mask = _drop_crumbs(mask, 60)
    return _signed(mask)


def _drop_crumbs(mask: np.ndarray, cells: int) -> np.ndarray:
    labels = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, output=labels)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= cells)[labels]


def _area(
    rng: np.random.Generator,
    ramp: Field,
    inside: np.ndarray,
    share: float,
    *,
    scale: float,
    noise: float,
    octaves: int = 3,
) -> Field:
    """A region that fills `share` of the tissue, from one side and in lobules."""
    field = ramp + noise * fractal_noise(rng, ramp.shape, scale, octaves=octaves)
    if share < 0.01:
        return np.full(ramp.shape, -99, np.float32)
    cut = np.quantile(field[inside], 1 - share)
    return _signed(_drop_crumbs(field > cut, 120))


def _nests(rng: np.random.Generator, ramp: Field, free: np.ndarray, cells: float) -> Field:
    """Tumour: lobes with fractal borders, parted by fibrous septa; `cells` is the area wanted."""
    lobes = ramp + fractal_noise(rng, ramp.shape, 95, octaves=5, gain=0.5)
    lobes += 0.25 * fractal_noise(rng, ramp.shape, 14, octaves=3, gain=0.6)
    septa = np.abs(fractal_noise(rng, ramp.shape, 80, octaves=4, gain=0.55))
    lobes -= 1.6 * np.clip(0.06 - septa, 0, 1) / 0.06
    values = np.sort(lobes[free])
    cut = values[-min(int(cells), int(0.92 * len(values)))] if len(values) > 20 else np.inf
    return _signed(_drop_crumbs(lobes > cut, 14))


def _necrosis(rng: np.random.Generator, tumour: Field, amount: float) -> Field:
    """Deep inside large nests, where no vessel reaches."""
    field = tumour + 4.0 * fractal_noise(rng, tumour.shape, 20, octaves=4)
    depth = 19.0 - 9.0 * amount
    return np.where(tumour > 2.5, np.clip(field - depth, -20, 20), -20).astype(np.float32)


def _aggregates(rng: np.random.Generator, tissue: Field, tumour: Field, other: Field, amount: float) -> Field:
    """Rounded clusters of lymphocytes in the stroma beside the tumour."""
    near = (tumour < -2) & (tumour > -22) & (tissue > 6) & (other < -4)
    field = np.full(tissue.shape, -30, np.float32)
    spots = np.argwhere(near)
    if not len(spots):
        return field
    y, x = np.mgrid[: tissue.shape[0], : tissue.shape[1]].astype(np.float32)
    for _ in range(round((3 + 8 * amount) * max(1.0, tissue.size / 1.6e5))):
        row, column = spots[rng.integers(len(spots))]
        radius = rng.uniform(9, 17) * (0.8 + 0.45 * amount)
        stretch, angle = rng.uniform(0.6, 1.0), rng.uniform(0, np.pi)
        u = np.cos(angle) * (x - column) + np.sin(angle) * (y - row)
        v = np.cos(angle) * (y - row) - np.sin(angle) * (x - column)
        field = np.maximum(field, radius - np.sqrt(u * u + (v / stretch) ** 2))
    field += 2.2 * fractal_noise(rng, tissue.shape, 12, octaves=3)
    return np.minimum(field, np.minimum(np.minimum(tissue - 2, -other), -tumour + 1.0)).astype(np.float32)


def _vessels(rng: np.random.Generator, tissue: Field, blocked: Field, amount: float) -> tuple[Vessel, ...]:
    """Arteries with a muscular wall, and thin veins and capillaries."""
    room = np.minimum(tissue, -blocked)
    found: list[Vessel] = []
    for _ in range(round((6 + 26 * amount) * max(1.0, tissue.size / 1.6e5))):
        large = rng.random() < 0.3
        radius = rng.uniform(50, 125) if large else rng.uniform(14, 42)
        spots = np.argwhere(room * CELL > radius * 0.95 + 10)
        if not len(spots):
            continue
        row, column = spots[rng.integers(len(spots))]
        x, y = float(column * CELL), float(row * CELL)
        if any(np.hypot(x - v.x, y - v.y) < 1.6 * (radius + v.radius) for v in found):
            continue
        wall = radius * (rng.uniform(0.28, 0.5) if rng.random() < 0.55 else rng.uniform(0.08, 0.16))
        wall = max(wall, 5.0)
        found.append(
            Vessel(x, y, radius, wall, rng.uniform(0.5, 0.95), rng.uniform(0, np.pi), bool(rng.random() < 0.6))
        )
    return tuple(found)


def _glands(rng: np.random.Generator, normal: Field, tissue: Field) -> Field:
    """Crypts packed into the normal region: x, y, radius, stretch."""
    spots = np.argwhere((normal > 5) & (tissue > 5))
    kept: list[tuple[float, float, float, float]] = []
    if len(spots):
        for row, column in spots[rng.permutation(len(spots))[:2500]]:
            x, y = column * CELL + rng.uniform(0, CELL), row * CELL + rng.uniform(0, CELL)
            radius = rng.uniform(48, 74)
            if all((x - a) ** 2 + (y - b) ** 2 > (1.02 * (radius + r)) ** 2 for a, b, r, _ in kept):
                kept.append((x, y, radius, rng.uniform(0.7, 1.0)))
    return np.array(kept, np.float32).reshape(-1, 4)
