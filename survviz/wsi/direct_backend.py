"""A short cut past OpenSlide for SVS with JPEG tiles: decode the tiles themselves.

OpenSlide composites every tile through cairo, which costs several times the decoding, and interpolates where a level's
downsample is not a whole number. Taken only where both give the same pixels.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from survviz.errors import SlideError
from survviz.wsi.openslide_backend import OpenSlideBackend
from survviz.wsi.tiff_backend import TiffBackend

VENDORS = ("aperio",)
COMPRESSIONS = ("JPEG", "LZW", "ADOBE_DEFLATE", "DEFLATE", "NONE")
SAMPLE_PX = 128
"""Side of what is compared; OpenSlide takes a millisecond for every tile of 256 px."""


class DirectBackend(TiffBackend):
    """Pixels by tifffile, description by OpenSlide."""

    def __init__(self, path: Path, described: OpenSlideBackend) -> None:
        super().__init__(path)
        self._identity = described.identity()
        own = self.info
        self.info = replace(described.info, levels=own.levels, viewer_tile=own.viewer_tile)
        if not (
            own.is_rgb
            and own.dimensions == described.info.dimensions
            and own.properties["dtype"] == "uint8"
            and own.properties["compression"] in COMPRESSIONS
            and self._is_complete()
            and self._agrees(described)
        ):
            self.close()
            raise SlideError(f"{path.name} is not a TIFF whose tiles can be decoded directly.")
        self._reader.forget()  # what was compared is rarely what is looked at first

    def identity(self) -> str:
        """See `Backend.identity`."""
        return self._identity

    def _is_complete(self) -> bool:
        """No tile is left empty, which OpenSlide would fill from another level."""
        return all(page.counts.size and page.counts.all() for level in self._layout.planes for page in level)

    def _agrees(self, other: OpenSlideBackend) -> bool:
        """Both show the same pixels where four tiles meet in the middle of every level with whole addresses."""
        if [(level.width, level.height) for level in other.info.levels] != list(self._layout.sizes):
            return False
        for index, level in enumerate(other.info.levels):
            if not other.is_exact(index):
                continue
            across, left = _middle(level.width, self._layout.planes[index][0].block[0])
            down, top = _middle(level.height, self._layout.planes[index][0].block[1])
            area = (index, left, top, across, down)
            if not np.array_equal(self.read(*area), other.read(*area)):
                return False
        return True


def _middle(length: int, tile: int) -> tuple[int, int]:
    """(size, start) of a sample around the edge of a tile that lies nearest to the middle."""
    size = min(SAMPLE_PX, length)
    edge = round(length / 2 / tile) * tile
    return size, min(max(0, edge - size // 2), length - size)


def direct_backend(path: Path, described: OpenSlideBackend) -> DirectBackend | None:
    """The short cut, where it is safe to take; the OpenSlide handle is closed then."""
    if described.info.vendor not in VENDORS:
        return None
    try:
        direct = DirectBackend(path, described)
    except SlideError:
        return None
    described.close()
    return direct
