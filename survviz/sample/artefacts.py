"""What goes wrong between the tissue and the file: ink, folds, blur, shadows, stitching, dust, a coverslip's edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from survviz.sample.layout import CELL, Layout
from survviz.sample.masks import HALF
from survviz.sample.noise import Field, enlarge, fractal_noise, smooth_noise, smoothstep
from survviz.sample.plan import SlidePlan

INKS: dict[str, tuple[float, float, float]] = {
    "pen-green": (1.55, 0.34, 0.62),
    "pen-black": (1.5, 1.45, 1.25),
    "pen-blue": (1.6, 0.95, 0.22),
    "pen-red": (0.12, 1.5, 1.2),
}


@dataclass(frozen=True, slots=True)
class Ink:
    """A pen stroke on the coverslip: density over a grid of 4 um, and its colour."""

    density: Field
    colour: tuple[float, float, float]

    def stain(self, colour: Field, top: int, left: int) -> None:
        """Add the stroke to a block of optical density (h, w, 3)."""
        rows, columns = colour.shape[:2]
        part = self.density[top // CELL : -(-(top + rows) // CELL), left // CELL : -(-(left + columns) // CELL)]
        if part.any():
            wide = enlarge(part, (part.shape[0] * CELL, part.shape[1] * CELL))[:rows, :columns]
            colour += np.clip(wide, 0, None)[..., None] * np.asarray(self.colour, np.float32)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Where the ink hides the tissue."""
        return enlarge(self.density, shape) > 0.25


def ink_layers(plan: SlidePlan, layout: Layout, rng: np.random.Generator) -> list[Ink]:
    """A stroke or a ring per pen of the plan, along the edge of the tissue or round a part of it."""
    return [Ink(_stroke(layout, rng), INKS[name]) for name in plan.artefacts if name in INKS]


def _stroke(layout: Layout, rng: np.random.Generator) -> Field:
    shape = layout.tissue.shape
    edge = np.argwhere(np.abs(layout.tissue) < 1.0)
    row, column = edge[rng.integers(len(edge))]
    slope_y, slope_x = (np.asarray(np.gradient(layout.tissue, axis=axis)) for axis in (0, 1))
    heading = np.arctan2(slope_x[row, column], -slope_y[row, column]) + rng.normal(0, 0.25)
    scale = 4
    canvas = Image.new("L", (shape[1] * scale, shape[0] * scale))
    pen = ImageDraw.Draw(canvas)
    length, bend = rng.uniform(0.3, 0.6) * min(shape), rng.normal(0, 0.012)
    width = rng.uniform(11, 19)
    steps = np.linspace(-length / 2, length / 2, 90)
    turn = heading + bend * steps + 0.06 * np.sin(steps / 17 + rng.uniform(0, 6.3))
    move = np.stack([np.cos(turn), np.sin(turn)]) * (steps[1] - steps[0])
    path = np.cumsum(move, axis=1)
    path += np.array([[column], [row]]) - path[:, len(steps) // 2][:, None]
    for (x, y), step in zip(path.T, steps, strict=True):
        half = width / 2 * scale * (0.85 + 0.2 * np.cos(step / 9))
        pen.ellipse((x * scale - half, y * scale - half, x * scale + half, y * scale + half), fill=255)
    soft = canvas.filter(ImageFilter.GaussianBlur(1.6 * scale)).resize((shape[1], shape[0]), Image.Resampling.BOX)
    density = np.asarray(soft, np.float32) / 255
    streak = 1 + 0.16 * fractal_noise(rng, shape, 26, octaves=3)
    rim = 1 + 0.35 * np.exp(-(((density - 0.55) / 0.2) ** 2))
    return (0.85 * density * streak * rim).astype(np.float32)


def apply_artefacts(plan: SlidePlan, layout: Layout, od: Field, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Folds, which change the density itself; returns where, at 1 um."""
    touched = np.zeros((plan.height // HALF, plan.width // HALF), bool)
    for name in plan.artefacts:
        if name == "fold":
            touched |= _fold(layout, od, rng, touched.shape)
    return touched


def _fold(layout: Layout, od: Field, rng: np.random.Generator, half: tuple[int, int]) -> NDArray[np.bool_]:
    """A wrinkle: a band where the tissue lies double, dark, with a bright line of lifted tissue beside it."""
    shape = layout.tissue.shape
    spots = np.argwhere(layout.tissue > 22)
    row, column = spots[rng.integers(len(spots))] if len(spots) else (shape[0] // 2, shape[1] // 2)
    angle, length = rng.uniform(0, np.pi), rng.uniform(0.3, 0.5) * min(shape)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    u = np.cos(angle) * (x - column) + np.sin(angle) * (y - row)
    v = np.cos(angle) * (y - row) - np.sin(angle) * (x - column)
    v += 5 * smooth_noise(rng, shape, 55) + 1.4 * smooth_noise(rng, shape, 14)
    width = np.clip(rng.uniform(4.5, 7.5) * (1 - (u / length) ** 2), 0, None)
    band = enlarge((width - np.abs(v)), (od.shape[0], od.shape[1]))
    line = enlarge(np.minimum(1.5 - np.abs(v - width - 1.2), width - 2.5), (od.shape[0], od.shape[1]))
    rows = np.flatnonzero((band > -1).any(1) | (line > 0).any(1))
    columns = np.flatnonzero((band > -1).any(0) | (line > 0).any(0))
    if not len(rows) or not len(columns):
        return np.zeros(half, bool)
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    cover = smoothstep(band[window], -0.15, 0.35)[..., None]
    part = od[window]
    again = np.roll(od, (-23, 41), axis=(0, 1))[window]
    part += cover * (0.75 * again + 0.12 * part)
    part *= 1 - 0.8 * smoothstep(line[window], 0, 1.0)[..., None]
    return enlarge((width - np.abs(v)), half) > 0


def disturb(
    plan: SlidePlan, layout: Layout, image: NDArray[np.uint8], half: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """What the scanner does to the picture, in place; returns where it can no longer be read, at 1 um."""
    touched = np.zeros(half, bool)
    for name in plan.artefacts:
        if name == "blur":
            touched |= _defocus(layout, image, rng, half)
        elif name in ("shadow", "stitch"):
            _shade(image, rng, name)
        elif name == "dust":
            _dust(image, rng)
        elif name == "coverslip":
            _coverslip(image, rng)
    return touched


def _defocus(
    layout: Layout, image: NDArray[np.uint8], rng: np.random.Generator, half: tuple[int, int]
) -> NDArray[np.bool_]:
    """An area out of focus."""
    spots = np.argwhere(layout.tissue > 8)
    row, column = spots[rng.integers(len(spots))] * CELL
    side = min(int(rng.uniform(500, 900)), *image.shape[:2])
    top, left = (
        int(np.clip(v - side // 2, 0, size - side)) for v, size in zip((row, column), image.shape, strict=False)
    )
    window = (slice(top, top + side), slice(left, left + side))
    sharp = image[window].astype(np.float32)
    soft = np.asarray(Image.fromarray(image[window]).filter(ImageFilter.GaussianBlur(rng.uniform(3.5, 6))), np.float32)
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    share = 0.75 - np.hypot(axis[None, :], axis[:, None]) + 0.18 * fractal_noise(rng, (side, side), 220, octaves=3)
    share = smoothstep(share, 0.0, 0.35)
    image[window] = sharp + share[..., None] * (soft - sharp)
    touched = np.zeros(half, bool)
    part = touched[top // HALF : top // HALF + side // HALF, left // HALF : left // HALF + side // HALF]
    part[:] = share[: part.shape[0] * HALF : HALF, : part.shape[1] * HALF : HALF] > 0.5
    return touched


def _shade(image: NDArray[np.uint8], rng: np.random.Generator, name: str) -> None:
    """A vignette towards one side, or strips of uneven exposure."""
    height, width = image.shape[:2]
    if name == "shadow":
        light = 1 - rng.uniform(0.12, 0.22) * np.linspace(0, 1, width, dtype=np.float32) ** 2
        light = light if rng.random() < 0.5 else light[::-1]
    else:
        strip = int(rng.uniform(380, 620))
        levels = 1 + rng.normal(0, 0.016, width // strip + 2)
        light = np.repeat(levels, strip)[:width].astype(np.float32)
        light *= 1 - 0.02 * (np.arange(width) % strip < 3)
    table = light.astype(np.float32)[None, :, None]
    for top in range(0, height, 256):
        strip = image[top : top + 256]
        strip[:] = np.clip(strip * table + rng.random((*strip.shape[:2], 1), np.float32), 0, 255)


def _dust(image: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Dark grains and refractile fibres."""
    height, width = image.shape[:2]
    for _ in range(rng.integers(14, 30)):
        size = int(rng.uniform(5, 20))
        x, y = int(rng.integers(30, width - 60)), int(rng.integers(30, height - 60))
        window = image[y : y + size, x : x + size]
        axis = np.linspace(-1, 1, size)
        grain = np.hypot(axis[:, None] * rng.uniform(0.8, 2), axis[None, :]) + 0.3 * smooth_noise(rng, (size, size), 4)
        window[grain < 0.7] = (window[grain < 0.7] * rng.uniform(0.15, 0.6)).astype(np.uint8)


def _coverslip(image: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """The edge of the coverslip: a thin dark line with a bright one beside it."""
    height, width = image.shape[:2]
    y = np.arange(height)
    x = rng.uniform(0.02, 0.05) * width + rng.normal(0, 0.01) * y + 9 * np.sin(y / height * 3.1 + rng.uniform(0, 6))
    for offset, factor in ((0, 0.35), (1, 0.22), (2, 0.4), (4, 1.06), (5, 1.05)):
        column = np.clip(x.astype(int) + offset, 0, width - 1)
        image[y, column] = np.clip(image[y, column] * factor, 0, 255)
