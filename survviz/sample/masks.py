"""Coverage of each tissue at 1 um, refined from the layout with fractal detail, and the flow of the fibres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survviz.sample.layout import CELL, Layout
from survviz.sample.noise import Field, enlarge, fractal_noise, smooth_noise, smoothstep
from survviz.sample.plan import SlidePlan

HALF = 2
"""Level-0 pixels per mask pixel."""


@dataclass(frozen=True, slots=True)
class Masks:
    """Fields of (height / 2, width / 2).

    Attributes:
        cover: layer name -> share from 0 to 1.
        depth: signed distance to the border of the tumour, in cells of 4 um.
        rim: 1 on the edge of the tissue, falling inwards.
        cleft: 1 where stroma has retracted from a nest.
        along, across: displacement of fibre coordinates, level-0 pixels.
        loose: 0 (dense collagen) to 1 (loose stroma).
        tone: slow variation of the staining, about 1.
        fibre_angle: direction of the fibres per layout cell, radians.
        turn: rotation of the fibre coordinates.
    """

    cover: dict[str, Field]
    depth: Field
    rim: Field
    cleft: Field
    along: Field
    across: Field
    loose: Field
    tone: Field
    fibre_angle: Field
    turn: float


def make_masks(plan: SlidePlan, layout: Layout, rng: np.random.Generator) -> Masks:
    """Refine the layout."""
    shape = (plan.height // HALF, plan.width // HALF)
    detail = fractal_noise(rng, shape, 20, octaves=3, gain=0.6)
    scores = {
        name: enlarge(np.clip(getattr(layout, name), -40, 40), shape)
        for name in ("tissue", "fat", "normal", "tumour", "necrosis", "lymphocytes")
    }
    rough = {"tissue": 0.8, "fat": 0.25, "normal": 0.3, "tumour": 0.42, "necrosis": 1.2, "lymphocytes": 1.2}
    soft = {"tissue": 0.2, "necrosis": 1.2, "lymphocytes": 1.3}
    cover = {}
    for number, (name, score) in enumerate(scores.items()):
        noisy = score + rough[name] * np.roll(detail, 97 * number, axis=1)
        cover[name] = smoothstep(noisy, -soft.get(name, 0.14), soft.get(name, 0.14))
    depth = scores["tumour"]
    gate = enlarge(fractal_noise(rng, layout.tissue.shape, 22, octaves=3), shape)
    shrunk = smoothstep(gate, 0.5, 1.2) * smoothstep(depth, -1.25, -0.7) * smoothstep(-depth, -0.1, 0.3)
    turn, along, across, angle = _flow(rng, layout.tissue.shape)
    return Masks(
        cover=cover,
        depth=depth,
        rim=np.exp(-np.clip(scores["tissue"], 0, 30) / 2.5),
        cleft=shrunk,
        along=enlarge(along, shape),
        across=enlarge(across, shape),
        loose=smoothstep(enlarge(fractal_noise(rng, layout.tissue.shape, 45, octaves=4), shape), 0.1, 0.9),
        tone=1 + 0.07 * enlarge(fractal_noise(rng, layout.tissue.shape, 60, octaves=3), shape),
        fibre_angle=angle,
        turn=turn,
    )


def _flow(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[float, Field, Field, Field]:
    """A smooth deformation of the plane; fibres are the level sets of its second coordinate."""
    turn = float(rng.uniform(0, np.pi))
    shifts = [
        120 * smooth_noise(rng, shape, 130) + 24 * smooth_noise(rng, shape, 40) + 5 * smooth_noise(rng, shape, 11)
        for _ in range(2)
    ]
    slope_y, slope_x = np.gradient(shifts[1] / CELL)
    v_x, v_y = slope_x - np.sin(turn), slope_y + np.cos(turn)
    return turn, shifts[0], shifts[1], np.arctan2(-v_x, v_y).astype(np.float32)
