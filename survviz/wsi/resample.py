"""Antialiased resampling of a box of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels; fractions allowed."""


def clip_area(area: tuple[int, int, int, int], size: tuple[int, int], *, keep_edge: bool) -> tuple[int, int, int, int]:
    """The part of left, top, right, bottom that lies within (width, height); at least its edge if that is kept."""
    left, top, right, bottom = area
    least = 1 if keep_edge else 0
    left, top = max(0, min(left, size[0] - least)), max(0, min(top, size[1] - least))
    return left, top, max(least, min(right, size[0])), max(least, min(bottom, size[1]))


def framed(
    pixels: NDArray[np.uint8], around: tuple[tuple[int, int], tuple[int, int]], *, repeat: bool
) -> NDArray[np.uint8]:
    """Add (above, below), (left, right) pixels: white, or the nearest pixel repeated."""
    if not any(side > 0 for pair in around for side in pair):
        return pixels
    if repeat:
        return np.pad(pixels, (*around, (0, 0)), mode="edge")
    return np.pad(pixels, (*around, (0, 0)), constant_values=255)


def needs_no_margin(box: Box, width: int, height: int) -> bool:
    """Whether every pixel made of a box is the mean of whole pixels within it, so that its neighbours do not matter."""
    left, top, right, bottom = (float(edge) for edge in box)
    whole = all(edge.is_integer() for edge in (left, top, right, bottom))
    return whole and ((right - left) / width).is_integer() and ((bottom - top) / height).is_integer()


def resample(pixels: NDArray[np.uint8], box: Box, width: int, height: int) -> NDArray[np.uint8]:
    """Scale a box of an image to (height, width, 3). What lies around the box serves the filter, so no seam shows."""
    left, top, right, bottom = box
    whole = all(float(edge).is_integer() for edge in box)
    if whole and right - left == width and bottom - top == height:
        return pixels[int(top) : int(bottom), int(left) : int(right)]
    scale_x, scale_y = (right - left) / width, (bottom - top) / height
    if needs_no_margin(box, width, height):
        method = Image.Resampling.BOX
    else:
        method = Image.Resampling.HAMMING if min(scale_x, scale_y) > 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(pixels).resize((width, height), method, box=box))
