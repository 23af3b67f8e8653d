"""Slides that OpenSlide reads: SVS, NDPI, MRXS, SCN, BIF, DICOM, tiled TIFF."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image

from survviz.errors import SlideError
from survviz.wsi.info import (
    BLOCK_PX,
    Level,
    SlideInfo,
    block_of,
    plausible_mpp,
    size_hint,
    slide_id_of,
    viewer_tile_of,
    whole_downsample,
)

CACHE_BYTES = 32 * 2**20
SAFE_PROPERTIES = (
    "openslide.vendor",
    "openslide.level-count",
    "openslide.mpp-x",
    "openslide.mpp-y",
    "openslide.objective-power",
    "openslide.bounds-x",
    "openslide.bounds-y",
    "openslide.bounds-width",
    "openslide.bounds-height",
    "openslide.icc-size",
    "aperio.AppMag",
    "aperio.MPP",
    "hamamatsu.SourceLens",
    "tiff.ResolutionUnit",
)


@cache
def shared_cache() -> openslide.OpenSlideCache:
    """One tile cache for all handles of this process."""
    return openslide.OpenSlideCache(CACHE_BYTES)


def vendor_of(path: Path) -> str | None:
    """Name of the format, where OpenSlide knows it."""
    try:
        return openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError:
        return None


class OpenSlideBackend:
    """One OpenSlide handle. OpenSlide itself is thread-safe; a handle that met an error is replaced.

    Its tiles lie in a cache of its own, which goes with it, until it joins the shared one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._shares = False
        handle = self._open()
        self._handle: openslide.OpenSlide | None = handle
        self._own_downsamples = tuple(handle.level_downsamples)
        self._quickhash = handle.properties.get("openslide.quickhash-1", "")
        self.info = _describe(path, handle)

    def read(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Backend.read`."""
        handle = self._handle  # held until the read ends, whoever closes the slide meanwhile
        if handle is None:
            raise SlideError(f"{self._path.name} was closed while it was read. Open it again.")
        downsample = self._own_downsamples[level]
        corner = (round(x * downsample), round(y * downsample))
        try:
            image = handle.read_region(corner, level, (width, height))
        except openslide.OpenSlideError as error:
            self._replace_handle()
            raise SlideError(
                f"{self._path.name} is damaged: level {level} cannot be decoded near x={corner[0]}, y={corner[1]} "
                f"({error}). Copy the file again from its source."
            ) from error
        alpha = image.getchannel("A")
        if alpha.getextrema() == (255, 255):
            return np.asarray(image.convert("RGB"))
        opaque = Image.new("RGB", image.size, "white")
        opaque.paste(image, mask=alpha)
        return np.asarray(opaque)

    def read_tile(self, level: int, column: int, row: int, out: NDArray[np.uint8]) -> bool:
        """See `Backend.read_tile`: OpenSlide composites every tile."""
        return False

    def stored_jpeg(self, level: int, column: int, row: int, side: int) -> bytes | None:
        """See `Backend.stored_jpeg`: OpenSlide does not tell."""
        return None

    def is_exact(self, level: int) -> bool:
        """Whole pixels of this level can be addressed; otherwise OpenSlide interpolates between them."""
        return self._own_downsamples[level].is_integer()

    def identity(self) -> str:
        """See `Backend.identity`: covers the companion files of MRXS and DICOM."""
        return self._quickhash

    def join_shared_cache(self) -> None:
        """Keep tiles where all slides of the process keep theirs: for a slide that stays open."""
        with self._lock:
            self._shares = True
            if self._handle is not None:
                self._handle.set_cache(shared_cache())

    def close(self) -> None:
        """See `Backend.close`."""
        with self._lock:
            self._handle = None  # freed when the last read in progress ends

    def _open(self) -> openslide.OpenSlide:
        try:
            handle = openslide.OpenSlide(self._path)
        except (openslide.OpenSlideError, ValueError) as error:
            raise SlideError(
                f"{self._path.name} cannot be opened: {error}. The file is damaged or incomplete; copy it again."
            ) from error
        if self._shares:
            handle.set_cache(shared_cache())
        return handle

    def _replace_handle(self) -> None:
        """OpenSlide refuses every call after an error, so one bad tile would blank the whole slide."""
        with self._lock:
            if self._handle is not None:
                self._handle = self._open()


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _levels(handle: openslide.OpenSlide) -> tuple[Level, ...]:
    levels = []
    for index, (width, height) in enumerate(handle.level_dimensions):
        tile = block_of(_stored_tile(handle, index), (width, height))
        levels.append(Level(width, height, whole_downsample(handle.dimensions, (width, height)), tile))
    return tuple(levels)


def _stored_tile(handle: openslide.OpenSlide, level: int) -> tuple[int, int]:
    """(width, height) of a level's own tiles; a usual size where it has none."""
    width, height = (
        _number(handle.properties.get(f"openslide.level[{level}].tile-{side}")) for side in ("width", "height")
    )
    return int(width or BLOCK_PX), int(height or BLOCK_PX)


def _describe(path: Path, handle: openslide.OpenSlide) -> SlideInfo:
    properties = handle.properties
    vendor = properties.get("openslide.vendor", "unknown")
    mpp, why = plausible_mpp(_number(properties.get("openslide.mpp-x")), _number(properties.get("openslide.mpp-y")))
    magnification = _number(properties.get("openslide.objective-power"))
    return SlideInfo(
        path=path,
        slide_id=slide_id_of(path),
        vendor=vendor,
        dimensions=handle.dimensions,
        levels=_levels(handle),
        declared_mpp=mpp,
        magnification=magnification,
        viewer_tile=viewer_tile_of([_stored_tile(handle, level) for level in range(handle.level_count)]),
        properties={key: properties[key] for key in SAFE_PROPERTIES if key in properties},
        size_hint="" if mpp else " ".join(filter(None, (why, size_hint(handle.dimensions, magnification)))),
    )
