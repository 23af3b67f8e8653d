"""What this machine can do at the moment: every cell is divided by one of these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness.cell import Yardstick

N_TILES = 64
SIDE = 256


def linear() -> tuple[Callable[[], object], int]:
    """One fp32 layer, 10,000 x 1,024 -> 256, without gradients, on all threads."""
    import torch

    layer = torch.nn.Linear(1024, 256)
    x = torch.randn(10_000, 1024, generator=torch.Generator().manual_seed(0))

    def work() -> object:
        with torch.inference_mode():
            return layer(x)

    return work, 1


def tissue_like(side: int, seed: int = 0) -> np.ndarray:
    """Smooth H&E colours with some texture, (side, side, 3); at quality 75 a tile of 256 takes about 12 kB."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(120, 240, (side // 16 + 1, side // 16 + 1, 3))
    smooth = np.repeat(np.repeat(coarse, 16, axis=0), 16, axis=1)[:side, :side]
    return np.clip(smooth + random.normal(0, 9, (side, side, 1)), 0, 255).astype(np.uint8)


def jpeg() -> tuple[Callable[[], object], int]:
    """Tiles of 256 x 256, 4:2:0, quality 75, decoded one after the other by libjpeg-turbo."""
    import imagecodecs

    tiles = [imagecodecs.jpeg8_encode(tissue_like(SIDE, seed), level=75, subsampling="420") for seed in range(N_TILES)]

    def work() -> object:
        return [imagecodecs.jpeg8_decode(tile).shape for tile in tiles]

    return work, N_TILES


def openslide(folder: Path) -> tuple[Callable[[], object], int]:
    """Aligned patches of 256 x 256, read by OpenSlide from a JPEG TIFF, each once and not from its cache."""
    import tifffile
    from openslide import OpenSlide, OpenSlideCache

    path, across = folder / "yardstick.tif", 8
    with tifffile.TiffWriter(path) as tif:
        tif.write(
            tissue_like(across * SIDE), tile=(SIDE, SIDE), compression="jpeg", compressionargs={"level": 75},
            photometric="rgb", subsampling=(2, 2),
        )  # fmt: skip
    slide = OpenSlide(path)
    slide.set_cache(OpenSlideCache(0))
    places = [(x * SIDE, y * SIDE) for y in range(across) for x in range(across)]

    def work() -> object:
        return [np.asarray(slide.read_region(place, 0, (SIDE, SIDE)))[..., :3].sum() for place in places]

    return work, len(places)


class Yardsticks:
    """Made when first asked for, kept for the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Yardstick, tuple[Callable[[], object], int]] = {}

    def get(self, name: Yardstick) -> tuple[Callable[[], object], int]:
        """The work, which has run once, and how many items it does."""
        if name not in self._made:
            made = {"linear": linear, "jpeg": jpeg, "openslide": lambda: openslide(self._folder)}[name]()
            made[0]()
            self._made[name] = made
        return self._made[name]
