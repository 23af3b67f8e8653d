"""Tileable grounds of the tissues, as optical density of haematoxylin and eosin."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from survviz.sample.noise import Field, smoothstep, tileable_noise

SIDE = 1024
TEXTURE_SEED = 31


def _wave(rng: np.random.Generator, field: Field, amplitude: float) -> Field:
    """Shift rows up and down along x, periodically, so that straight fibres become wavy."""
    x = np.arange(SIDE) / SIDE * 2 * np.pi
    waves = [rng.uniform(0.5, 1) / k**0.7 * np.sin(k * x + rng.uniform(0, 6.3)) for k in (2, 3, 5, 8, 13)]
    shift = np.sum(waves, axis=0)
    bend = tileable_noise(rng, SIDE, 90, 110) * 0.8 + tileable_noise(rng, SIDE, 34, 30) * 0.42
    rows = np.arange(SIDE)[:, None] + np.round(amplitude * (shift[None, :] + bend)).astype(int)
    return field[rows % SIDE, np.arange(SIDE)[None, :]]


def _collagen(rng: np.random.Generator) -> Field:
    """Wavy bundles of fibres, parted by clefts."""
    planes = (tileable_noise(rng, SIDE, *widths) for widths in ((16, 110), (5.0, 46), (2.1, 15)))
    bundle, fibre, fine = np.moveaxis(_wave(rng, np.stack(list(planes), axis=-1), 8), -1, 0)
    eosin = 0.50 + 0.11 * bundle + 0.12 * fibre + 0.09 * fine
    cleft = smoothstep(-(0.7 * bundle + 0.6 * fibre + 0.25 * fine), 1.0, 1.5)
    eosin = np.clip(eosin, 0.12, 1.2) * (1 - 0.88 * cleft)
    haematoxylin = (0.07 + 0.025 * fine + 0.03 * fibre) * (1 - 0.8 * cleft)
    return np.stack([np.clip(haematoxylin, 0.01, 1), eosin], axis=-1)


def _fibrillar(rng: np.random.Generator) -> Field:
    """Fine, loose, bluish stroma."""
    planes = (tileable_noise(rng, SIDE, *widths) for widths in ((4.0, 30), (2.1, 11), (26, 60)))
    fibre, fine, cloud = np.moveaxis(_wave(rng, np.stack(list(planes), axis=-1), 13), -1, 0)
    hole = smoothstep(0.8 * cloud + 0.55 * fibre, 0.9, 1.7)
    eosin = np.clip(0.34 + 0.10 * fibre + 0.07 * fine + 0.05 * cloud, 0.05, 1) * (1 - 0.8 * hole)
    haematoxylin = np.clip(0.12 + 0.05 * fine + 0.03 * fibre, 0.01, 1) * (1 - 0.75 * hole)
    return np.stack([haematoxylin, eosin], axis=-1)


def _cytoplasm(rng: np.random.Generator) -> Field:
    """Granular cytoplasm."""
    grain, fine = tileable_noise(rng, SIDE, 4.5, 4.5), tileable_noise(rng, SIDE, 2.0, 2.0)
    cloud = tileable_noise(rng, SIDE, 22, 22)
    eosin = np.clip(0.41 + 0.035 * grain + 0.03 * fine + 0.06 * cloud, 0.05, 1.2)
    haematoxylin = np.clip(0.25 + 0.025 * grain + 0.025 * fine + 0.03 * cloud, 0.02, 1)
    return np.stack([haematoxylin, eosin], axis=-1)


def _necrosis(rng: np.random.Generator) -> Field:
    """Smudged eosinophilic matter, crumbling."""
    clump, grain = tileable_noise(rng, SIDE, 15, 15), tileable_noise(rng, SIDE, 5, 5)
    fine, cloud = tileable_noise(rng, SIDE, 2.2, 2.2), tileable_noise(rng, SIDE, 70, 70)
    hole = smoothstep(0.7 * clump + 0.6 * cloud + 0.35 * grain, 1.25, 1.9)
    eosin = np.clip(0.56 + 0.08 * clump + 0.10 * grain + 0.07 * fine + 0.06 * cloud, 0.1, 1.2)
    haematoxylin = np.clip(0.13 + 0.05 * grain + 0.04 * fine + 0.03 * cloud, 0.02, 1)
    return np.stack([haematoxylin, eosin], axis=-1) * (1 - 0.9 * hole)[..., None]


def _muscle(rng: np.random.Generator) -> Field:
    """Smooth muscle: tight parallel bundles."""
    bundle = _wave(rng, tileable_noise(rng, SIDE, 11, 220), 5)
    fibre = _wave(rng, tileable_noise(rng, SIDE, 3.2, 90), 5)
    cleft = smoothstep(-bundle - 0.4 * fibre, 1.3, 1.8)
    eosin = np.clip(0.66 + 0.09 * bundle + 0.08 * fibre, 0.2, 1.2) * (1 - 0.75 * cleft)
    return np.stack([np.clip(0.12 + 0.03 * fibre, 0.02, 1) * (1 - 0.6 * cleft), eosin], axis=-1)


MAKERS = {
    "collagen": _collagen,
    "fibrillar": _fibrillar,
    "cytoplasm": _cytoplasm,
    "necrosis": _necrosis,
    "muscle": _muscle,
}


@lru_cache(maxsize=1)
def textures() -> dict[str, Field]:
    """Name -> (SIDE * SIDE, 2) float32, the same in every process."""
    made = {}
    for number, (name, make) in enumerate(MAKERS.items()):
        field = make(np.random.default_rng((TEXTURE_SEED, number)))
        made[name] = np.ascontiguousarray(field.reshape(-1, 2), dtype=np.float32)
    return made
