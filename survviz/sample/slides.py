"""Files of a slide: a pyramidal tiled TIFF that declares its pixel size, and the mask of its truth."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from survviz.sample.plan import MPP
from survviz.sample.regions import COLOURS, Region

TILE = 256
STEP = 4
"""Ratio between one level and the next."""
QUALITY = 78


def write_slide(path: Path, image: NDArray[np.uint8], *, mpp: float = MPP, quality: int = QUALITY) -> Path:
    """Write a generic tiled TIFF, each level a quarter of the one before; it appears complete or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    with tifffile.TiffWriter(temporary) as tiff:
        level, size = image, mpp
        while True:
            tiff.write(
                level,
                tile=(TILE, TILE),
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": quality},
                resolution=(1e4 / size, 1e4 / size),
                resolutionunit="CENTIMETER",
                subfiletype=int(level is not image),
                metadata=None,
                software="survviz sample",
            )
            if max(level.shape[:2]) <= TILE:
                break
            level, size = shrink(level), size * STEP
    os.replace(temporary, path)
    return path


def shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean over squares of `STEP` pixels; what does not fill a square at the edge is dropped, as scanners do."""
    height, width = (side // STEP for side in image.shape[:2])
    small = Image.fromarray(image[: height * STEP, : width * STEP]).reduce(STEP)
    return np.asarray(small)


def write_truth(path: Path, truth: NDArray[np.uint8]) -> Path:
    """Write a mask as a PNG whose palette shows the classes."""
    indexed = Image.frombytes("P", (truth.shape[1], truth.shape[0]), np.ascontiguousarray(truth).tobytes())
    indexed.putpalette([value for region in Region for value in COLOURS[region]])
    temporary = path.with_name(f".{path.name}.part")
    indexed.save(temporary, format="PNG", optimize=True)
    os.replace(temporary, path)
    return path


def read_truth(path: Path) -> NDArray[np.uint8]:
    """A mask as (height, width) values of `Region`."""
    with Image.open(path) as picture:
        return np.asarray(picture)
