"""Patch pixels: right, in order, decoded once, memory flat."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from survviz.units import to_mpp
from survviz.wsi.grid import PatchGrid
from survviz.wsi.reader import iter_patches
from survviz.wsi.slide import open_slide


def full_grid(width: int, height: int, side: int, px: int = 256) -> PatchGrid:
    rows, columns = np.mgrid[: -(-height // side), : -(-width // side)]
    coords = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.int64) * side
    return PatchGrid(coords, side, px, to_mpp(0.5), np.ones(len(coords), np.float32))


def test_aligned_patches_are_the_native_pixels(formula_slide) -> None:
    slide, _ = formula_slide(1000, 700)
    grid = full_grid(1000, 700, 256)
    whole = slide.read_region(0, 0, 0, 1024, 768)
    seen = 0
    for rows, patches in iter_patches(slide, grid, batch_size=5):
        assert rows.start == seen
        seen = rows.stop
        for (x, y), patch in zip(grid.coords[rows], patches, strict=True):
            np.testing.assert_array_equal(patch[..., :2], whole[y : y + 256, x : x + 256, :2])
    assert seen == len(grid) == 12


@pytest.mark.parametrize(("side", "tile"), [(256, 256), (256, 240), (300, 256), (512, 256), (100, 256), (257, 512)])
def test_every_native_block_is_decoded_once(formula_slide, side, tile) -> None:
    slide, backend = formula_slide(3000, 2100, tile)
    grid = full_grid(3000, 2100, side)
    for _ in iter_patches(slide, grid, batch_size=7):
        pass
    assert len(backend.reads) == len(set(backend.reads)) == -(-3000 // tile) * -(-2100 // tile)


def test_blocks_without_patches_are_not_decoded(formula_slide) -> None:
    slide, backend = formula_slide(10_000, 10_000)
    grid = PatchGrid(np.array([[0, 0], [5120, 2560]]), 256, 256, to_mpp(0.5), np.ones(2, np.float32))
    list(iter_patches(slide, grid))
    assert backend.reads == [(0, 0), (5120, 2560)]


def test_patches_of_a_finer_slide_are_antialiased_means(formula_slide) -> None:
    slide, _ = formula_slide(4096, 2048, mpp=0.25)
    grid = full_grid(4096, 2048, 512)
    whole = slide.read_region(0, 0, 0, 4096, 2048).astype(float)
    for rows, patches in iter_patches(slide, grid):
        for (x, y), patch in zip(grid.coords[rows], patches, strict=True):
            mean = whole[y : y + 512, x : x + 512].reshape(256, 2, 256, 2, 3).mean((1, 3))
            np.testing.assert_allclose(patch[..., :2], mean[..., :2], atol=0.51)


def test_the_level_nearest_to_the_wanted_resolution_is_read(write_pyramid, tissue_like) -> None:
    image = tissue_like(2048, 2048)
    with open_slide(write_pyramid(image, levels=3, mpp=0.125, compression="jpeg2000")) as slide:
        grid = full_grid(2048, 2048, 1024)
        patches = np.concatenate([batch for _, batch in iter_patches(slide, grid)])
        expected = slide.read_region(0, 0, 2, 512, 512)
    np.testing.assert_array_equal(patches[0], expected[:256, :256])
    np.testing.assert_array_equal(patches[3], expected[256:, 256:])


def test_a_coarse_slide_is_enlarged_in_place(formula_slide) -> None:
    slide, _ = formula_slide(2000, 2000, mpp=2.0)
    grid = full_grid(2000, 2000, 64)
    (_, patches) = next(iter(iter_patches(slide, grid, batch_size=4)))
    whole = slide.read_region(0, 0, 0, 256, 64).astype(float)
    for index, patch in enumerate(patches):
        part = whole[:, index * 64 : (index + 1) * 64, :2]
        np.testing.assert_allclose(patch[..., :2].reshape(64, 4, 64, 4, 2).mean((1, 3)), part, atol=1.0)


def test_memory_does_not_grow_with_the_height_of_the_slide(formula_slide) -> None:
    peaks = []
    for height in (4_000, 40_000):
        slide, _ = formula_slide(6000, height)
        grid = full_grid(6000, height, 256)
        tracemalloc.start()
        for _, patches in iter_patches(slide, grid, batch_size=32):
            del patches
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.1
    assert peaks[1] < 40 * 2**20
