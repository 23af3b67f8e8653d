"""Slides made to hurt who reads them: tiles that take for ever, or declare gigabytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

SIDE = 1024
COLUMNS, ROWS = 8, 6
"""So many that whoever looks at a sample of them leaves every other one out."""

START_OF_FRAME, PROGRESSIVE, START_OF_SCAN, TABLES = 0xC0, 0xC2, 0xDA, 0xC4


def plain_tile(side: int = SIDE) -> bytes:
    """A grey JPEG tile."""
    return _jpeg(side)


def huge_jpeg_tile() -> bytes:
    """A tile of a few kilobytes that declares 65,000 x 65,000 pixels."""
    data = bytearray(_jpeg(SIDE))
    at = data.index(bytes((0xFF, START_OF_FRAME)))
    data[at + 5 : at + 9] = (65_000).to_bytes(2, "big") * 2
    return bytes(data)


def many_scans_tile(scans: int = 50_000) -> bytes:
    """A progressive tile whose last scan comes again and again; each costs a pass over the whole tile."""
    data = _jpeg(SIDE, progressive=True)
    body, last = data[:-2], data.rindex(bytes((0xFF, START_OF_SCAN)), 0, len(data) - 2)
    return body + body[last:] * scans + b"\xff\xd9"


def write_tiles(path: Path, hostile: Mapping[int, bytes]) -> Path:
    """A TIFF of 48 JPEG tiles, some of them hostile, by number."""
    plain = plain_tile()

    def tiles() -> Iterator[bytes]:
        for number in range(COLUMNS * ROWS):
            yield hostile.get(number, plain)

    tifffile.imwrite(
        path,
        tiles(),
        shape=(ROWS * SIDE, COLUMNS * SIDE, 3),
        dtype=np.uint8,
        tile=(SIDE, SIDE),
        photometric="ycbcr",
        subsampling=(2, 2),
        compression="jpeg",
        resolution=(20000, 20000),
        resolutionunit=3,
        metadata=None,
    )
    return path


def _jpeg(side: int, **options: bool) -> bytes:
    buffer = io.BytesIO()
    rng = np.random.default_rng(1)
    pixels = np.kron(rng.integers(60, 200, (8, 8, 3)), np.ones((side // 8, side // 8, 1))).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80, subsampling=2, **options)
    return buffer.getvalue()
