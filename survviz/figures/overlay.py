"""A map painted over a picture of the slide: patch by patch, on the pixels where the patches lie."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from survviz.errors import InputError
from survviz.figures.patch_map import RESEARCH_USE, PatchMap
from survviz.figures.scaling import Look, Summary, colours_of, summarise

__all__ = ["RESEARCH_USE", "bar_length_um", "blank_slide", "blend", "greyed", "paint"]

Size = tuple[int, int]

BAND_PX = 32
LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of CSS's `grayscale`, which the browser turns the slide grey with."""


def blank_slide(patch_map: PatchMap, px: int) -> tuple[NDArray[np.uint8], Size]:
    """A light canvas of at most `px` pixels for a map without its slide, and the extent of the patches at level 0."""
    width, height = (int(edge) for edge in patch_map.coords.max(axis=0, initial=0) + patch_map.patch_size_level0)
    factor = min(1.0, px / max(width, height))
    shape = (max(1, round(height * factor)), max(1, round(width * factor)), 3)
    return np.full(shape, 244, dtype=np.uint8), (width, height)


def paint(
    patch_map: PatchMap, slide_size: Size, size: Size, look: Look | None = None, summary: Summary | None = None
) -> NDArray[np.uint8]:
    """(height, width, 4) picture of the map alone; pixels outside the patches are fully transparent.

    Args:
        slide_size: (width, height) of level 0 in pixels.
        size: (width, height) of the picture.
        summary: ends of the scales, over all slides of the case; by default over this map alone.
    """
    look = look or Look()
    colours = colours_of(patch_map, look, summary or summarise([patch_map]))
    if look.smooth and (grid := _grid_of(patch_map)) is not None:
        return _smooth(patch_map, colours, grid, slide_size, size)
    width, height = size
    canvas = np.zeros((height, width, 4), dtype=np.uint8)
    start, stop = _edges(patch_map.coords, patch_map.patch_size_level0, slide_size, size)
    for (x0, y0), (x1, y1), colour in zip(start.tolist(), stop.tolist(), colours, strict=True):
        canvas[y0:y1, x0:x1] = colour
    return canvas


def _edges(
    coords: NDArray[np.integer], side: int, slide_size: Size, size: Size
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First pixel and the one after the last, of every patch; each axis has its own scale, as sizes are rounded."""
    per_pixel = np.array([size[0] / slide_size[0], size[1] / slide_size[1]])
    start = np.round(coords * per_pixel).astype(np.int64)
    stop = np.maximum(np.round((coords.astype(np.int64) + side) * per_pixel).astype(np.int64), start + 1)
    return np.maximum(start, 0), stop


def _grid_of(patch_map: PatchMap) -> NDArray[np.int64] | None:
    """(N, 2) column and row of each patch, or None where they are on no regular grid."""
    if not len(patch_map):
        return None
    offset = patch_map.coords.astype(np.int64) - patch_map.coords.min(axis=0)
    cells, rest = np.divmod(offset, patch_map.patch_size_level0)
    return None if rest.any() or len(np.unique(cells, axis=0)) < len(cells) else cells


def _smooth(
    patch_map: PatchMap, colours: NDArray[np.uint8], cells: NDArray[np.int64], slide_size: Size, size: Size
) -> NDArray[np.uint8]:
    """Neighbouring patches blended; a pixel per patch is enlarged."""
    columns, rows = cells.max(axis=0) + 1
    grid = np.zeros((rows, columns, 4), dtype=np.uint8)
    grid[cells[:, 1], cells[:, 0]] = colours
    corner = patch_map.coords.min(axis=0, keepdims=True)
    extent = np.array([[columns, rows]]) * patch_map.patch_size_level0
    (start,), _ = _edges(corner, 1, slide_size, size)
    (stop,), _ = _edges(corner + extent, 1, slide_size, size)
    width, height = (int(max(1, b - a)) for a, b in zip(start, stop, strict=True))
    enlarged = Image.fromarray(grid).resize((width, height), Image.Resampling.BILINEAR)
    canvas = Image.new("RGBA", size)
    canvas.paste(enlarged, (int(start[0]), int(start[1])))
    return np.asarray(canvas)


def greyed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture without its colours, so that they do not mix with those of a signed map."""
    grey = np.round(picture.astype(np.float64) @ np.array(LUMINANCE)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def blend(
    thumbnail: NDArray[np.uint8],
    patch_map: PatchMap,
    slide_size: Size,
    look: Look | None = None,
    summary: Summary | None = None,
) -> NDArray[np.uint8]:
    """(height, width, 3) thumbnail under the map, at one opacity inside the patches and none outside.

    Opacity has 256 steps, as on a browser's canvas.

    Raises:
        InputError: the thumbnail is no RGB picture.
    """
    look = look or Look()
    if thumbnail.ndim != 3 or thumbnail.shape[2] != 3:
        raise InputError(f"A thumbnail of shape {thumbnail.shape} was given; expected (height, width, 3).")
    out = greyed(thumbnail) if patch_map.nature == "signed" else np.array(thumbnail)
    size = (thumbnail.shape[1], thumbnail.shape[0])
    for rows, layer in _bands(patch_map, slide_size, size, look, summary or summarise([patch_map])):
        _mix(out[rows], layer, look.opacity)
    return out


def _bands(
    patch_map: PatchMap, slide_size: Size, size: Size, look: Look, summary: Summary
) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Rows of the picture and what lies over them, (rows or 1, width, 4): a row of a regular grid is coloured once."""
    cells = None if look.smooth else _grid_of(patch_map)
    start, stop = _edges(patch_map.coords, patch_map.patch_size_level0, slide_size, size)
    if cells is None or _overlap(cells, start, stop):
        layer = paint(patch_map, slide_size, size, look, summary)
        for first in range(0, size[1], BAND_PX):
            rows = slice(first, min(first + BAND_PX, size[1]))
            yield rows, layer[rows]
        return
    columns, rows = cells.max(axis=0) + 1
    grid = np.zeros((rows, columns + 1, 4), np.uint8)  # the last column is what lies beside the patches
    grid[cells[:, 1], cells[:, 0]] = colours_of(patch_map, look, summary)
    place = np.full(size[0], columns)
    for column, one in zip(*np.unique(cells[:, 0], return_index=True), strict=True):
        place[start[one, 0] : stop[one, 0]] = column
    for row, one in zip(*np.unique(cells[:, 1], return_index=True), strict=True):
        yield slice(start[one, 1], stop[one, 1]), grid[row, place][None]


def _overlap(cells: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]) -> bool:
    """Whether patches share pixels, because the picture has fewer pixels than the grid has cells."""
    for axis in (0, 1):
        _, one = np.unique(cells[:, axis], return_index=True)
        if (start[one, axis][1:] < stop[one, axis][:-1]).any():
            return True
    return False


def _mix(band: NDArray[np.uint8], layer: NDArray[np.uint8], opacity: float) -> None:
    """Put a layer over a band, in place: the rounded mean of both by weights of 255 in all, in whole numbers."""
    weight = np.repeat(np.rint(layer[..., 3:] * opacity).astype(np.uint16), 3, axis=-1)
    mixed = band * (255 - weight)
    mixed += layer[..., :3] * weight + np.uint16(128)
    mixed += mixed >> 8
    mixed >>= 8
    band[:] = mixed


def bar_length_um(available_um: float) -> float:
    """The longest of 1, 2, 5 times a power of ten that fits.

    Raises:
        InputError: nothing can fit.
    """
    if not (math.isfinite(available_um) and available_um > 0):
        raise InputError(f"A scale bar needs a positive length; {available_um} um is available.")
    power = 10.0 ** math.floor(math.log10(available_um))
    return max(step * power for step in (1, 2, 5) if step * power <= available_um)
