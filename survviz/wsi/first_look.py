"""The first look at a slide, in the child process of `probe`: is it plausible, is it whole, can it be decoded?"""

from __future__ import annotations

from pathlib import Path

from survviz.errors import SlideError
from survviz.wsi.info import SlideInfo
from survviz.wsi.tiff_directories import check_chain

MAX_SIDE_PX = 2_000_000
MAX_PIXELS = 10**12
MAX_LEVELS = 64
MAX_RATIO = 20_000
"""Uncompressed size over file size; blank glass compresses a few thousand times."""

SAMPLED_BLOCKS = 24


def check_plausible(info: SlideInfo, stored_bytes: int) -> None:
    """Refuse what no scanner writes.

    Raises:
        SlideError: absurd size, number of levels or compression.
    """
    width, height = info.dimensions
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and width * height <= MAX_PIXELS):
        raise SlideError(f"{info.path.name} declares {width} x {height} pixels, which no scanner makes. It is damaged.")
    if len(info.levels) > MAX_LEVELS:
        raise SlideError(f"{info.path.name} declares {len(info.levels)} levels, which no scanner makes. It is damaged.")
    ratio = width * height * info.channels / max(1, stored_bytes)
    if ratio > MAX_RATIO:
        raise SlideError(
            f"{info.path.name} declares {width} x {height} pixels in {stored_bytes:,} bytes, {ratio:,.0f} times less "
            "than the pixels take. It is damaged, or made to exhaust memory."
        )


def stored_bytes(path: Path) -> int:
    """Size of the file and of the companion files that its format keeps beside it."""
    total = path.stat().st_size
    if path.suffix.lower() == ".mrxs" and path.with_suffix("").is_dir():
        total += sum(file.stat().st_size for file in path.with_suffix("").iterdir() if file.is_file())
    elif path.suffix.lower() in (".dcm", ".vms", ".vmu"):
        total += sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file())
    return total


def check_complete(path: Path) -> None:
    """Refuse a TIFF file that ends before the last of its image blocks.

    Raises:
        SlideError: the copy was cut off.
    """
    import tifffile

    from survviz.wsi.segments import PARSE_ERRORS

    size = path.stat().st_size
    check_chain(path)
    try:
        with tifffile.TiffFile(path) as file:
            if file.is_ndpi:
                return
            pages = [page for series in file.series for level in series.levels for page in level.pages]
            end = max(
                (o + c for page in pages if page for o, c in zip(page.dataoffsets, page.databytecounts, strict=False)),
                default=0,
            )
    except PARSE_ERRORS:
        return  # not a TIFF, or one that only OpenSlide understands
    if end > size:
        raise SlideError(
            f"{path.name} is cut off: its image blocks reach to byte {end:,}, but the file ends at byte {size:,}. "
            "Copy it again from its source."
        )


def describe(path: Path) -> SlideInfo:
    """Open, check, and decode the smallest level and some blocks of every other one.

    Raises:
        SlideError: the file is damaged, unknown, or too large.
    """
    from survviz.wsi.backend import open_backend

    backend = open_backend(path)
    check_plausible(backend.info, stored_bytes(path))
    check_complete(path)
    for index, level in enumerate(backend.info.levels):
        width, height = level.tile
        columns, rows = -(-level.width // width), -(-level.height // height)
        step = max(1, columns * rows // SAMPLED_BLOCKS)
        for block in range(0, columns * rows, step):
            x, y = block % columns * width, block // columns * height
            backend.read(index, x, y, min(width, level.width - x, 4096), min(height, level.height - y, 4096))
    backend.close()
    return backend.info
