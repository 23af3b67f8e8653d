"""A library of pre-rendered nuclei and small bodies, as optical density of haematoxylin and eosin with coverage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from survviz.sample.noise import Field, smoothstep, tileable_noise

SUPERSAMPLING = 3
TUMOUR_LEVELS = 7
GLAND_LEVELS = 6
LIBRARY_SEED = 20


@dataclass(frozen=True, slots=True)
class Sprite:
    """What a body leaves on the slide: `od * keep + add`.

    Attributes:
        keep: (n, n, 1) share of what lay there that shines through.
        add: (n, n, 2) optical density of haematoxylin and eosin that it brings.
    """

    keep: Field
    add: Field


@dataclass(frozen=True, slots=True)
class Look:
    """How nuclei of one kind look; lengths in level-0 pixels of 0.5 um.

    Attributes:
        long, short: half axes; `spread` is the coefficient of variation of the size.
        irregular: amplitude of the outline's bumps relative to the radius.
        dark: optical density of the chromatin; `rim` of the membrane above it.
        clumps: contrast of the chromatin; `grain` its width.
        nucleoli: mean number; `nucleolus` their radius.
        eosin: optical density of eosin inside.
        opacity: share of the ground that the body hides.
    """

    long: float
    short: float
    spread: float = 0.12
    irregular: float = 0.03
    dark: float = 0.8
    rim: float = 0.36
    clumps: float = 0.15
    grain: float = 2.2
    nucleoli: float = 0.0
    nucleolus: float = 1.6
    eosin: float = 0.22
    opacity: float = 0.92


def tumour_look(level: float) -> Look:
    """Nuclei of a carcinoma from well (0) to poorly differentiated (1)."""
    return Look(
        long=7.6 + 4.6 * level,
        short=6.2 + 3.2 * level,
        spread=0.09 + 0.17 * level,
        irregular=0.02 + 0.045 * level,
        dark=0.60 + 0.26 * level,
        rim=0.40 + 0.12 * level,
        clumps=0.12 + 0.12 * level,
        grain=2.0 + 1.4 * level,
        nucleoli=0.3 + 2.0 * level,
        nucleolus=1.2 + 1.3 * level,
        eosin=0.3,
    )


def gland_look(level: float) -> Look:
    """Columnar nuclei of normal (0) to floridly reactive (1) glands, which take on all that marks a poor grade."""
    return Look(
        long=9.0 + 4.2 * level,
        short=4.6 + 4.0 * level,
        spread=0.09 + 0.15 * level,
        irregular=0.02 + 0.04 * level,
        dark=0.64 + 0.26 * level,
        rim=0.26 + 0.16 * level,
        clumps=0.12 + 0.12 * level,
        grain=2.0 + 1.4 * level,
        nucleoli=0.2 + 2.0 * level,
        nucleolus=1.2 + 1.2 * level,
    )


LOOKS: dict[str, Look] = {
    "lymphocyte": Look(5.6, 5.2, 0.09, 0.03, 1.0, 0.12, 0.2, 2.2, eosin=0.18, opacity=0.97),
    "plasma": Look(5.8, 5.2, 0.1, 0.04, 1.0, 0.18, 0.24, 2.6, eosin=0.25, opacity=0.97),
    "fibroblast": Look(12.0, 3.0, 0.24, 0.07, 0.85, 0.14, 0.18, 2.0, eosin=0.28),
    "plump": Look(10.0, 4.4, 0.25, 0.06, 0.62, 0.28, 0.2, 2.0, 0.5, 1.2, eosin=0.25),
    "endothelium": Look(8.5, 2.5, 0.2, 0.06, 0.98, 0.1, 0.15, 2.0, eosin=0.25),
    "muscle": Look(13.5, 2.6, 0.2, 0.03, 0.72, 0.14, 0.15, 2.0, eosin=0.3),
    "ghost": Look(7.6, 6.4, 0.2, 0.1, 0.16, 0.04, 0.12, 2.5, eosin=0.52, opacity=0.5),
    "pyknotic": Look(4.0, 3.4, 0.3, 0.16, 1.35, 0.05, 0.1, 2.0, eosin=0.45, opacity=1.0),
}


@lru_cache(maxsize=1)
def _chromatin() -> dict[int, Field]:
    rng = np.random.default_rng(LIBRARY_SEED)
    return {k: tileable_noise(rng, 256, k * SUPERSAMPLING / 2, k * SUPERSAMPLING / 2) for k in (4, 5, 6, 7)}


def body_grid(half: float) -> tuple[Field, Field, int]:
    """Supersampled coordinates in level-0 pixels around the centre; the side in level-0 pixels."""
    side = 2 * int(np.ceil(half)) + 1
    axis = (np.arange(side * SUPERSAMPLING, dtype=np.float32) + 0.5) / SUPERSAMPLING - side / 2
    return axis[None, :], axis[:, None], side


def _shrink(field: Field, side: int) -> Field:
    return field.reshape(side, SUPERSAMPLING, side, SUPERSAMPLING).mean((1, 3), dtype=np.float32)


def pack(cover: Field, haematoxylin: Field, eosin: Field, side: int) -> Sprite:
    """Average the supersampled planes down to pixels."""
    planes = [_shrink(cover * plane, side) for plane in (haematoxylin, eosin)]
    return Sprite((1 - _shrink(cover, side))[..., None], np.stack(planes, axis=-1))


def _outline(rng: np.random.Generator, look: Look, x: Field, y: Field, angle: float) -> tuple[Field, float]:
    """Radius relative to the outline (1 on the membrane), and the larger half axis."""
    size = float(np.exp(rng.normal(0, look.spread)))
    long = look.long * size * rng.uniform(0.94, 1.06)
    short = min(look.short * size * rng.uniform(0.9, 1.1), long)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    bend = rng.normal(0, 0.25) * look.short / look.long
    v = v + bend * (u * u / long - long / 3)
    theta = np.arctan2(v / short, u / long)
    bumps = np.ones_like(theta)
    for order in (2, 3, 4, 5):
        bumps += look.irregular * rng.normal() * np.cos(order * theta + rng.uniform(0, 6.3)) * 1.6 / order**0.5
    return np.sqrt((u / long) ** 2 + (v / short) ** 2) / bumps, short


def draw_nucleus(rng: np.random.Generator, look: Look, angle: float) -> Sprite:
    """One nucleus: membrane, clumped chromatin, nucleoli, a faint clear zone around."""
    x, y, side = body_grid(look.long * (1 + 2.2 * look.spread) + 3)
    radius, short = _outline(rng, look, x, y, angle)
    soft = 0.7 / short
    cover = look.opacity * (1 - smoothstep(radius, 1 - soft, 1 + soft))
    noise = _chromatin()[int(np.clip(round(look.grain * 2), 4, 7))]
    row, column = rng.integers(0, 256, 2)
    noise = np.roll(noise, (-row, -column), (0, 1))[: side * SUPERSAMPLING, : side * SUPERSAMPLING]
    dark = look.dark * np.exp(rng.normal(0, 0.13))
    body = dark * (1 + look.clumps * noise - 0.30 * (1 - np.clip(radius, 0, 1)))
    body += look.rim * smoothstep(radius, 0.74, 0.95) * (1 + 0.4 * noise)
    eosin = np.full_like(body, look.eosin)
    for _ in range(rng.poisson(look.nucleoli)):
        at, far = rng.uniform(0, 6.3), short * rng.uniform(0, 0.5)
        spot = np.hypot(x - far * np.cos(at), y - far * np.sin(at)) / (look.nucleolus * rng.uniform(0.75, 1.3))
        body += 0.5 * (1 - smoothstep(spot, 0.6, 1.2))
        eosin += 0.35 * (1 - smoothstep(spot, 0.6, 1.2))
    return pack(cover, np.clip(body, 0.05, 2.0), eosin, side)
