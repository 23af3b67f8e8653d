"""JPEG tiles as a TIFF file stores them, made complete, so that a browser can decode them itself.

A tile of a TIFF file is a JPEG stream without its tables, which all tiles share (TIFF Technical Note 2), and often
without a word on its colours, which the page declares. Handing it on costs a read, where decoding and encoding again
costs a millisecond and quality.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

START, END = b"\xff\xd8", b"\xff\xd9"
FRAMES = (0xC0, 0xC1, 0xC2)
"""Baseline, extended and progressive with Huffman codes: what every browser decodes."""

OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
SCAN, COMMENT, FIRST_APPLICATION, LAST_APPLICATION = 0xDA, 0xFE, 0xE0, 0xEF
RGB_PHOTOMETRIC, YCBCR_PHOTOMETRIC = 2, 6


def complete_jpeg(stored: bytes, tables: bytes | None, photometric: int, size: tuple[int, int]) -> bytes | None:
    """A JPEG file of one stored tile: its tables put in, its colour model named, comments and other words left out.

    Args:
        tables: the page's JPEGTables, where it has some.
        photometric: the page's PhotometricInterpretation.
        size: (width, height) that the tile must have.

    Returns:
        None where the stream is not one that every browser shows as it is meant.
    """
    if photometric not in (RGB_PHOTOMETRIC, YCBCR_PHOTOMETRIC):
        return None
    try:
        shared = [segment for marker, segment, _ in _segments(tables or START + END) if not _is_words(marker)]
        own: list[bytes] = []
        for marker, segment, after in _segments(stored):
            if marker in OTHER_FRAMES or (marker in FRAMES and not _is_colour_tile(segment, size)):
                return None
            if marker == SCAN:
                return b"".join((START, _adobe(photometric), *shared, *own, stored[after - len(segment) :]))
            if not _is_words(marker):
                own.append(segment)
    except (struct.error, IndexError):
        return None
    return None


def is_whole_jpeg(data: bytes, size: tuple[int, int]) -> bool:
    """Whether these are the headers of a colour JPEG of this (width, height), one frame and a scan, and it ends as one.

    For what another process hands on: the pixels are not decoded.
    """
    try:
        segments = [(marker, segment) for marker, segment, _ in _segments(data)]
        frames = [segment for marker, segment in segments if marker in FRAMES or marker in OTHER_FRAMES]
        whole = bool(segments) and segments[-1][0] == SCAN and data.endswith(END)
        return whole and len(frames) == 1 and _is_colour_tile(frames[0], size)
    except (struct.error, IndexError):
        return False


def _segments(stream: bytes) -> Iterator[tuple[int, bytes, int]]:
    """(marker, whole segment, where it ends) of every segment up to the first scan or the end."""
    if not stream.startswith(START):
        return
    at = len(START)
    while at + 2 <= len(stream):
        if stream[at] != 0xFF:
            return
        marker = stream[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == END[1]:
            return
        (length,) = struct.unpack_from(">H", stream, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(stream):
            return
        yield marker, stream[at:end], end
        if marker == SCAN:
            return
        at = end


def _is_words(marker: int) -> bool:
    """Comments and application data: they may hold anything, and never pixels."""
    return marker == COMMENT or FIRST_APPLICATION <= marker <= LAST_APPLICATION


def _is_colour_tile(frame: bytes, size: tuple[int, int]) -> bool:
    bits, height, width, components = struct.unpack_from(">BHHB", frame, 4)
    return bits == 8 and components == 3 and (width, height) == size


def _adobe(photometric: int) -> bytes:
    """The APP14 segment that says whether the three components are RGB or YCbCr."""
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([photometric == YCBCR_PHOTOMETRIC])
