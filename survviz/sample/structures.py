"""Vessels and glands: round structures with a wall, drawn one by one into the optical-density image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survviz.sample.bodies import Library
from survviz.sample.layout import Vessel
from survviz.sample.noise import Field, smooth_noise, smoothstep
from survviz.sample.nuclei import GLAND_LEVELS, Sprite


@dataclass(frozen=True, slots=True)
class Placed:
    """Sprites with their centres in level-0 pixels."""

    points: Field
    sprites: list[Sprite]


def paste(od: Field, placed: Placed) -> None:
    """Lay the sprites over the image; those that would cross its edge are left out."""
    height, width = od.shape[:2]
    for (x, y), sprite in zip(np.round(placed.points).astype(int).tolist(), placed.sprites, strict=True):
        side = sprite.keep.shape[0]
        top, left = y - side // 2, x - side // 2
        if top < 0 or left < 0 or top + side > height or left + side > width:
            continue
        window = od[top : top + side, left : left + side]
        window *= sprite.keep
        window += sprite.add


@dataclass(frozen=True, slots=True)
class Ring:
    """A window of the image in polar coordinates of a wobbling ellipse.

    Attributes:
        window: where it lies.
        radius: distance to the centre along each ray, divided by the outline's; (h, w).
        angle: direction; (h, w).
    """

    window: tuple[slice, slice]
    radius: Field
    angle: Field


def ring(
    rng: np.random.Generator, shape: tuple[int, ...], x: float, y: float, size: float, stretch: float, turn: float
) -> Ring | None:
    """Polar coordinates around a structure; None where it would leave the image."""
    reach = int(size * 1.25) + 4
    top, left = int(y) - reach, int(x) - reach
    if top < 0 or left < 0 or top + 2 * reach > shape[0] or left + 2 * reach > shape[1]:
        return None
    axis = np.arange(2 * reach, dtype=np.float32) - reach
    u = np.cos(turn) * axis[None, :] + np.sin(turn) * axis[:, None]
    v = np.cos(turn) * axis[:, None] - np.sin(turn) * axis[None, :]
    angle = np.arctan2(v / stretch, u)
    wobble = np.ones_like(angle)
    for order in (2, 3, 5):
        wobble += rng.normal(0, 0.045) * np.cos(order * angle + rng.uniform(0, 6.3))
    wobble += 0.02 * smooth_noise(rng, (2 * reach, 2 * reach), 14)
    radius = np.sqrt(u * u + (v / stretch) ** 2) / (size * wobble)
    return Ring((slice(top, top + 2 * reach), slice(left, left + 2 * reach)), radius, angle + np.float32(turn))


def draw_vessel(od: Field, vessel: Vessel, library: Library, rng: np.random.Generator) -> Field | None:
    """A muscular or thin wall, endothelium, and a lumen with red cells, plasma or nothing; returns its mask."""
    area = ring(rng, od.shape, vessel.x, vessel.y, vessel.radius, vessel.stretch, vessel.angle)
    if area is None:
        return None
    inner = 1 - vessel.wall / vessel.radius
    window = od[area.window]
    soft = 1.2 / vessel.radius
    outside = smoothstep(area.radius, 1 - soft, 1 + soft)
    lumen = 1 - smoothstep(area.radius, inner - soft, inner + soft)
    noise = smooth_noise(rng, area.radius.shape, 6)
    layers = np.sin(area.radius * vessel.radius * 1.15 + 1.4 * noise)
    wall = np.stack([0.12 + 0.03 * noise, 0.58 + 0.13 * layers + 0.05 * noise], axis=-1)
    plasma = np.array([0.02, rng.choice([0.01, 0.14])], np.float32)
    content = wall + lumen[..., None] * (plasma - wall)
    window += (1 - outside)[..., None] * (content - window)
    size = vessel.radius * np.sqrt(vessel.stretch)
    around = np.linspace(0, 2 * np.pi, max(5, int(2 * np.pi * size * inner / 26)), endpoint=False)
    around = (around + rng.normal(0, 0.1, len(around))).astype(np.float32)
    _nuclei_on(od, vessel, library, rng, "endothelium", around, inner + 1.5 / vessel.radius)
    for share in np.arange(inner + 14 / vessel.radius, 0.97, 13 / vessel.radius):
        turns = rng.uniform(0, 2 * np.pi, int(2 * np.pi * size * share / 42)).astype(np.float32)
        _nuclei_on(od, vessel, library, rng, "muscle", turns, float(share))
    if vessel.filled:
        _fill(od, area, vessel, library, rng, inner)
    return area.radius


def _nuclei_on(
    od: Field, vessel: Vessel, library: Library, rng: np.random.Generator, kind: str, around: Field, share: float
) -> None:
    """Flat nuclei along an ellipse of `share` times the outline."""
    u, v = share * vessel.radius * np.cos(around), share * vessel.radius * vessel.stretch * np.sin(around)
    cos, sin = np.cos(vessel.angle), np.sin(vessel.angle)
    points = np.stack([vessel.x + cos * u - sin * v, vessel.y + sin * u + cos * v], axis=1)
    tangent = np.arctan2(vessel.stretch * np.cos(around), -np.sin(around)) + vessel.angle
    paste(od, Placed(points, library.pick(rng, kind, tangent % np.pi)))


def _fill(od: Field, area: Ring, vessel: Vessel, library: Library, rng: np.random.Generator, inner: float) -> None:
    """Red cells, packed on one side of the lumen."""
    count = int(2.2 * (vessel.radius * inner / 6) ** 2 * vessel.stretch * rng.uniform(0.35, 0.8))
    turns = rng.uniform(0, 2 * np.pi, count)
    share = np.sqrt(rng.uniform(0, 1, count)) * max(inner - 7 / vessel.radius, 0.1)
    u, v = share * vessel.radius * np.cos(turns), share * vessel.radius * vessel.stretch * np.sin(turns)
    keep = u > rng.uniform(-0.9, 0.1) * vessel.radius * inner
    cos, sin = np.cos(vessel.angle), np.sin(vessel.angle)
    points = np.stack([vessel.x + cos * u - sin * v, vessel.y + sin * u + cos * v], axis=1)[keep]
    paste(od, Placed(points, library.pick(rng, "red_cell", rng.uniform(0, np.pi, len(points)))))


def draw_gland(od: Field, gland: Field, atypia: float, library: Library, rng: np.random.Generator) -> None:
    """A crypt: columnar cells with basal nuclei, goblets, a lumen; the larger its nuclei, the fewer."""
    x, y, size, stretch = (float(value) for value in gland)
    turn = rng.uniform(0, np.pi)
    area = ring(rng, od.shape, x, y, size, stretch, turn)
    if area is None:
        return
    soft = 1.1 / size
    outside = smoothstep(area.radius, 1 - soft, 1 + soft)
    hollow = rng.uniform(0.16, 0.34)
    lumen = 1 - smoothstep(area.radius, hollow - soft, hollow + 2 * soft)
    noise = smooth_noise(rng, area.radius.shape, 3)
    rays = np.cos(area.angle * round(2 * np.pi * size / 13))
    eosin = (
        0.44
        + 0.05 * noise
        - 0.10 * smoothstep(rays, 0.8, 1.0)
        + 0.10 * smoothstep(-area.radius, -hollow - 0.1, -hollow)
    )
    cell = np.stack([0.20 + 0.025 * noise, eosin], axis=-1)
    cell += lumen[..., None] * (np.array([0.07, 0.06], np.float32) + 0.02 * noise[..., None] - cell)
    window = od[area.window]
    window += (1 - outside)[..., None] * (cell - window)
    count = int(2 * np.pi * size * (1 + stretch) / 2 / (11.5 + 5 * atypia))
    around = (np.arange(count) / count * 2 * np.pi + rng.normal(0, 0.02, count)).astype(np.float32)
    goblets = around[rng.random(count) < rng.uniform(0.25, 0.55)]
    nuclei = f"gland-{round(atypia * (GLAND_LEVELS - 1))}"
    for kind, turns, share, sway in (("goblet", goblets, 0.58, 0.05), (nuclei, around, 0.86, 0.035)):
        ratio = share + rng.normal(0, sway, len(turns))
        u, v = ratio * size * np.cos(turns), ratio * size * stretch * np.sin(turns)
        points = np.stack([x + np.cos(turn) * u - np.sin(turn) * v, y + np.sin(turn) * u + np.cos(turn) * v], axis=1)
        radial = np.arctan2(v * np.cos(turn) + u * np.sin(turn), u * np.cos(turn) - v * np.sin(turn))
        paste(od, Placed(points, library.pick(rng, kind, radial % np.pi)))
