"""Slides made on the spot: written pyramids, and slides of any size that exist only as a formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from survviz.units import to_mpp
from survviz.wsi.info import Level, SlideInfo
from survviz.wsi.slide import Slide

Writer = Callable[..., Path]


def halve(image: np.ndarray) -> np.ndarray:
    """Mean of 2 x 2 pixels; a last odd row or column is dropped, as scanners do."""
    h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    parts = image[:h, :w].astype(np.float32).reshape(h // 2, 2, w // 2, 2, -1)
    return np.rint(parts.mean(axis=(1, 3))).astype(image.dtype)


@pytest.fixture
def write_pyramid(tmp_path: Path) -> Writer:
    """Write an RGB image as a tiled pyramid that OpenSlide reads (`jpeg2000`: that it refuses)."""

    def write(
        image: np.ndarray, *, name: str = "slide.tif", levels: int = 3, mpp: float | None = 0.5, **options: Any
    ) -> Path:
        path = tmp_path / name
        options = {"compression": "zlib", "tile": (256, 256), "photometric": "rgb"} | options
        if mpp is not None:
            options |= {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
        with tifffile.TiffWriter(path) as file:
            for level in range(levels):
                file.write(image, subfiletype=1 if level else 0, metadata=None, **options)
                image = halve(image)
                options.pop("resolution", None)
                options.pop("resolutionunit", None)
        return path

    return write


class FormulaBackend:
    """A slide of any size whose pixels are computed: red is x / 16, green y / 16, blue the block's number."""

    def __init__(self, width: int, height: int, tile: int = 256) -> None:
        self.info = SlideInfo(
            Path("formula.svs"), "formula", "test", (width, height), (Level(width, height, 1.0, (tile, tile)),)
        )
        self.reads: list[tuple[int, int]] = []

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        assert level == 0
        assert 0 <= x <= x + width <= self.info.dimensions[0]
        assert 0 <= y <= y + height <= self.info.dimensions[1]
        self.reads.append((x, y))
        out = np.empty((height, width, 3), np.uint8)
        out[..., 0] = (np.arange(x, x + width) // 16 % 256)[None, :]
        out[..., 1] = (np.arange(y, y + height) // 16 % 256)[:, None]
        out[..., 2] = (x // 256 + y // 256) % 256
        return out

    def read_tile(self, level: int, column: int, row: int, out: NDArray[np.uint8]) -> bool:
        return False

    def stored_jpeg(self, level: int, column: int, row: int, side: int) -> bytes | None:
        return None

    def identity(self) -> str:
        return ""

    def close(self) -> None:
        pass


@pytest.fixture
def formula_slide() -> Callable[..., tuple[Slide, FormulaBackend]]:
    """A computed slide at 0.5 um/px, and its backend, which remembers every read."""

    def make(width: int, height: int, tile: int = 256, mpp: float = 0.5) -> tuple[Slide, FormulaBackend]:
        backend = FormulaBackend(width, height, tile)
        return Slide(backend, to_mpp(mpp), "file"), backend

    return make


@pytest.fixture(scope="session")
def tissue_like() -> Callable[..., np.ndarray]:
    """An RGB image of glass with one textured disc the colour of H&E."""

    def make(width: int, height: int, *, colour: tuple[int, int, int] = (190, 110, 170), seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        image = np.full((height, width, 3), 244, np.uint8)
        y, x = np.mgrid[:height, :width]
        disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (0.38 * min(width, height)) ** 2
        coarse = rng.normal(size=(-(-height // 8), -(-width // 8)))
        noise = np.kron(coarse, np.ones((8, 8)))[:height, :width] * 18 + rng.normal(size=(height, width)) * 10
        stained = np.clip(np.asarray(colour) + noise[..., None], 0, 255)
        image[disc] = stained[disc]
        return image

    return make
