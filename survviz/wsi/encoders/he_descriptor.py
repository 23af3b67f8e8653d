"""Embedded default encoder: a fixed set of named H&E measurements, no weights, no download (docs/encoders.md)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.wsi.encoders.he_nuclei import nuclear_numbers
from survviz.wsi.encoders.he_stain import Numbers, colour, distribution, separate
from survviz.wsi.encoders.he_texture import texture_numbers

REVISION = "1"
"""Changes whenever any number changes its definition: features of different revisions must never be mixed."""

MIN_SIDE = 64


def describe(patch: NDArray[np.uint8]) -> Numbers:
    """Every number of one (H, W, 3) patch at 0.5 um per pixel, by name, in the fixed order."""
    stains = separate(patch)
    return {
        **distribution("haematoxylin", stains.h),
        **distribution("eosin", stains.e),
        **colour(stains),
        **nuclear_numbers(stains),
        **texture_numbers(stains),
    }


@lru_cache(maxsize=1)
def descriptor_names() -> tuple[str, ...]:
    """What each column means; the same for every patch."""
    return tuple(describe(np.full((MIN_SIDE, MIN_SIDE, 3), 255, dtype=np.uint8)))


class HEDescriptor:
    """Colour deconvolution, nuclei, architecture and texture of patches at 0.5 um per pixel."""

    name = "he-descriptor"
    revision = REVISION
    patch_px = 256
    mpp = 0.5
    min_side = MIN_SIDE

    def __init__(self) -> None:
        self.feature_names: tuple[str, ...] | None = descriptor_names()
        self.dim = len(descriptor_names())

    def encode(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB to (B, D) float32; sides of at least 64 px.

        Raises:
            InputError: another shape or type.
        """
        self.check(patches)
        out = np.empty((len(patches), self.dim), dtype=np.float32)
        for row, patch in zip(out, patches, strict=True):
            row[:] = list(describe(patch).values())
        return out

    def check(self, patches: NDArray[np.uint8]) -> None:
        """Raise where patches have another shape or type."""
        shape = patches.shape
        if patches.dtype != np.uint8 or len(shape) != 4 or shape[-1] != 3 or min(shape[1:3]) < self.min_side:
            raise InputError(
                f"Patches of shape {shape} and type {patches.dtype} were given; "
                f"expected uint8 (B, H, W, 3) with sides of at least {self.min_side} px."
            )
