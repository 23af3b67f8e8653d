"""What the machine can do: the yardsticks themselves, bf16 beside fp32, a copy of memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.harness import Block, Cell, Setting
from benchmarks.harness.yardsticks import jpeg, linear, openslide

FLOP = 2 * 10_000 * 1024 * 256


def blocks(setting: Setting) -> Iterator[Block]:
    """Rates that bound everything else."""
    fp32, _ = linear()
    decode, n_tiles = jpeg()
    read, n_patches = openslide(setting.folder)
    x, weight = torch.randn(10_000, 1024), torch.randn(1024, 256)
    x16, weight16, y = x.bfloat16(), weight.bfloat16(), torch.empty_like(x)
    yield [
        Cell("linear, fp32", f"10,000 x 1,024 -> 256, {FLOP / 1e9:.2f} GFLOP", fp32, yardstick=None),
        Cell("product, bf16", "the same shape, accumulated in fp32", lambda: x16 @ weight16, against=("linear, fp32",)),
        Cell("copy of 41 MB", "10,000 x 1,024 float32 read and written", lambda: y.copy_(x)),
        Cell("JPEG tile", "256 x 256, 4:2:0, libjpeg-turbo, one core", decode, n_tiles, "tile", None),
        Cell("OpenSlide patch", "256 x 256, aligned, JPEG TIFF, one core", read, n_patches, "patch", "jpeg"),
    ]
