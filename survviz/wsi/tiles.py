"""Deep Zoom tiles of any slide, aligned with level-0 pixels at every level."""

from __future__ import annotations

import io
import itertools
import threading
from collections import OrderedDict
from functools import cache

from PIL import Image

from survviz.errors import InputError
from survviz.wsi.slide import Slide

JPEG_QUALITY = 80
CACHE_BYTES = 16 * 2**20


class TileCache:
    """The most recently used encoded tiles, up to a number of bytes. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held = 0
        self._tiles: OrderedDict[tuple[int, int, int, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int, int, int]) -> bytes | None:
        """The tile, if it is still held."""
        with self._lock:
            found = self._tiles.get(key)
            if found is not None:
                self._tiles.move_to_end(key)
            return found

    def put(self, key: tuple[int, int, int, int], tile: bytes) -> None:
        """Keep a tile; forget the least recently used ones when full."""
        with self._lock:
            self._held += len(tile) - len(self._tiles.pop(key, b""))
            self._tiles[key] = tile
            while self._held > self._capacity:
                self._held -= len(self._tiles.popitem(last=False)[1])


@cache
def _shared_tiles() -> TileCache:
    """One cache for all slides of this process."""
    return TileCache(CACHE_BYTES)


_numbers = itertools.count()


class DeepZoom:
    """Tiles without overlap over the whole slide (no cropping to bounds). Thread-safe.

    A tile that lies in the file as a JPEG is handed on as it is; the others are made, and kept for a while.

    Pixel (i, j) of level L shows the level-0 square of side 2^(top - L) at (i, j) times that side.

    Attributes:
        tile_size: side of a tile; by default the one in which the file itself is tiled.
        dimensions: (width, height) of the slide at level 0.
        levels: number of levels; level 0 is one pixel, the last one full resolution.
        level_dimensions: (width, height) of each level.
        level_tiles: (columns, rows) of each level.
    """

    def __init__(self, slide: Slide, tile_size: int | None = None) -> None:
        self._slide = slide
        self._number = next(_numbers)
        tile_size = tile_size or slide.info.viewer_tile
        self.tile_size = tile_size
        self.dimensions = slide.dimensions
        width, height = slide.dimensions
        self.levels = (max(width, height) - 1).bit_length() + 1
        self.level_dimensions = tuple(
            (-(-width // 2**shift), -(-height // 2**shift)) for shift in range(self.levels - 1, -1, -1)
        )
        self.level_tiles = tuple((-(-w // tile_size), -(-h // tile_size)) for w, h in self.level_dimensions)
        self._stored_level = {
            int(level.downsample): index for index, level in enumerate(slide.levels) if level.downsample.is_integer()
        }

    def tile_jpeg(self, level: int, col: int, row: int) -> bytes:
        """One tile as JPEG; tiles of the last column and row are smaller.

        Raises:
            InputError: there is no such tile.
        """
        if not 0 <= level < self.levels:
            raise InputError(f"Zoom level {level} was asked for; this slide has 0 to {self.levels - 1}.")
        columns, rows = self.level_tiles[level]
        if not (0 <= col < columns and 0 <= row < rows):
            raise InputError(f"Tile {col}, {row} was asked for; zoom level {level} has {columns} x {rows} tiles.")
        size, factor = self.tile_size, 2 ** (self.levels - 1 - level)
        if (stored := self._stored_level.get(factor)) is not None:
            jpeg = self._slide.stored_jpeg(stored, col, row, size)
            if jpeg is not None:
                return jpeg
        key = (self._number, level, col, row)
        kept = _shared_tiles().get(key)
        if kept is None:
            kept = self._encoded(level, col, row)
            _shared_tiles().put(key, kept)
        return kept

    def _encoded(self, level: int, col: int, row: int) -> bytes:
        size, factor = self.tile_size, 2 ** (self.levels - 1 - level)
        level_width, level_height = self.level_dimensions[level]
        width, height = min(size, level_width - col * size), min(size, level_height - row * size)
        pixels = self._slide.read_area(
            col * size * factor, row * size * factor, width * factor, height * factor, width, height, repeat_edge=True
        )
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue()

    def dzi(self) -> str:
        """The XML description that OpenSeadragon and others read."""
        width, height = self.dimensions
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="jpeg" Overlap="0" '
            f'TileSize="{self.tile_size}"><Size Width="{width}" Height="{height}"/></Image>'
        )
