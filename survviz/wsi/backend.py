"""What a slide reader must offer, and which reader takes which file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from survviz.errors import SlideError
from survviz.wsi.info import SlideInfo


class Backend(Protocol):
    """Reads the levels of one slide. Every method may be called from several threads."""

    info: SlideInfo

    def read(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3); `x`, `y` in pixels of that level, anywhere; what lies outside is white.

        Raises:
            SlideError: the pixels cannot be decoded.
        """
        ...

    def identity(self) -> str:
        """What tells slides of several files apart, beyond the named file's own bytes; may be empty."""
        ...

    def close(self) -> None:
        """Free the file. No call may follow."""
        ...


def open_backend(path: Path) -> Backend:
    """Open with OpenSlide; what it refuses, with tifffile.

    Raises:
        SlideError: no such file, or neither reader can open it.
    """
    from survviz.wsi.openslide_backend import OpenSlideBackend
    from survviz.wsi.tiff_backend import TiffBackend

    if not path.is_file():
        raise SlideError(f"There is no slide file at {path}.")
    if OpenSlideBackend.accepts(path):
        return OpenSlideBackend(path)
    if TiffBackend.accepts(path):
        return TiffBackend(path)
    raise SlideError(
        f"{path.name} is not a slide that can be read: it is damaged, or of an unknown format. "
        "Expected SVS, NDPI, MRXS, SCN, BIF, DICOM, OME-TIFF, QPTIFF or tiled TIFF. "
        "Check that the file was copied completely."
    )
