"""Cells as territories around their centres: a depth buffer of cones, painted cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.sample.noise import Field

FAR = np.float32(1e3)


@dataclass(frozen=True, slots=True)
class Territories:
    """Per pixel.

    Attributes:
        first: distance to the nearest centre, divided by that cell's size.
        gap: by how much the second nearest is farther; 0 on the border between two cells.
        owner: index of the nearest cell, -1 where none reaches.
    """

    first: Field
    gap: Field
    owner: NDArray[np.int32]


def territories(centres: Field, sizes: Field, shape: tuple[int, int], reach: int) -> Territories:
    """Partition the plane among centres (N, 2) x, y; a cell of size 1.2 takes more room than one of size 1."""
    first = np.full(shape, FAR, np.float32)
    second = np.full(shape, FAR, np.float32)
    owner = np.full(shape, -1, np.int32)
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    whole = np.round(centres).astype(int)
    for number, ((column, row), (x, y), size) in enumerate(zip(whole.tolist(), centres, sizes, strict=True)):
        top, left = max(row - reach, 0), max(column - reach, 0)
        bottom, right = min(row + reach + 1, shape[0]), min(column + reach + 1, shape[1])
        if bottom <= top or right <= left:
            continue
        dy = (axis[top - row + reach : bottom - row + reach] + (row - y)) ** 2
        dx = (axis[left - column + reach : right - column + reach] + (column - x)) ** 2
        cone = np.sqrt(dy[:, None] + dx[None, :]) / size
        window = (slice(top, bottom), slice(left, right))
        nearest = first[window]
        closer = cone < nearest
        np.minimum(second[window], np.maximum(nearest, cone), out=second[window])
        np.minimum(nearest, cone, out=nearest)
        owner[window][closer] = number
    return Territories(first, second - first, owner)


def scatter(rng: np.random.Generator, width: int, height: int, spacing: float, jitter: float = 0.32) -> Field:
    """Centres (N, 2) x, y on a hexagonal lattice, shaken by `jitter` times the spacing."""
    rows, columns = int(height / (spacing * 0.866)) + 1, int(width / spacing) + 1
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x = (x + 0.5 * (y % 2)) * spacing
    points = np.stack([x.ravel(), y.ravel() * spacing * 0.866], axis=1)
    points += rng.normal(0, jitter * spacing, points.shape)
    keep = (points[:, 0] >= 0) & (points[:, 0] < width) & (points[:, 1] >= 0) & (points[:, 1] < height)
    return points[keep].astype(np.float32)
