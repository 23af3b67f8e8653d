"""Everything but nuclei: fibres, cytoplasm with cell borders, fat, necrosis, composed block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from survviz.sample.cells import Territories, scatter, territories
from survviz.sample.masks import HALF, Masks
from survviz.sample.noise import Field, smooth_noise, smoothstep
from survviz.sample.plan import SlidePlan
from survviz.sample.textures import SIDE, textures

BLOCK = 256


@dataclass(frozen=True, slots=True)
class Ground:
    """What the blocks are composed of, beside the masks; fields of (height / 2, width / 2).

    Attributes:
        border: 1 on the membrane between two tumour cells.
        shade: haematoxylin and eosin of each tumour cell relative to the mean.
        lumen: 1 in the small lumina of a nest.
        wall: 1 on the wall between two adipocytes, and in the corners between them.
        cells: (N, 2) centres of tumour cells, level-0 pixels.
        shift: where each texture starts.
    """

    border: Field
    shade: Field
    lumen: Field
    wall: Field
    cells: Field
    shift: dict[str, tuple[int, int]]


def make_ground(plan: SlidePlan, masks: Masks, rng: np.random.Generator) -> Ground:
    """Place the tumour cells and the adipocytes."""
    shape = masks.depth.shape
    spacing = 23.5 + 7.5 * plan.pleomorphism
    cells = scatter(rng, plan.width, plan.height, spacing, 0.13 + 0.07 * plan.pleomorphism)
    cells = cells[_at(masks.cover["tumour"] * masks.cover["tissue"], cells) > 0.5]
    sizes = np.exp(rng.normal(0, 0.08 + 0.12 * plan.pleomorphism, len(cells))).astype(np.float32)
    field = territories(cells / HALF, sizes, shape, round(spacing * 0.62))
    border = (1 - smoothstep(field.gap, 0.3, 1.5)) * (field.first < 500)
    lumen = _lumina(plan, rng, masks, cells, field)
    inside = _at(lumen, cells) < 0.4
    tone = np.append(np.exp(rng.normal(0, 0.10, (len(cells), 1))), [[1.0]], axis=0).astype(np.float32)
    names = sorted(textures())
    offsets = rng.integers(0, SIDE, (len(names), 2)).tolist()
    return Ground(
        border=border.astype(np.float32),
        shade=tone[field.owner, 0],
        lumen=lumen,
        wall=_fat(rng, masks),
        cells=cells[inside],
        shift={name: (x, y) for name, (x, y) in zip(names, offsets, strict=True)},
    )


def _at(field: Field, points: Field) -> Field:
    """Value of a half-size field at level-0 points."""
    row = np.clip(points[:, 1].astype(int) // HALF, 0, field.shape[0] - 1)
    column = np.clip(points[:, 0].astype(int) // HALF, 0, field.shape[1] - 1)
    return field[row, column]


def _lumina(plan: SlidePlan, rng: np.random.Generator, masks: Masks, cells: Field, field: Territories) -> Field:
    """Some groups of cells in a glandular tumour give way to a lumen."""
    shape = masks.depth.shape
    if plan.squamous or not len(cells):
        return np.zeros(shape, np.float32)
    noise = smooth_noise(rng, shape, 26) + 0.35 * smooth_noise(rng, shape, 9)
    limit = 1.75 + 0.55 * plan.pleomorphism
    return smoothstep(noise, limit, limit + 0.12) * smoothstep(masks.depth, 3.0, 3.4)


def _fat(rng: np.random.Generator, masks: Masks) -> Field:
    """Thin walls between round cells; where three meet, a little more."""
    shape = masks.depth.shape
    spacing = rng.uniform(46, 58)
    centres = scatter(rng, shape[1], shape[0], spacing, 0.16)
    reach = round(spacing * 0.95)
    reachable = np.asarray(ndimage.maximum_filter(masks.cover["fat"][::8, ::8], 15))
    row = np.clip(centres[:, 1].astype(int) // 8, 0, reachable.shape[0] - 1)
    column = np.clip(centres[:, 0].astype(int) // 8, 0, reachable.shape[1] - 1)
    centres = centres[reachable[row, column] > 0]
    sizes = np.exp(rng.normal(0, 0.16, len(centres))).astype(np.float32)
    field = territories(centres, sizes, shape, reach)
    thick = 1.0 + 0.4 * np.clip(smooth_noise(rng, shape, 30), -0.8, 2)
    wall = 1 - smoothstep(ndimage.uniform_filter(_warp(rng, field.gap), 3) - thick, 0.0, 1.5)
    corner = smoothstep(field.first, 0.60 * spacing, 0.66 * spacing)
    return np.maximum(wall, corner * 0.8)


def _warp(rng: np.random.Generator, field: Field) -> Field:
    """The field seen through a slowly bent glass, so that straight borders become curved."""
    dx, dy = (np.round(4.5 * smooth_noise(rng, field.shape, 34)).astype(np.int32) for _ in range(2))
    rows = np.clip(np.arange(field.shape[0])[:, None] + dy, 0, field.shape[0] - 1)
    columns = np.clip(np.arange(field.shape[1])[None, :] + dx, 0, field.shape[1] - 1)
    return field[rows, columns]


def double(field: Field) -> Field:
    """Half-size block to level 0."""
    return np.repeat(np.repeat(field, HALF, axis=0), HALF, axis=1)


class Composer:
    """Fills blocks of the optical-density image of a slide."""

    def __init__(self, masks: Masks, ground: Ground) -> None:
        self.masks = masks
        self.ground = ground
        self._textures = textures()

    def compose(self, od: Field) -> None:
        """Write haematoxylin and eosin into `od` (height, width, 2), which starts as zeros."""
        height, width = od.shape[:2]
        for top in range(0, height, BLOCK):
            for left in range(0, width, BLOCK):
                rows = slice(top // HALF, min(top + BLOCK, height) // HALF)
                columns = slice(left // HALF, min(left + BLOCK, width) // HALF)
                if self.masks.cover["tissue"][rows, columns].any():
                    od[top : top + BLOCK, left : left + BLOCK] = self._block(rows, columns, top, left)

    def _block(self, rows: slice, columns: slice, top: int, left: int) -> Field:
        masks = self.masks
        cover = {name: field[rows, columns] for name, field in masks.cover.items()}
        here = (rows, columns, top, left)
        od = self._stroma(*here)
        for name, paint in (("normal", self._normal), ("fat", self._fat), ("lymphocytes", self._lymphoid)):
            if cover[name].any():
                share = double(cover[name])[..., None]
                od += share * (paint(*here) - od)
        retracted = masks.cleft[rows, columns]
        if retracted.any():
            od *= double(1 - 0.9 * retracted)[..., None]
        for name, paint in (("tumour", self._tumour), ("necrosis", self._necrosis)):
            if cover[name].any():
                share = double(cover[name])[..., None]
                od += share * (paint(*here) - od)
        tone = masks.tone[rows, columns] * cover["tissue"] * (1 + 0.45 * masks.rim[rows, columns])
        od *= double(tone)[..., None]
        return od

    def _texture(self, name: str, u: np.ndarray, v: np.ndarray) -> Field:
        shift_u, shift_v = self.ground.shift[name]
        column = (u.astype(np.int32) + shift_u) & (SIDE - 1)
        row = (v.astype(np.int32) + shift_v) & (SIDE - 1)
        return np.take(self._textures[name], row * SIDE + column, axis=0)

    def _plain(self, name: str, rows: slice, columns: slice, top: int, left: int) -> Field:
        """A texture without direction."""
        height, width = (rows.stop - rows.start) * HALF, (columns.stop - columns.start) * HALF
        y = np.arange(top, top + height, dtype=np.int32)[:, None]
        x = np.arange(left, left + width, dtype=np.int32)[None, :]
        return self._texture(name, x, y)

    def _fibres(self, rows: slice, columns: slice, top: int, left: int) -> tuple[Field, Field]:
        """Coordinates along and across the fibres; 4096 keeps them positive before truncation."""
        masks = self.masks
        height, width = (rows.stop - rows.start) * HALF, (columns.stop - columns.start) * HALF
        y = np.arange(top, top + height, dtype=np.float32)[:, None]
        x = np.arange(left, left + width, dtype=np.float32)[None, :]
        cos, sin = np.float32(np.cos(masks.turn)), np.float32(np.sin(masks.turn))
        u = cos * x + sin * y + double(masks.along[rows, columns]) + 16 * SIDE
        v = cos * y - sin * x + double(masks.across[rows, columns]) + 16 * SIDE
        return u, v

    def _stroma(self, rows: slice, columns: slice, top: int, left: int) -> Field:
        u, v = self._fibres(rows, columns, top, left)
        loose = self.masks.loose[rows, columns]
        if not loose.any():
            return self._texture("collagen", u, v)
        od = self._texture("fibrillar", u, v)
        if loose.min() < 1:
            od += double(1 - loose)[..., None] * (self._texture("collagen", u, v) - od)
        return od

    def _normal(self, rows: slice, columns: slice, top: int, left: int) -> Field:
        u, v = self._fibres(rows, columns, top, left)
        return self._texture("fibrillar", u, v) * np.array([1.15, 1.0], np.float32)

    def _lymphoid(self, rows: slice, columns: slice, top: int, left: int) -> Field:
        u, v = self._fibres(rows, columns, top, left)
        soft = self._plain("cytoplasm", rows, columns, top, left) * np.array([0.9, 0.45], np.float32)
        return 0.55 * soft + self._texture("fibrillar", u, v) * np.array([0.8, 0.45], np.float32)

    def _fat(self, rows: slice, columns: slice, top: int, left: int) -> Field:
        u, v = self._fibres(rows, columns, top, left)
        wall = double(self.ground.wall[rows, columns])[..., None]
        return wall * (self._texture("fibrillar", u, v) * 0.7 + np.array([0.12, 0.28], np.float32)) + np.float32(0.008)

    def _tumour(self, rows: slice, columns: slice, top: int, left: int) -> Field:
        ground = self.ground
        od = self._plain("cytoplasm", rows, columns, top, left)
        border = ground.border[rows, columns]
        od *= double(ground.shade[rows, columns] * (1 + 0.30 * border))[..., None]
        lumen = ground.lumen[rows, columns]
        if lumen.any():
            od *= double(1 - 0.96 * lumen)[..., None]
        return od

    def _necrosis(self, rows: slice, columns: slice, top: int, left: int) -> Field:
        return self._plain("necrosis", rows, columns, top, left)
