"""Antialiased resampling of a box of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels; fractions allowed."""


def crop(pixels: NDArray[np.uint8], x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) at corner (x, y), which may lie outside the image; white there."""
    out = np.full((height, width, 3), 255, np.uint8)
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + width, pixels.shape[1]), min(y + height, pixels.shape[0])
    if left < right and top < bottom:
        out[top - y : bottom - y, left - x : right - x] = pixels[top:bottom, left:right]
    return out


def resample(pixels: NDArray[np.uint8], box: Box, width: int, height: int) -> NDArray[np.uint8]:
    """Scale a box of an image to (height, width, 3). What lies around the box serves the filter, so no seam shows."""
    left, top, right, bottom = box
    whole = all(float(edge).is_integer() for edge in box)
    if whole and right - left == width and bottom - top == height:
        return pixels[int(top) : int(bottom), int(left) : int(right)]
    scale_x, scale_y = (right - left) / width, (bottom - top) / height
    if whole and scale_x.is_integer() and scale_y.is_integer():
        method = Image.Resampling.BOX
    else:
        method = Image.Resampling.HAMMING if min(scale_x, scale_y) > 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(pixels).resize((width, height), method, box=box))
