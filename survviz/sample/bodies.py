"""Small bodies that are no plain nuclei: mitoses, apoptosis, red cells, dust of nuclei, goblets, keratin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from survviz.sample.noise import Field, smoothstep, tileable_noise
from survviz.sample.nuclei import (
    GLAND_LEVELS,
    LIBRARY_SEED,
    LOOKS,
    TUMOUR_LEVELS,
    Sprite,
    body_grid,
    draw_nucleus,
    gland_look,
    pack,
    tumour_look,
)

VARIANTS = 72


@dataclass(frozen=True, slots=True)
class Library:
    """Sprites by kind; those of one kind are sorted by orientation, evenly over half a turn."""

    sprites: dict[str, tuple[Sprite, ...]]

    def pick(self, rng: np.random.Generator, kind: str, angles: Field) -> list[Sprite]:
        """One sprite per angle (radians), close to it."""
        group = self.sprites[kind]
        index = np.round(angles / np.pi * len(group) + rng.normal(0, 1.5, len(angles))).astype(int) % len(group)
        return [group[i] for i in index]


def _disc(x: Field, y: Field, radius: float, soft: float = 0.6) -> Field:
    return 1 - smoothstep(np.hypot(x, y), radius - soft, radius + soft)


def draw_mitosis(rng: np.random.Generator, angle: float) -> Sprite:
    """A metaphase plate, two anaphase plates or a ragged prometaphase in a cleared cell."""
    x, y, side = body_grid(15)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    noise = np.roll(tileable_noise(rng, 128, 4, 4), rng.integers(128))[: side * 3, : side * 3]
    gaps = {0: (0.0,), 1: (-3.6, 3.6), 2: (0.0,)}[int(kind := rng.integers(3))]
    thick, long = (4.6, 5.8) if kind == 2 else (rng.uniform(1.7, 2.5), rng.uniform(6.5, 9.0))
    plate = np.zeros_like(u)
    for gap in gaps:
        ragged = np.hypot(u / long, (v - gap) / thick) + 0.22 * noise
        plate = np.maximum(plate, 1 - smoothstep(ragged, 0.85, 1.12))
    clear = 0.35 * _disc(x, y, 11.0, 4.0)
    cover = np.maximum(plate, clear)
    return pack(cover, 1.7 * plate + 0.1, 0.16 + 0.3 * plate, side)


def draw_apoptosis(rng: np.random.Generator, angle: float) -> Sprite:
    """Shrunken, deeply eosinophilic cell with dense round fragments."""
    x, y, side = body_grid(11)
    cell = _disc(x, y, 6.5, 1.0)
    halo = 0.45 * _disc(x, y, 8.5, 2.0)
    dots = np.zeros_like(cell)
    for _ in range(rng.integers(1, 5)):
        a, far = rng.uniform(0, 6.3), rng.uniform(0, 4)
        dots = np.maximum(dots, _disc(x - far * np.cos(a), y - far * np.sin(a), rng.uniform(1.2, 2.8), 0.5))
    return pack(np.maximum(cell, halo), 1.6 * dots + 0.12 * cell, 0.95 * cell, side)


def draw_red_cell(rng: np.random.Generator, angle: float) -> Sprite:
    """An erythrocyte: eosinophilic disc with a paler middle."""
    x, y, side = body_grid(8)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    radius = np.hypot(u / rng.uniform(5.2, 6.4), v / rng.uniform(4.0, 5.8))
    cover = 0.95 * (1 - smoothstep(radius, 0.86, 1.1))
    return pack(cover, np.full_like(cover, 0.03), 0.95 + 0.25 * smoothstep(radius, 0.2, 0.9), side)


def draw_debris(rng: np.random.Generator, angle: float) -> Sprite:
    """Nuclear dust of karyorrhexis."""
    x, y, side = body_grid(7)
    dots = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for _ in range(rng.integers(1, 6)):
        dx, dy = rng.normal(0, 2.4, 2)
        dots = np.maximum(dots, _disc(x - dx, y - dy, rng.uniform(0.5, 1.7), 0.5))
    return pack(dots, np.full_like(dots, rng.uniform(0.8, 1.4)), np.full_like(dots, 0.35), side)


def draw_goblet(rng: np.random.Generator, angle: float) -> Sprite:
    """A vacuole of pale, faintly blue mucin."""
    x, y, side = body_grid(15)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    radius = np.hypot(u / rng.uniform(9.5, 13), v / rng.uniform(7, 9.5))
    noise = np.roll(tileable_noise(rng, 128, 6, 6), rng.integers(128))[: side * 3, : side * 3]
    wall = smoothstep(radius, 0.8, 0.97)
    return pack(1 - smoothstep(radius, 0.93, 1.06), 0.13 + 0.05 * noise + 0.2 * wall, 0.07 + 0.2 * wall, side)


def draw_keratin(rng: np.random.Generator, angle: float) -> Sprite:
    """A keratin pearl: glassy concentric lamellae."""
    half = rng.uniform(22, 46)
    x, y, side = body_grid(half + 3)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    noise = np.roll(tileable_noise(rng, 512, 40, 40), rng.integers(512))[: side * 3, : side * 3]
    radius = np.hypot(u / half, v / (half * rng.uniform(0.6, 0.95))) * (1 + 0.10 * noise)
    lamella = np.sin(radius * half * 0.95 + 1.5 * noise)
    cover = 0.96 * (1 - smoothstep(radius, 0.75, 1.0))
    gap = smoothstep(lamella, 0.55, 0.95) * smoothstep(radius, 0.9, 0.3)
    return pack(cover, 0.05 + 0.07 * (1 - gap), (0.95 + 0.16 * lamella) * (1 - 0.7 * gap), side)


BODIES = {
    "mitosis": draw_mitosis,
    "apoptosis": draw_apoptosis,
    "red_cell": draw_red_cell,
    "debris": draw_debris,
    "goblet": draw_goblet,
    "keratin": draw_keratin,
}


@lru_cache(maxsize=1)
def library() -> Library:
    """All sprites, the same in every process."""
    looks = dict(LOOKS)
    looks |= {f"tumour-{i}": tumour_look(i / (TUMOUR_LEVELS - 1)) for i in range(TUMOUR_LEVELS)}
    looks |= {f"gland-{i}": gland_look(i / (GLAND_LEVELS - 1)) for i in range(GLAND_LEVELS)}
    made: dict[str, tuple[Sprite, ...]] = {}
    for number, (kind, look) in enumerate(looks.items()):
        rng = np.random.default_rng((LIBRARY_SEED, number))
        made[kind] = tuple(draw_nucleus(rng, look, np.pi * i / VARIANTS) for i in range(VARIANTS))
    for number, (kind, draw) in enumerate(BODIES.items()):
        rng = np.random.default_rng((LIBRARY_SEED, 100 + number))
        made[kind] = tuple(draw(rng, np.pi * i / 24) for i in range(24))
    return Library(made)
