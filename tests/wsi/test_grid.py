"""Where patches lie: by size in um, in order, by share of tissue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.errors import InputError, NoTissueError
from survviz.units import to_mpp
from survviz.wsi.grid import patch_grid, patch_size_level0, tissue_shares
from survviz.wsi.tissue import TissueMask


def mask_of(mask: np.ndarray, dimensions: tuple[int, int]) -> TissueMask:
    rows, columns = mask.shape
    downsample = (dimensions[0] / columns, dimensions[1] / rows)
    return TissueMask(mask, downsample, float(mask.mean()), 0.0, False, np.zeros((*mask.shape, 3), np.uint8))


@pytest.mark.parametrize(
    ("mpp", "side"),
    [(0.5, 256), (0.25, 512), (0.499, 256), (0.252, 512), (1.0, 128), (2.0, 64), (0.4, 320), (0.2282, 561)],
)
def test_patch_side_follows_the_pixel_size(formula_slide, mpp, side) -> None:
    slide, _ = formula_slide(4000, 4000, mpp=mpp)
    assert patch_size_level0(slide, to_mpp(0.5), 256) == side


def test_coordinates_are_multiples_of_the_side_in_row_order(formula_slide) -> None:
    slide, _ = formula_slide(3000, 2000)
    mask = np.zeros((200, 300), bool)
    mask[40:170, 60:290] = True
    grid = patch_grid(slide, mask_of(mask, slide.dimensions))
    assert grid.coords.dtype == np.int64
    assert (grid.coords % 256 == 0).all()
    order = np.lexsort((grid.coords[:, 0], grid.coords[:, 1]))
    np.testing.assert_array_equal(order, np.arange(len(grid)))
    again = patch_grid(slide, mask_of(mask, slide.dimensions))
    np.testing.assert_array_equal(again.coords, grid.coords)
    assert (grid.tissue_share >= 0.5).all()


def test_patch_at_the_edge_counts_what_lies_outside_as_no_tissue(formula_slide) -> None:
    slide, _ = formula_slide(640, 384)  # 2.5 x 1.5 patches
    shares = tissue_shares(mask_of(np.ones((12, 20), bool), slide.dimensions), slide.dimensions, 256)
    np.testing.assert_allclose(shares, [[1, 1, 0.5], [0.5, 0.5, 0.25]])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 90), st.integers(20, 90), st.integers(3, 37))
def test_shares_equal_counting_pixels(seed, width, height, side) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    shares = tissue_shares(mask_of(mask, (width, height)), (width, height), side)
    for row in range(shares.shape[0]):
        for column in range(shares.shape[1]):
            part = mask[row * side : (row + 1) * side, column * side : (column + 1) * side]
            assert shares[row, column] == pytest.approx(part.sum() / side**2, abs=1e-9)


def test_shares_do_not_depend_on_the_resolution_of_the_mask(formula_slide) -> None:
    slide, _ = formula_slide(2048, 2048)
    coarse = np.zeros((16, 16), bool)
    coarse[3:11, 5:13] = True
    fine = np.kron(coarse, np.ones((8, 8), bool))
    np.testing.assert_allclose(
        tissue_shares(mask_of(coarse, slide.dimensions), slide.dimensions, 300),
        tissue_shares(mask_of(fine, slide.dimensions), slide.dimensions, 300),
        atol=1e-9,
    )


def test_too_little_tissue_is_said(formula_slide) -> None:
    slide, _ = formula_slide(1000, 1000)
    mask = np.zeros((100, 100), bool)
    mask[:8, :8] = True
    with pytest.raises(NoTissueError, match="the largest share is 10%"):
        patch_grid(slide, mask_of(mask, slide.dimensions))
    assert len(patch_grid(slide, mask_of(mask, slide.dimensions), min_tissue=0.05)) == 1
    with pytest.raises(InputError, match="min_tissue=2"):
        patch_grid(slide, mask_of(mask, slide.dimensions), min_tissue=2)


def test_a_grid_says_at_which_size_its_patches_lie(formula_slide) -> None:
    slide, _ = formula_slide(2048, 1024, mpp=0.25)
    grid = patch_grid(slide, mask_of(np.ones((64, 128), bool), slide.dimensions), target_mpp=0.5, patch_px=128)
    assert (grid.patch_size_level0, grid.patch_px, float(grid.target_mpp)) == (256, 128, 0.5)
    assert grid.tissue_share.dtype == np.float32
    assert grid.coords.tolist() == [[x, y] for y in range(0, 1024, 256) for x in range(0, 2048, 256)]


@pytest.mark.parametrize(("min_tissue", "kept"), [(0, 3), (0.25, 3), (0.26, 2), (0.5, 2), (1, 1)])
def test_a_patch_with_just_enough_tissue_is_kept_and_none_without_any(formula_slide, min_tissue, kept) -> None:
    slide, _ = formula_slide(1024, 256)  # four patches: all, half, a quarter and no tissue
    mask = np.zeros((4, 16), bool)
    mask[:, :6] = True
    mask[:, 8] = True
    grid = patch_grid(slide, mask_of(mask, slide.dimensions), min_tissue=min_tissue)
    assert grid.tissue_share.tolist() == [1, 0.5, 0.25][:kept]


def test_patches_of_one_pixel_are_the_smallest(formula_slide) -> None:
    slide, _ = formula_slide(4, 4)
    mask = mask_of(np.ones((4, 4), bool), slide.dimensions)
    assert len(patch_grid(slide, mask, patch_px=1)) == 16
    with pytest.raises(InputError, match="patch_px=0"):
        patch_grid(slide, mask, patch_px=0)
    assert patch_size_level0(slide, to_mpp(0.1), 1) == 1
