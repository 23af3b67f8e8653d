"""A slide from its plan: layout, ground, structures, nuclei, artefacts, then light through the stain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.sample.artefacts import apply_artefacts, disturb, ink_layers
from survviz.sample.bodies import library
from survviz.sample.ground import Composer, make_ground
from survviz.sample.layout import Layout, make_layout
from survviz.sample.masks import HALF, Masks, make_masks
from survviz.sample.noise import Field
from survviz.sample.plan import MPP, SlidePlan
from survviz.sample.population import Population
from survviz.sample.regions import TRUTH_MPP, Region
from survviz.sample.stain import Stain, expose, make_stain
from survviz.sample.structures import draw_gland, draw_vessel

TRUTH_PX = round(TRUTH_MPP / MPP)
"""Level-0 pixels per pixel of the truth mask."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A slide and its truth.

    Attributes:
        image: (height, width, 3) uint8.
        truth: (height / 16, width / 16) uint8, values of `Region`.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]


def render(plan: SlidePlan) -> Rendered:
    """Render a slide; the same plan gives the same pixels."""
    rngs = [np.random.default_rng((plan.seed, part)) for part in range(6)]
    layout = make_layout(plan, rngs[0])
    masks = make_masks(plan, layout, rngs[1])
    ground = make_ground(plan, masks, rngs[2])
    od = np.zeros((plan.height, plan.width, 2), np.float32)
    Composer(masks, ground).compose(od)
    labels = _labels(masks)
    sprites = library()
    people = Population(plan, masks, sprites, rngs[3])
    people.stroma(od, ground.wall)
    people.normal(od)
    glands = _whole(layout.glands, labels)
    for gland, atypia in zip(glands, people.gland_atypia(len(glands)).tolist(), strict=True):
        draw_gland(od, gland, atypia, sprites, rngs[3])
    people.lymphocytes(od)
    people.necrosis(od)
    people.tumour(od, ground)
    for vessel in layout.vessels:
        if draw_vessel(od, vessel, sprites, rngs[3]) is not None:
            _label_vessel(labels, vessel.x, vessel.y, vessel.radius)
    stain = make_stain(plan.stain, plan.seed)
    return _finish(plan, layout, od, labels, stain, rngs[4], rngs[5])


def _finish(
    plan: SlidePlan,
    layout: Layout,
    od: Field,
    labels: NDArray[np.uint8],
    stain: Stain,
    rng: np.random.Generator,
    noise: np.random.Generator,
) -> Rendered:
    """Artefacts on the density, the exposure, artefacts on the picture."""
    touched = apply_artefacts(plan, layout, od, rng)
    inks = ink_layers(plan, layout, rng)
    image = expose(plan, od, stain, inks, noise)
    for ink in inks:
        touched |= ink.mask(labels.shape)
    touched |= disturb(plan, layout, image, labels.shape, rng)
    step = TRUTH_PX // HALF
    truth = np.where(touched & (labels > 0), Region.ARTEFACT, labels)[step // 2 :: step, step // 2 :: step]
    return Rendered(image, np.ascontiguousarray(truth.astype(np.uint8)))


def _labels(masks: Masks) -> NDArray[np.uint8]:
    """Topmost tissue per mask pixel."""
    cover = masks.cover
    labels = np.full(masks.depth.shape, Region.STROMA, np.uint8)
    for name, region in (
        ("normal", Region.NORMAL),
        ("fat", Region.FAT),
        ("lymphocytes", Region.LYMPHOCYTES),
        ("tumour", Region.TUMOUR),
        ("necrosis", Region.NECROSIS),
    ):
        labels[cover[name] > 0.5] = region
    labels[cover["tissue"] < 0.5] = Region.BACKGROUND
    return labels


def _whole(glands: Field, labels: NDArray[np.uint8]) -> Field:
    """The glands that lie inside the normal region with all of their outline."""
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    x = glands[:, :1] + glands[:, 2:3] * np.cos(turns)
    y = glands[:, 1:2] + glands[:, 2:3] * np.sin(turns)
    row = np.clip(y.astype(int) // HALF, 0, labels.shape[0] - 1)
    column = np.clip(x.astype(int) // HALF, 0, labels.shape[1] - 1)
    return glands[(labels[row, column] == Region.NORMAL).all(axis=1)]


def _label_vessel(labels: NDArray[np.uint8], x: float, y: float, radius: float) -> None:
    reach = int(radius / HALF) + 1
    row, column = int(y) // HALF, int(x) // HALF
    top, left = max(row - reach, 0), max(column - reach, 0)
    window = labels[top : row + reach, left : column + reach]
    dy, dx = np.ogrid[top - row : top - row + window.shape[0], left - column : left - column + window.shape[1]]
    window[(dy * dy + dx * dx < (radius / HALF) ** 2) & (window > 0)] = Region.VESSEL
