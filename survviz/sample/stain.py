"""Light through stain and glass: Beer-Lambert absorption, a slight blur, and the noise of a sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.sample.artefacts import Ink
from survviz.sample.noise import Field, tileable_noise
from survviz.sample.plan import SlidePlan

HAEMATOXYLIN = (0.54, 0.73, 0.42)
EOSIN = (0.17, 0.87, 0.46)
BLOCK = 256
NOISE_SIDE = 512


@dataclass(frozen=True, slots=True)
class Stain:
    """Absorption per unit of each stain, and the light.

    Attributes:
        vectors: (2, 3) optical density in red, green, blue of haematoxylin and eosin.
        white: (3,) grey value of empty glass.
    """

    vectors: Field
    white: Field


def make_stain(batch: int, seed: int) -> Stain:
    """A laboratory's recipe (batch) with the variation of a day (seed)."""
    rng, day = np.random.default_rng((batch, 77)), np.random.default_rng((seed, 78))
    vectors = np.array([HAEMATOXYLIN, EOSIN]) + rng.normal(0, 0.022, (2, 3)) + day.normal(0, 0.006, (2, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    strength = np.array([1.38, 1.02]) * np.exp(rng.normal(0, 0.09, 2) + day.normal(0, 0.04, 2))
    white = np.clip(241 + rng.normal(0, 2.5) + rng.normal(0, 1.2, 3), 232, 250)
    return Stain((vectors * strength[:, None]).astype(np.float32), white.astype(np.float32))


def expose(
    plan: SlidePlan, od: Field, stain: Stain, inks: Sequence[Ink], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Turn optical density (height, width, 2) into a picture."""
    height, width = od.shape[:2]
    image = np.empty((height, width, 3), np.uint8)
    grain = 0.9 * tileable_noise(rng, NOISE_SIDE, 1.2, 1.2) + 0.5 * tileable_noise(rng, NOISE_SIDE, 3, 3)
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            block = _blur(od, top, left)
            rows, columns = block.shape[:2]
            colour = block.reshape(-1, 2) @ stain.vectors
            for ink in inks:
                ink.stain(colour.reshape(rows, columns, 3), top, left)
            colour = np.exp(-colour, out=colour).reshape(rows, columns, 3)
            colour *= stain.white
            shift = (top * 7 + left * 13) % NOISE_SIDE
            colour += np.roll(grain, shift, axis=1)[:rows, :columns, None]
            image[top : top + BLOCK, left : left + BLOCK] = np.clip(colour, 0, 255)
    return image


def _blur(od: Field, top: int, left: int) -> Field:
    """The block under the microscope's point spread."""
    padded = od[max(top - 1, 0) : top + BLOCK + 1, max(left - 1, 0) : left + BLOCK + 1]
    margins = [
        (int(top == 0), int(top + BLOCK >= od.shape[0])),
        (int(left == 0), int(left + BLOCK >= od.shape[1])),
        (0, 0),
    ]
    padded = np.pad(padded, margins, mode="edge") if any(map(sum, margins)) else padded
    rows = 0.62 * padded[1:-1] + 0.19 * (padded[:-2] + padded[2:])
    return 0.62 * rows[:, 1:-1] + 0.19 * (rows[:, :-2] + rows[:, 2:])
