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
        """(height, width, 3); all in pixels of that level, within its bounds.

        Raises:
            SlideError: the pixels cannot be decoded.
        """
        ...

    def read_tile(self, level: int, column: int, row: int, out: NDArray[np.uint8]) -> bool:
        """Decode one of the file's own tiles straight into `out`, which holds then what `read` gives.

        Args:
            out: (height, width, 3), contiguous, of the size of the tile.

        Returns:
            False where the file holds no such tile that can be decoded so; `out` may hold anything then.
        """
        ...

    def stored_jpeg(self, level: int, column: int, row: int, side: int) -> bytes | None:
        """The file's own tile as a JPEG that decodes to exactly what `read` gives; None where there is no such thing.

        Args:
            side: of the square tile that is wanted.

        Raises:
            SlideError: this part of the file is damaged.
        """
        ...

    def identity(self) -> str:
        """What tells slides of several files apart, beyond the named file's own bytes; may be empty."""
        ...

    def close(self) -> None:
        """Free the file. No call may follow."""
        ...


def open_backend(path: Path) -> Backend:
    """Open vendors' formats with OpenSlide, TIFF without a vendor with tifffile, which knows OME-TIFF and more codecs.

    Raises:
        SlideError: no such file, or no reader can open it.
    """
    from survviz.wsi.direct_backend import direct_backend
    from survviz.wsi.openslide_backend import OpenSlideBackend, vendor_of
    from survviz.wsi.tiff_backend import TiffBackend

    if not path.is_file():
        raise SlideError(f"There is no slide file at {path}.")
    vendor = vendor_of(path)
    if vendor not in (None, "generic-tiff"):
        backend = OpenSlideBackend(path)
        if (direct := direct_backend(path, backend)) is not None:
            return direct
        backend.join_shared_cache()
        return backend
    if TiffBackend.accepts(path):
        return TiffBackend(path)
    if path.suffix.lower() == ".mrxs" and not path.with_suffix("").is_dir():
        raise SlideError(f"{path.name} needs its folder {path.stem} beside it, which holds the image. Copy both.")
    raise SlideError(
        f"{path.name} is not a slide that can be read: it is damaged, or of an unknown format. "
        "Expected SVS, NDPI, MRXS, SCN, BIF, DICOM, OME-TIFF, QPTIFF or tiled TIFF. "
        "Check that the file was copied completely."
    )
