"""Patches on a regular grid, laid by physical size, not by pyramid level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, NoTissueError
from survviz.units import Mpp, to_mpp
from survviz.wsi.slide import Slide
from survviz.wsi.tissue import TissueMask

SNAP_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """Where the patches of a slide lie.

    Attributes:
        coords: (N, 2) x, y of the top-left corner in level-0 pixels, by row, then column; multiples of the patch side.
        patch_size_level0: side of a patch in level-0 pixels.
        patch_px: side of a patch as the encoder sees it.
        target_mpp: um per pixel of a patch as the encoder sees it.
        tissue_share: (N,) share of each patch that is tissue.
    """

    coords: NDArray[np.int64]
    patch_size_level0: int
    patch_px: int
    target_mpp: Mpp
    tissue_share: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.coords)


def patch_grid(
    slide: Slide, mask: TissueMask, *, target_mpp: float = 0.5, patch_px: int = 256, min_tissue: float = 0.5
) -> PatchGrid:
    """Lay squares of `patch_px` pixels at `target_mpp` from the slide's origin; keep those with enough tissue.

    A patch may reach beyond the right or lower edge, where it is white; what lies outside counts as no tissue.

    Raises:
        NoTissueError: no patch holds enough tissue.
    """
    if patch_px < 1 or not 0 <= min_tissue <= 1:
        raise InputError(f"patch_px={patch_px} and min_tissue={min_tissue} were given; expected >= 1 and 0 to 1.")
    side = patch_size_level0(slide, to_mpp(target_mpp), patch_px)
    shares = tissue_shares(mask, slide.dimensions, side)
    rows, columns = np.nonzero((shares >= min_tissue) & (shares > 0))
    if len(rows) == 0:
        raise NoTissueError(
            f"{slide.slide_id}: no patch of {patch_px} pixels at {target_mpp:g} um/px ({side} pixels of the slide) "
            f"holds {min_tissue:.0%} tissue; the largest share is {shares.max(initial=0):.0%}. "
            "Check the pixel size, or lower the share of tissue."
        )
    return PatchGrid(
        coords=np.stack([columns, rows], axis=1).astype(np.int64) * side,
        patch_size_level0=side,
        patch_px=patch_px,
        target_mpp=to_mpp(target_mpp),
        tissue_share=shares[rows, columns].astype(np.float32),
    )


def patch_size_level0(slide: Slide, target_mpp: Mpp, patch_px: int) -> int:
    """Side of a patch in level-0 pixels.

    A whole number of level-0 pixels per patch pixel is taken where that is within 1 % (0.499 um/px counts as 0.5):
    then patches are cut, not resampled.
    """
    exact = patch_px * target_mpp / slide.mpp
    snapped = patch_px * max(1, round(target_mpp / slide.mpp))
    return max(1, snapped if abs(snapped / exact - 1) <= SNAP_TOLERANCE else round(exact))


def tissue_shares(mask: TissueMask, dimensions: tuple[int, int], side: int) -> NDArray[np.float64]:
    """(rows, columns) share of tissue in every square of the grid, from one integral image."""
    across = _edges(dimensions[0], side)
    down = _edges(dimensions[1], side)
    scale_x, scale_y = mask.downsample
    integral = np.zeros((mask.mask.shape[0] + 1, mask.mask.shape[1] + 1))
    integral[1:, 1:] = mask.mask.cumsum(0, dtype=np.float64).cumsum(1)
    at = _interpolate(_interpolate(integral, down / scale_y, 0), across / scale_x, 1)
    tissue = np.diff(np.diff(at, axis=0), axis=1)  # in mask pixels
    return np.clip(tissue * scale_x * scale_y / side**2, 0, 1)


def _edges(length: int, side: int) -> NDArray[np.float64]:
    return np.arange(-(-length // side) + 1, dtype=np.float64) * side


def _interpolate(integral: NDArray[np.float64], positions: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Linear interpolation of an integral image is exact for pixels cut by a patch edge."""
    positions = np.clip(positions, 0, integral.shape[axis] - 1)
    low = np.minimum(positions.astype(np.int64), integral.shape[axis] - 2)
    weight = np.expand_dims(positions - low, 1 - axis)
    return np.take(integral, low, axis) * (1 - weight) + np.take(integral, low + 1, axis) * weight
