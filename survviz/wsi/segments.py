"""Strips and tiles of TIFF pages: read, decoded, and kept for a while."""

from __future__ import annotations

import itertools
import os
import struct
import threading
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from survviz.errors import SlideError

Page: TypeAlias = tifffile.TiffPage | tifffile.TiffFrame
Pixels: TypeAlias = NDArray[np.generic]

CACHE_BYTES = 16 * 2**20
JPEG = 7
JPEG_COMPRESSIONS = (6, JPEG, 34892, 33007)
RGB, YCBCR = 2, 6
"""TIFF PhotometricInterpretation, which libjpeg's wrapper takes as a colour model too."""

PLACE_TAGS = (273, 279, 324, 325)
"""Offsets and byte counts of strips and tiles."""

MAX_SEGMENT_BYTES = 256 * 2**20

PARSE_ERRORS = (
    tifffile.TiffFileError,
    ValueError,
    RuntimeError,
    OSError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What tifffile and its codecs raise on damaged files."""


@dataclass(frozen=True, slots=True)
class StoredPage:
    """All that is needed to decode one page after the file was parsed.

    Attributes:
        block: (width, height) of a strip or tile.
        planar: samples are stored apart, not interleaved.
        photometric: TIFF PhotometricInterpretation.
        tables: the JPEG tables that all tiles share, where they do.
        straight: (colour model stored, colour model wanted) of tiles that are plain colour JPEGs; else None.
        offsets, counts: where each segment lies in the file; a count of 0 is an empty segment.
        decode: (bytes, segment number) -> (1, height, width, samples) pixels.
    """

    width: int
    height: int
    block: tuple[int, int]
    samples: int
    planar: bool
    photometric: int
    compression: str
    dtype: np.dtype
    offsets: NDArray[np.uint64]
    counts: NDArray[np.uint64]
    decode: Callable[[bytes, int], Pixels | None]
    tables: bytes | None = None
    straight: tuple[int | None, int | None] | None = None


def stored_page(page: Page) -> StoredPage:
    """Take from a page what decoding needs, while its file is open; the page then no longer knows its segments."""
    key = page.keyframe
    if key is None or key.dtype is None:
        raise ValueError("a page without a data type")
    if key.is_tiled:
        block = (int(key.tilewidth), int(key.tilelength))
    else:
        block = (int(key.imagewidth), int(min(key.rowsperstrip, key.imagelength)))
    tables = {}
    if int(key.compression) in JPEG_COMPRESSIONS:
        tables = {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader}
    decode = key.decode
    stored = StoredPage(
        width=int(key.imagewidth),
        height=int(key.imagelength),
        block=block,
        samples=int(key.samplesperpixel),
        planar=int(key.planarconfig) == 2 and key.samplesperpixel > 1,
        photometric=int(key.photometric),
        compression=tifffile.COMPRESSION(key.compression).name,
        dtype=np.dtype(key.dtype),
        offsets=np.array(page.dataoffsets, np.uint64),  # a tuple of a gigapixel slide takes 5 MB more
        counts=np.array(page.databytecounts, np.uint64),
        decode=lambda data, index: decode(data, index, **tables)[0],
        tables=tables.get("jpegtables"),
        straight=_straight(key, tables),
    )
    _forget_places(page)
    return stored


def _straight(key: tifffile.TiffPage, tables: Mapping[str, bytes | None]) -> tuple[int | None, int | None] | None:
    """Colour models with which libjpeg decodes a page's tiles to what the page shows; None where more is to be done."""
    plain = int(key.compression) == JPEG and key.is_tiled and key.tiledepth == 1 and key.dtype == np.uint8
    if not (plain and key.samplesperpixel == 3 and int(key.planarconfig) == 1 and not tables.get("jpegheader")):
        return None
    if int(key.photometric) == YCBCR:
        return None, RGB
    return (None if key.is_jfif else RGB, RGB) if int(key.photometric) == RGB else None


def _forget_places(page: Page) -> None:
    """Free the page's own lists of segments: 10 MB of a gigapixel slide, which `decode` would otherwise keep alive."""
    page.dataoffsets = page.databytecounts = ()
    if isinstance(page, tifffile.TiffPage):
        for code in PLACE_TAGS:
            if code in page.tags:
                del page.tags[code]


class SegmentCache:
    """The most recently used decoded segments, up to a number of bytes (or one larger segment). Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held = 0
        self._entries: OrderedDict[tuple[int, int], Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> Pixels | None:
        """The segment, if it is still held."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: tuple[int, int], segment: Pixels) -> None:
        """Keep a segment; forget the least recently used ones when full."""
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = segment
            self._held += segment.nbytes
            while self._held > self._capacity and len(self._entries) > 1:
                _, old = self._entries.popitem(last=False)
                self._held -= old.nbytes

    def forget(self, owner: int) -> None:
        """Drop every segment of one file."""
        with self._lock:
            for key in [key for key in self._entries if key[0] == owner]:
                self._held -= self._entries.pop(key).nbytes


@cache
def shared_segments() -> SegmentCache:
    """One cache for all TIFF slides of this process."""
    return SegmentCache(CACHE_BYTES)


_owners = itertools.count()


class SegmentReader:
    """Decodes single strips or tiles of one file; safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._file = path.open("rb", buffering=0)
        self._lock = threading.Lock()
        self._owner = next(_owners)
        self._release = weakref.finalize(self, self._file.close)

    def read(self, page: StoredPage, index: int) -> Pixels | None:
        """Segment `index` of a page, (height, width, samples); None if the file leaves it empty.

        Raises:
            SlideError: the segment is cut off or cannot be decoded.
        """
        if index >= min(len(page.offsets), len(page.counts)):
            raise SlideError(f"{self._name} is damaged: it lacks image block {index}. Copy the file again.")
        if page.counts[index] == 0:
            return None
        offset, count = int(page.offsets[index]), int(page.counts[index])
        key = (self._owner, offset)
        found = shared_segments().get(key)
        if found is not None:
            return found
        data = self._bytes(offset, count)
        try:
            segment = page.decode(data, index)
        except PARSE_ERRORS as error:
            raise SlideError(
                f"{self._name} is damaged: image block {index} cannot be decoded ({error}). Copy the file again."
            ) from error
        if segment is None:
            return None
        pixels = np.asarray(segment[0])
        pixels.flags.writeable = False  # it is shared
        shared_segments().put(key, pixels)
        return pixels

    def decode_into(self, page: StoredPage, index: int, out: NDArray[np.uint8]) -> bool:
        """Decode a plain JPEG segment into `out`, past the cache; False where that fails, for whatever reason.

        Raises:
            SlideError: the segment is cut off.
        """
        if page.straight is None or index >= len(page.offsets) or page.counts[index] == 0:
            return False
        data = self._bytes(int(page.offsets[index]), int(page.counts[index]))
        stored, wanted = page.straight
        try:
            imagecodecs.jpeg8_decode(data, tables=page.tables, colorspace=stored, outcolorspace=wanted, out=out)
        except PARSE_ERRORS:
            return False
        return True

    def stored(self, page: StoredPage, index: int) -> bytes:
        """The bytes of a segment as the file holds them; none if it leaves the segment empty.

        Raises:
            SlideError: the segment is cut off.
        """
        if index >= min(len(page.offsets), len(page.counts)):
            return b""
        return self._bytes(int(page.offsets[index]), int(page.counts[index]))

    def forget(self) -> None:
        """Free the decoded segments."""
        shared_segments().forget(self._owner)

    def close(self) -> None:
        """Free the file and its decoded segments."""
        with self._lock:
            self._release()
        self.forget()

    def _bytes(self, offset: int, count: int) -> bytes:
        with self._lock:
            if self._file.closed:
                raise SlideError(f"{self._name} was closed while it was read. Open it again.")
            data = os.pread(self._file.fileno(), count, offset)
        if len(data) < count:
            raise SlideError(f"{self._name} is cut off at byte {offset + len(data):,}. Copy the file again.")
        return data
