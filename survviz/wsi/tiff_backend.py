"""TIFF slides that OpenSlide refuses, read with tifffile: OME-TIFF, QPTIFF, JPEG 2000 and other tiled TIFF.

Files of several channels (fluorescence) are shown as an additive colour composite.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from survviz.errors import SlideError
from survviz.wsi import tiff_metadata
from survviz.wsi.info import (
    Level,
    SlideInfo,
    block_of,
    plausible_mpp,
    size_hint,
    slide_id_of,
    viewer_tile_of,
    whole_downsample,
)
from survviz.wsi.segments import MAX_SEGMENT_BYTES, PARSE_ERRORS, Pixels, SegmentReader, StoredPage
from survviz.wsi.stored_jpeg import complete_jpeg
from survviz.wsi.tiff_directories import check_chain
from survviz.wsi.tiff_layout import Layout, layout_of

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its warnings about odd tags help nobody here

WINDOW_SAMPLES = 16
WINDOW_PERCENTILES = (1.0, 99.7)
MINISWHITE = 0


class TiffBackend:
    """One TIFF file: its layout is parsed once, its strips and tiles are decoded on demand."""

    def __init__(self, path: Path) -> None:
        check_chain(path)
        try:
            with tifffile.TiffFile(path) as file:
                self._layout = layout_of(file, path.name)
                for page in (page for level in self._layout.planes for page in level):
                    _check_page(page, path.name)
                self.info, self._colours = _describe(path, file, self._layout)
        except PARSE_ERRORS as error:
            raise SlideError(
                f"{path.name} cannot be read as TIFF: {error}. The file is damaged or incomplete; copy it again."
            ) from error
        self._reader = SegmentReader(path)
        self._handed_on: dict[int, bool] = {}
        self._straight: dict[int, bool] = {}

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether the file starts like a TIFF or BigTIFF."""
        with path.open("rb") as file:
            return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

    def read(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Backend.read`."""
        area = (x, y, x + width, y + height)
        return self._rgb(level, area) if self._layout.is_rgb else self._composite(level, area)

    def read_tile(self, level: int, column: int, row: int, out: NDArray[np.uint8]) -> bool:
        """See `Backend.read_tile`: whole JPEG tiles. The first one of a level is compared with what `read` gives."""
        page = self._layout.planes[level][0]
        across, down = page.block
        whole = (column + 1) * across <= page.width and (row + 1) * down <= page.height
        if not (whole and out.shape == (down, across, 3) and self._layout.is_rgb and page.straight is not None):
            return False
        if self._straight.get(level) is False:
            return False
        done = self._reader.decode_into(page, row * -(-page.width // across) + column, out)
        if done and level not in self._straight:
            same = np.array_equal(out, self.read(level, column * across, row * down, across, down))
            self._straight[level] = done = same
        return done

    def stored_jpeg(self, level: int, column: int, row: int, side: int) -> bytes | None:
        """See `Backend.stored_jpeg`."""
        page = self._layout.planes[level][0]
        across, down = page.block
        whole = (column + 1) * across <= page.width and (row + 1) * down <= page.height
        if not (whole and page.block == (side, side) and self._layout.is_rgb and page.compression == "JPEG"):
            return None
        if page.planar or self._handed_on.get(level) is False:
            return None
        data = self._reader.stored(page, row * -(-page.width // across) + column)
        jpeg = complete_jpeg(data, page.tables, page.photometric, page.block)
        if jpeg is None or not self._hands_on(level, jpeg, (column * across, row * down, across, down)):
            return None
        return jpeg

    def _hands_on(self, level: int, jpeg: bytes, area: tuple[int, int, int, int]) -> bool:
        """Whether the first tile asked of a level decodes to the very pixels that `read` gives; remembered."""
        if level not in self._handed_on:
            try:
                with Image.open(io.BytesIO(jpeg)) as image:
                    shown = np.asarray(image.convert("RGB"))
            except PARSE_ERRORS:
                return False
            self._handed_on[level] = np.array_equal(shown, self.read(level, *area))
        return self._handed_on[level]

    def identity(self) -> str:
        """See `Backend.identity`: one file holds everything."""
        return ""

    def close(self) -> None:
        """See `Backend.close`."""
        self._reader.close()

    def _rgb(self, level: int, area: tuple[int, int, int, int]) -> NDArray[np.uint8]:
        left, top, right, bottom = area
        page = self._layout.planes[level][0]
        out = None
        for sample, x, y, pixels in self._segments(page, area):
            target, source = _overlap(area, x, y, pixels)
            part = to_uint8(pixels[source][..., :3])
            if part.shape == (bottom - top, right - left, 3):
                return part
            if out is None:
                out = np.full((bottom - top, right - left, 3), 255, np.uint8)
            if page.planar and sample < 3:
                out[target][..., sample] = part[..., 0]
            elif not page.planar:
                out[target] = part
        return np.full((bottom - top, right - left, 3), 255, np.uint8) if out is None else out

    def _composite(self, level: int, area: tuple[int, int, int, int]) -> NDArray[np.uint8]:
        left, top, right, bottom = area
        light = np.zeros((bottom - top, right - left, 3), np.float32)
        for plane, page in enumerate(self._layout.planes[level]):
            for sample, x, y, pixels in self._segments(page, area):
                target, source = _overlap(area, x, y, pixels)
                for offset in range(pixels.shape[-1]):
                    channel = plane * self._layout.samples + sample + offset
                    low, high = self._windows[channel]
                    share = (pixels[source][..., offset].astype(np.float32) - low) / (high - low)
                    light[target] += np.clip(share, 0, 1)[..., None] * np.asarray(self._colours[channel], np.float32)
        if self._layout.channels == 1 and self._layout.planes[0][0].photometric == MINISWHITE:
            light = 255 - light
        return np.clip(light, 0, 255).astype(np.uint8)

    @cached_property
    def _windows(self) -> tuple[tuple[float, float], ...]:
        """Darkest and brightest value of each channel, from blocks spread over the smallest level."""
        values: dict[int, list[Pixels]] = {channel: [] for channel in range(self._layout.channels)}
        for plane, page in enumerate(self._layout.planes[-1]):
            planar = page.planar
            per_sample = len(page.offsets) // (self._layout.samples if planar else 1)
            picks = np.unique(np.linspace(0, per_sample - 1, min(per_sample, WINDOW_SAMPLES)).astype(int))
            for sample in range(self._layout.samples):
                channel = plane * self._layout.samples + sample
                for pick in picks:
                    pixels = self._reader.read(page, int(pick) + (sample * per_sample if planar else 0))
                    if pixels is not None:
                        values[channel].append(pixels[..., 0 if planar else sample].ravel()[::7])
        return tuple(_window(parts) for parts in values.values())

    def _segments(self, page: StoredPage, area: tuple[int, int, int, int]) -> Iterator[tuple[int, int, int, Pixels]]:
        """(first sample, x, y, pixels) of every stored segment that touches the area."""
        across, down = page.block
        columns, rows = -(-page.width // across), -(-page.height // down)
        left, top, right, bottom = area
        for sample in range(page.samples if page.planar else 1):
            for row in range(top // down, -(-bottom // down)):
                for column in range(left // across, -(-right // across)):
                    pixels = self._reader.read(page, (sample * rows + row) * columns + column)
                    if pixels is not None:
                        yield sample, column * across, row * down, pixels


def to_uint8(pixels: Pixels) -> NDArray[np.uint8]:
    """Integers of more bits lose the low ones; floats are taken to span 0 to 1."""
    if pixels.dtype == np.uint8:
        return pixels.view(np.uint8)
    if pixels.dtype.kind == "u":
        return (pixels.astype(np.uint64) >> np.uint64(8 * (pixels.dtype.itemsize - 1))).astype(np.uint8)
    if pixels.dtype.kind == "i":
        return np.clip(pixels, 0, 255).astype(np.uint8)
    return (np.clip(np.nan_to_num(pixels.astype(np.float32)), 0, 1) * 255).astype(np.uint8)


def _overlap(
    area: tuple[int, int, int, int], x: int, y: int, pixels: Pixels
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a segment at (x, y) falls into an area, and which part of it does."""
    left, top, right, bottom = area
    x0, x1 = max(x, left), min(x + pixels.shape[1], right)
    y0, y1 = max(y, top), min(y + pixels.shape[0], bottom)
    target = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    return target, (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def _window(parts: list[Pixels]) -> tuple[float, float]:
    if not parts:
        return 0.0, 1.0
    low, high = np.nanpercentile(np.concatenate(parts).astype(np.float64), WINDOW_PERCENTILES)
    return float(low), float(high if high > low else low + 1)


def _check_page(page: StoredPage, name: str) -> None:
    across, down = page.block
    if min(across, down, page.width, page.height, page.samples) < 1:
        raise SlideError(f"{name} is damaged: it declares image blocks of {across} x {down} pixels.")
    size = across * down * (1 if page.planar else page.samples) * page.dtype.itemsize
    if size > MAX_SEGMENT_BYTES:
        raise SlideError(
            f"{name} stores its image in blocks of {size // 2**20} MB, too large to read in parts. "
            "Convert it to a tiled pyramid, for example: vips tiffsave in.tif out.tif --tile --pyramid"
        )


def _describe(
    path: Path, file: tifffile.TiffFile, layout: Layout
) -> tuple[SlideInfo, tuple[tiff_metadata.Colour, ...]]:
    page = layout.planes[0][0]
    x, y, colours = None, None, []
    vendor = "generic-tiff"
    if file.is_ome and file.ome_metadata:
        vendor = "ome-tiff"
        x, y, colours = tiff_metadata.ome_image(file.ome_metadata, layout.series)
    elif file.is_qpi:
        vendor = "perkinelmer-qptiff"
        colours = [tiff_metadata.qpi_colour(description) for description in layout.descriptions]
    first = file.series[layout.series].keyframe
    if not (x and y):
        x, y = tiff_metadata.resolution_mpp(first)
    mpp, why = plausible_mpp(x, y)
    full = layout.sizes[0]
    levels = tuple(
        Level(*size, whole_downsample(full, size), block_of(level[0].block, size))
        for size, level in zip(layout.sizes, layout.planes, strict=True)
    )
    info = SlideInfo(
        path=path,
        slide_id=slide_id_of(path),
        vendor=vendor,
        dimensions=full,
        levels=levels,
        declared_mpp=mpp,
        properties={"compression": page.compression, "channels": str(layout.channels), "dtype": str(page.dtype)},
        size_hint="" if mpp else " ".join(filter(None, (why, size_hint(full, None)))),
        is_rgb=layout.is_rgb,
        channels=layout.channels,
        viewer_tile=viewer_tile_of([level[0].block for level in layout.planes]),
    )
    return info, tiff_metadata.with_palette(colours, layout.channels)
