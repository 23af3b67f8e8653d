"""Strips and tiles of TIFF pages: read, decoded, and kept for a while."""

from __future__ import annotations

import itertools
import struct
import threading
import zlib
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tifffile
from numpy.typing import NDArray

from survviz.errors import SlideError

Page: TypeAlias = tifffile.TiffPage | tifffile.TiffFrame
Pixels: TypeAlias = NDArray[np.generic]

CACHE_BYTES = 64 * 2**20
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


class SegmentCache:
    """The most recently used decoded segments, up to a number of bytes (one larger segment is held alone). Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held = 0
        self._entries: OrderedDict[tuple[int, ...], Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, ...]) -> Pixels | None:
        """The segment, if it is still held."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: tuple[int, ...], segment: Pixels) -> None:
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
        self._file = path.open("rb")
        self._lock = threading.Lock()
        self._owner = next(_owners)

    def read(self, page: Page, index: int) -> Pixels | None:
        """Segment `index` of a page, (height, width, samples); None if the file leaves it empty.

        Raises:
            SlideError: the segment is cut off or cannot be decoded.
        """
        key = (self._owner, page.offset, index)
        found = shared_segments().get(key)
        if found is not None:
            return found
        data = self._bytes(page, index)
        if data is None:
            return None
        keyframe = page.keyframe
        tables = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader} if _is_jpeg(keyframe) else {}
        try:
            segment = keyframe.decode(data, index, **tables)[0]
        except PARSE_ERRORS as error:
            raise SlideError(
                f"{self._name} is damaged: image block {index} cannot be decoded ({error}). Copy the file again."
            ) from error
        if segment is None:
            return None
        pixels = np.asarray(segment[0])
        shared_segments().put(key, pixels)
        return pixels

    def close(self) -> None:
        """Free the file and its decoded segments."""
        shared_segments().forget(self._owner)
        self._file.close()

    def _bytes(self, page: Page, index: int) -> bytes | None:
        if index >= len(page.dataoffsets):
            raise SlideError(f"{self._name} is damaged: it lacks image block {index}. Copy the file again.")
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if count == 0:
            return None
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(count)
        if len(data) < count:
            raise SlideError(f"{self._name} is cut off: image block {index} is missing. Copy the file again.")
        return data


def _is_jpeg(page: Page) -> bool:
    return int(page.compression) in (6, 7, 34892, 33007)
