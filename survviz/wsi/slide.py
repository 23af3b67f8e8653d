"""A slide file behind one type, whatever opened it; pixel sizes are declared or given, never guessed."""

from __future__ import annotations

import hashlib
import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, MissingMppError
from survviz.units import Mpp, to_mpp
from survviz.workspace import is_from_people
from survviz.wsi.backend import Backend, open_backend
from survviz.wsi.info import Level, SlideInfo
from survviz.wsi.isolated import IsolatedBackend
from survviz.wsi.probe import read_slide_info
from survviz.wsi.resample import Box, clip_area, framed, needs_no_margin, resample

__all__ = ["Level", "Slide", "SlideInfo", "open_slide", "read_slide_info"]

HASH_BLOCK = 2**20
MPP_TOLERANCE = 0.01
MAX_SOURCE_PX = 8 * 2**20
"""Larger areas are resampled in parts, so that memory stays flat."""

FLAT_PX = 2048
"""A pyramid whose smallest level is longer than this has no cheap overview."""

OVERVIEW_SHRINK = 4
MAX_OVERVIEW_PX = 6_250_000
CHEAP_OVERVIEW_SOURCE_PX = 100_000_000
MARGIN_PX = 4
"""Pixels read around an area, so that neighbouring areas meet without a seam."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where to take pixels from: a level, or the overview (None); outside, repeat the edge or be white."""

    level: int | None
    repeat: bool


class Slide:
    """An open slide. Thread-safe; use as a context manager, call `close`, or drop the last reference.

    A read that is under way when another thread calls `close` ends properly; later ones raise `SlideError`.

    Attributes:
        info: description of the file.
        mpp: um per pixel at level 0.
        mpp_source: "file" if the file declares it, "person" if somebody gave it.
    """

    def __init__(self, backend: Backend, mpp: Mpp, mpp_source: Literal["file", "person"]) -> None:
        self.info = backend.info
        self.mpp = mpp
        self.mpp_source: Literal["file", "person"] = mpp_source
        self._backend = backend
        self._overview: NDArray[np.uint8] | None = None
        self._overview_lock = threading.Lock()

    @property
    def path(self) -> Path:
        """The slide file."""
        return self.info.path

    @property
    def slide_id(self) -> str:
        """File name without suffix."""
        return self.info.slide_id

    @property
    def vendor(self) -> str:
        """Name of the format's maker, as the reader calls it."""
        return self.info.vendor

    @property
    def dimensions(self) -> tuple[int, int]:
        """(width, height) at level 0."""
        return self.info.dimensions

    @property
    def levels(self) -> tuple[Level, ...]:
        """From the full resolution downwards."""
        return self.info.levels

    @property
    def tile_size(self) -> tuple[int, int]:
        """(width, height) of the blocks in which level 0 is best read."""
        return self.levels[0].tile

    @property
    def is_flat(self) -> bool:
        """The smallest level is too large to serve as an overview."""
        return max(self.levels[-1].width, self.levels[-1].height) > FLAT_PX

    @property
    def has_cheap_overview(self) -> bool:
        """Low zooms cost little: there is a small level, or one small enough to be reduced in memory."""
        last = self.levels[-1]
        return not self.is_flat or last.width * last.height <= CHEAP_OVERVIEW_SOURCE_PX

    def best_level(self, downsample: float) -> int:
        """The coarsest level that is at least as fine as `downsample`."""
        fitting = [i for i, level in enumerate(self.levels) if level.downsample <= downsample * 1.001]
        return fitting[-1] if fitting else 0

    def read_level(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) at corner (x, y), both in pixels of that level; white outside. Not to be written to."""
        return self._read_source(_Source(level, False), x, y, width, height)

    def read_region(self, x: int, y: int, level: int, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) pixels of a level; (x, y) in level-0 pixels; white outside the slide."""
        downsample = self.levels[level].downsample
        return np.array(self.read_level(level, round(x / downsample), round(y / downsample), width, height))

    def read_area(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        out_width: int,
        out_height: int,
        *,
        repeat_edge: bool = False,
    ) -> NDArray[np.uint8]:
        """Resample a level-0 rectangle to (out_height, out_width, 3), antialiased, from the best level.

        Args:
            repeat_edge: what lies outside the slide is its last row or column instead of white.
        """
        downsample = min(width / out_width, height / out_height)
        overview = self.is_flat and downsample >= self._overview_factor * 0.999
        source = _Source(None if overview else self.best_level(downsample), repeat_edge)
        return self._resample(source, (x, y, x + width, y + height), out_width, out_height)

    def read_tile(self, level: int, column: int, row: int, out: NDArray[np.uint8]) -> bool:
        """Decode a tile of the file into `out`, where that is possible; see `Backend.read_tile`."""
        return self._backend.read_tile(level, column, row, out)

    def stored_jpeg(self, level: int, column: int, row: int, side: int) -> bytes | None:
        """A square tile of a level as the file holds it, if that is a JPEG that shows the same as `read_level`."""
        return self._backend.stored_jpeg(level, column, row, side)

    def thumbnail(self, max_side: int) -> NDArray[np.uint8]:
        """The whole slide, its longer side at most `max_side` pixels; never enlarged."""
        width, height = self.dimensions
        scale = max(1.0, max(width, height) / max_side)
        out = max(1, round(width / scale)), max(1, round(height / scale))
        return self.read_area(0, 0, width, height, *out, repeat_edge=True)

    def content_hash(self) -> str:
        """SHA-256 of the file's size and of its first, middle and last megabyte; the same bytes give the same hash."""
        size = self.path.stat().st_size
        digest = hashlib.sha256(f"{size}:{self._backend.identity()}".encode())
        with self.path.open("rb") as file:
            for start in (0, size // 2, max(0, size - HASH_BLOCK)):
                file.seek(start)
                digest.update(file.read(HASH_BLOCK))
        return digest.hexdigest()

    def close(self) -> None:
        """Free the file."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _overview_factor(self) -> float:
        """Downsample of the overview that stands in for the missing small levels of a flat slide."""
        last = self.levels[-1]
        shrink = OVERVIEW_SHRINK
        while last.width * last.height / shrink**2 > MAX_OVERVIEW_PX:
            shrink *= 2
        return last.downsample * shrink

    def _overview_pixels(self) -> NDArray[np.uint8]:
        """The overview, made once."""
        with self._overview_lock:
            if self._overview is None:
                factor = self._overview_factor
                width, height = (math.ceil(side / factor) for side in self.dimensions)
                box = (0.0, 0.0, width * factor, height * factor)
                self._overview = self._resample(_Source(len(self.levels) - 1, True), box, width, height)
            return self._overview

    def _resample(self, source: _Source, box: Box, out_width: int, out_height: int) -> NDArray[np.uint8]:
        """Resample a level-0 box."""
        factor = self._overview_factor if source.level is None else self.levels[source.level].downsample
        left, top, right, bottom = (edge / factor for edge in box)
        if (right - left) * (bottom - top) > MAX_SOURCE_PX and max(out_width, out_height) > 1:
            return self._resample_halves(source, box, out_width, out_height)
        margin = 0 if needs_no_margin((left, top, right, bottom), out_width, out_height) else MARGIN_PX
        x, y = math.floor(left) - margin, math.floor(top) - margin
        width, height = math.ceil(right) + margin - x, math.ceil(bottom) + margin - y
        pixels = self._read_source(source, x, y, width, height)
        return resample(pixels, (left - x, top - y, right - x, bottom - y), out_width, out_height)

    def _resample_halves(self, source: _Source, box: Box, out_width: int, out_height: int) -> NDArray[np.uint8]:
        left, top, right, bottom = box
        if out_height >= out_width:
            first = out_height // 2
            middle = top + (bottom - top) * first / out_height
            parts = (
                self._resample(source, (left, top, right, middle), out_width, first),
                self._resample(source, (left, middle, right, bottom), out_width, out_height - first),
            )
            return np.concatenate(parts)
        first = out_width // 2
        middle = left + (right - left) * first / out_width
        parts = (
            self._resample(source, (left, top, middle, bottom), first, out_height),
            self._resample(source, (middle, top, right, bottom), out_width - first, out_height),
        )
        return np.concatenate(parts, axis=1)

    def _read_source(self, source: _Source, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        if source.level is None:
            overview = self._overview_pixels()
            size = (overview.shape[1], overview.shape[0])
        else:
            overview = None
            size = (self.levels[source.level].width, self.levels[source.level].height)
        left, top, right, bottom = clip_area((x, y, x + width, y + height), size, keep_edge=source.repeat)
        if left >= right or top >= bottom:
            return np.full((height, width, 3), 255, np.uint8)
        if overview is not None:
            inside = overview[top:bottom, left:right]
        else:
            inside = self._backend.read(source.level or 0, left, top, right - left, bottom - top)
        around = ((top - y, y + height - bottom), (left - x, x + width - right))
        return framed(inside, around, repeat=source.repeat)


def open_slide(path: Path | str, mpp: float | None = None, *, probe: bool = True) -> Slide:
    """Open a slide for reading; one that a person uploaded is read in a child process, whoever opens it.

    Args:
        mpp: um per pixel at level 0, for files that declare none.
        probe: open the file in a child process first (remembered per file), so that a file that crashes a decoder
            raises here instead. Switch off only for files that survviz itself wrote.

    Raises:
        SlideError: the file is damaged, of an unknown kind, or too large.
        MissingMppError: the file declares no pixel size and `mpp` is not given.
        InputError: `mpp` contradicts what the file declares.
    """
    path = Path(path)
    isolated = is_from_people(path)
    info = read_slide_info(path) if probe or isolated else None
    backend: Backend = IsolatedBackend(info) if info is not None and isolated else open_backend(path)
    try:
        size, source = resolve_mpp(backend.info, mpp)
    except InputError:
        backend.close()
        raise
    return Slide(backend, size, source)


def resolve_mpp(info: SlideInfo, mpp: float | None) -> tuple[Mpp, Literal["file", "person"]]:
    """The pixel size to use and where it comes from; raises as `open_slide` does."""
    if info.declared_mpp is None:
        if mpp is None:
            raise MissingMppError(
                f"{info.path.name} declares no usable pixel size (um per pixel). {info.size_hint} "
                "Typical values are 0.25 (40x) and 0.5 (20x); ask whoever scanned it. "
                "Give it with --mpp on the command line, or in the app under Load case, Pixel size.".replace("  ", " ")
            )
        return to_mpp(mpp), "person"
    if mpp is not None and abs(mpp - info.declared_mpp) > MPP_TOLERANCE * info.declared_mpp:
        raise InputError(
            f"{info.path.name} declares {info.declared_mpp:.4g} um/px, but {mpp:.4g} was given. "
            "Leave the pixel size out to use the one of the file."
        )
    return info.declared_mpp, "file"
