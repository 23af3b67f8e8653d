"""Patches as a stream of batches: best level, every native block decoded once, memory flat."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from survviz.wsi.grid import PatchGrid
from survviz.wsi.resample import resample
from survviz.wsi.slide import Slide


def iter_patches(slide: Slide, grid: PatchGrid, *, batch_size: int = 16) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Yield (rows of `grid.coords`, (b, P, P, 3) pixels) in order.

    Args:
        batch_size: few patches stay in the processor's cache, and their memory is used again.

    Raises:
        SlideError: a block of the slide cannot be decoded.
    """
    source = BlockSource(slide, grid)
    for start in range(0, len(grid), batch_size):
        stop = min(start + batch_size, len(grid))
        patches = np.empty((stop - start, grid.patch_px, grid.patch_px, 3), np.uint8)
        for index in range(start, stop):
            source.read(int(grid.coords[index, 0]), int(grid.coords[index, 1]), patches[index - start])
        yield slice(start, stop), patches


class BlockSource:
    """Cuts patches out of native blocks, held from the first row of patches that needs them to the last.

    The grid runs by row, so at most the blocks under one row of patches are held: memory grows with the width of the
    tissue, never with its height. A patch that is a tile of the file is decoded where it shall lie.
    """

    def __init__(self, slide: Slide, grid: PatchGrid) -> None:
        self._slide = slide
        self._side = grid.patch_size_level0
        self._px = grid.patch_px
        self._level = slide.best_level(grid.patch_size_level0 / grid.patch_px)
        level = slide.levels[self._level]
        self._downsample = level.downsample
        self._tile = level.tile
        self._size = (level.width, level.height)
        self._blocks: dict[tuple[int, int], NDArray[np.uint8]] = {}
        self._decoded: set[tuple[int, int]] = set()
        self._spare: list[NDArray[np.uint8]] = []
        self._row = -1

    def read(self, x: int, y: int, out: NDArray[np.uint8]) -> None:
        """Put the patch whose corner is (x, y) in level-0 pixels into `out`, (P, P, 3); call by row, then column."""
        left, top = x / self._downsample, y / self._downsample
        side = self._side / self._downsample
        if left.is_integer() and top.is_integer() and side == self._px:
            self._cut(int(left), int(top), out)
            return
        margin = 2 + int(side // self._px)
        x0, y0 = max(0, int(left) - margin), max(0, int(top) - margin)
        width = _reach(left + side, margin, self._size[0]) - x0
        height = _reach(top + side, margin, self._size[1]) - y0
        pixels = np.empty((height, width, 3), np.uint8)
        self._assemble(x0, y0, pixels)
        box = (left - x0, top - y0, left - x0 + side, top - y0 + side)
        out[:] = resample(pixels, box, self._px, self._px)

    def _cut(self, x: int, y: int, out: NDArray[np.uint8]) -> None:
        """A patch of whole pixels of the level."""
        across, down = self._tile
        is_tile = (across, down) == (self._px, self._px) and x % across == 0 and y % down == 0
        if not (is_tile and self._slide.read_tile(self._level, x // across, y // down, out)):
            self._assemble(x, y, out)

    def _assemble(self, x: int, y: int, out: NDArray[np.uint8]) -> None:
        """Pixels of the level from blocks; white outside."""
        height, width = out.shape[:2]
        across, down = self._tile
        self._forget_above(y // down)
        for row in range(y // down, -(-(y + height) // down)):
            for column in range(x // across, -(-(x + width) // across)):
                block = self._block(column, row)
                x0, y0 = max(x, column * across), max(y, row * down)
                x1, y1 = min(x + width, (column + 1) * across), min(y + height, (row + 1) * down)
                out[y0 - y : y1 - y, x0 - x : x1 - x] = block[
                    y0 - row * down : y1 - row * down, x0 - column * across : x1 - column * across
                ]

    def _block(self, column: int, row: int) -> NDArray[np.uint8]:
        block = self._blocks.get((column, row))
        if block is None:
            across, down = self._tile
            block = self._spare.pop() if self._spare else np.empty((down, across, 3), np.uint8)
            if self._slide.read_tile(self._level, column, row, block):
                self._decoded.add((column, row))
            else:
                self._spare.append(block)
                block = self._slide.read_level(self._level, column * across, row * down, across, down)
            self._blocks[column, row] = block
        return block

    def _forget_above(self, row: int) -> None:
        if row > self._row:
            self._row = row
            for key in [key for key in self._blocks if key[1] < row]:
                block = self._blocks.pop(key)
                if key in self._decoded:  # memory that serves again: fresh pages cost as much as a copy
                    self._decoded.remove(key)
                    self._spare.append(block)


def _reach(end: float, margin: int, size: int) -> int:
    """Where to stop reading: the filter's margin ends with the slide, so that no white is mixed in."""
    needed = math.ceil(end)
    return max(needed, min(needed + margin, size))
