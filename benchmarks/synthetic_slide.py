"""A synthetic gigapixel slide, written tile by tile: `python -m benchmarks.synthetic_slide OUT.svs`.

The picture is a function of place: an outline of tissue (coarse, random), times a texture of nuclei that repeats every
2,048 pixels, times slow changes of stain. So every level is rendered by itself, nothing larger than a row of tiles lies
in memory, and the same seed gives the same slide. Stored as Aperio does: JPEG tiles of 256 px, levels 1, 4, 16, 64, and
a thumbnail as the second page.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

TILE = 256
PERIOD = 2048
"""Side of the repeating texture; every downsample divides it."""

DOWNSAMPLES = (1, 4, 16, 64)
MPP = 0.25
QUALITY = 75
GLASS = (243, 241, 244)
MOTTLE_PX = 48.0
OUTLINE_PX = 512
"""Level-0 pixels per pixel of the tissue's outline."""


def texture(seed: int = 0) -> NDArray[np.float32]:
    """(2048, 2048, 3) H&E-like light, 0 to 1, that repeats without a seam: nuclei on a fibrous, mottled pink ground."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((3, PERIOD, PERIOD)).astype(np.float32)
    mottle = ndimage.gaussian_filter(noise[2], MOTTLE_PX, mode="wrap")
    mottle = np.clip(1 + 0.3 * mottle / mottle.std(), 0.2, 1.8)  # what is left of texture at low zoom
    fibres = ndimage.gaussian_filter(noise[0], (3, 14), mode="wrap")
    fibres = (fibres - fibres.min()) / np.ptp(fibres)
    nuclei = np.zeros((PERIOD, PERIOD), np.float32)
    nuclei[tuple(rng.integers(0, PERIOD, (2, 9000)))] = 1
    nuclei = np.clip(ndimage.gaussian_filter(nuclei, 5.0, mode="wrap") * 200, 0, 1)
    grain = 0.02 * noise[1]
    eosin, haematoxylin = 0.25 + 0.5 * fibres + grain, 1.1 * nuclei + grain
    eosin, haematoxylin = eosin * mottle, haematoxylin * mottle
    absorbed = eosin[..., None] * np.array([0.10, 0.75, 0.25]) + haematoxylin[..., None] * np.array([0.95, 0.9, 0.35])
    return np.exp(-absorbed).astype(np.float32)


def outline(width: int, height: int, seed: int = 0) -> NDArray[np.float32]:
    """Share of tissue, 0 to 1, one value per 512 level-0 pixels; about 40 % of the slide."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((-(-height // OUTLINE_PX) + 2, -(-width // OUTLINE_PX) + 2))
    smooth = ndimage.gaussian_filter(coarse, 8)
    cut, spread = np.quantile(smooth, 0.6), smooth.std()
    return np.clip((smooth - cut) / (0.02 * spread) + 0.5, 0, 1).astype(np.float32)


class Picture:
    """The slide as a function of place.

    Args:
        width, height: at level 0.
    """

    def __init__(self, width: int, height: int, seed: int = 0) -> None:
        self.width, self.height = width, height
        self.outline = outline(width, height, seed)
        full = texture(seed)
        self.textures = {
            step: full.reshape(PERIOD // step, step, PERIOD // step, step, 3).mean(axis=(1, 3)) for step in DOWNSAMPLES
        }

    def tile(self, step: int, column: int, row: int) -> NDArray[np.uint8]:
        """(256, 256, 3) of the level with this downsample."""
        light = self.textures[step]
        places = [(index * TILE + np.arange(TILE)) for index in (row, column)]
        at = [(step * (place + 0.5)) / OUTLINE_PX for place in places]
        share = ndimage.map_coordinates(self.outline, np.meshgrid(*at, indexing="ij"), order=1, mode="nearest")[
            ..., None
        ]
        if not share.any():
            return np.broadcast_to(np.array(GLASS, np.uint8), (TILE, TILE, 3))
        inside = light[np.ix_(*(place % len(light) for place in places))]
        stain = 0.85 + 0.15 * np.cos(at[0][:, None] / 7) * np.sin(at[1][None] / 9)
        return ((1 - share * (1 - inside * stain[..., None])) * GLASS).astype(np.uint8)

    def size(self, step: int) -> tuple[int, int]:
        """(width, height) of a level; Aperio rounds down."""
        return self.width // step, self.height // step

    def whole(self, step: int) -> NDArray[np.uint8]:
        """All of a level."""
        width, height = self.size(step)
        columns, rows = range(-(-width // TILE)), range(-(-height // TILE))
        strips = [np.concatenate([self.tile(step, column, row) for column in columns], axis=1) for row in rows]
        return np.ascontiguousarray(np.concatenate(strips)[:height, :width])

    def tiles(self, step: int) -> Iterator[bytes]:
        """Encoded tiles of a level, row by row."""
        columns, rows = (-(-side // TILE) for side in self.size(step))
        with ThreadPoolExecutor(2) as pool:
            for row in range(rows):
                yield from pool.map(lambda column, row=row: encode(self.tile(step, column, row)), range(columns))


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """A complete JPEG, chroma halved each way as scanners do."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return buffer.getvalue()


def write_slide(path: Path, width: int = 100_000, height: int = 80_000, *, seed: int = 0) -> Path:
    """Write the slide; to a temporary name first, so that a file of this name is complete."""
    picture = Picture(width, height, seed)
    fresh = path.with_name(f".{path.name}.tmp")
    description = f"Aperio Image Library v1.0\n{width}x{height} (256x256) JPEG/YCC Q={QUALITY}|AppMag = 40|MPP = {MPP}"
    common = {"description": description, "metadata": None, "software": False, "compression": "jpeg"}
    with tifffile.TiffWriter(fresh, bigtiff=True) as tiff:
        for step in DOWNSAMPLES:
            columns, rows = picture.size(step)
            layout = {"tile": (TILE, TILE), "photometric": "ycbcr", "subsampling": (2, 2)}
            tiff.write(picture.tiles(step), shape=(rows, columns, 3), dtype=np.uint8, **layout, **common)
            if step == 1:
                tiff.write(picture.whole(DOWNSAMPLES[-1]), photometric="rgb", rowsperstrip=16, **common)
    fresh.replace(path)
    return path


def main() -> None:
    """Write one slide and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--width", type=int, default=100_000)
    parser.add_argument("--height", type=int, default=80_000)
    asked = parser.parse_args()
    start = time.perf_counter()
    write_slide(asked.path, asked.width, asked.height)
    print(f"{asked.path}: {asked.path.stat().st_size / 1e6:.0f} MB in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
