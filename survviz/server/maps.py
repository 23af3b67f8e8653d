"""One number per patch, as the browser gets it: exact, colourless, and independent of the slide file.

A *layout* holds the corners (N pairs of int32, level-0 pixels) and is shared by all maps of a slide; a *map* holds
N float32 in the same order: fold over uniform attention (1 = as much as any other patch of the case). NaN = no value.
Both are little-endian. Sending values instead of colours lets the viewer change colour, scale, threshold and opacity
without asking again; sending corners instead of a raster keeps every overlay aligned to the pixel, whatever the grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.types import PatchScores

LARGEST_COORDINATE = 2**31 - 1


def encode_layout(coords: NDArray[np.int64]) -> bytes:
    """Corners as int32 pairs.

    Raises:
        InputError: the coordinates are not (N, 2), or beyond any slide.
    """
    if coords.ndim != 2 or coords.shape[1] != 2:
        raise InputError(f"Patch coordinates of shape {coords.shape} were given; expected (N, 2) of x, y.")
    if coords.size and (coords.min() < 0 or coords.max() > LARGEST_COORDINATE):
        raise InputError(
            f"Patch coordinates from {coords.min()} to {coords.max()} were given; expected level-0 pixels, 0 or more."
        )
    return np.ascontiguousarray(coords, dtype="<i4").tobytes()


def encode_values(scores: PatchScores) -> bytes:
    """Fold over uniform as float32.

    Raises:
        InputError: values and coordinates differ in number.
    """
    if len(scores.values) != len(scores.coords):
        raise InputError(f"{len(scores.values)} values were given for {len(scores.coords)} patches; expected one each.")
    return np.ascontiguousarray(scores.fold_over_uniform, dtype="<f4").tobytes()


def decode_layout(data: bytes) -> NDArray[np.int32]:
    """(N, 2) corners."""
    return np.frombuffer(data, dtype="<i4").reshape(-1, 2)


def decode_values(data: bytes) -> NDArray[np.float32]:
    """(N,) fold over uniform."""
    return np.frombuffer(data, dtype="<f4")
