"""The text of an annotation file: plain, gzip, or the JSON members of a zip, never more than memory can take."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import IO

from survviz.errors import InputError

LARGEST_TEXT = 256 << 20
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
SUFFIXES = (".geojson", ".json")


def unpacked(data: bytes, name: str) -> list[str]:
    """The JSON texts in a file's bytes.

    Raises:
        InputError: it is damaged, unpacks to too much, holds no JSON, or is no text.
    """
    try:
        if data.startswith(GZIP):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                texts = [_limited(file, name)]
        elif data.startswith(ZIP):
            texts = _members(data, name)
        else:
            texts = [data]
        return [text.decode("utf-8-sig") for text in texts]
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(f"{name} is a damaged or encrypted archive ({error}). Export it again.") from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is no UTF-8 text. Expected GeoJSON, as QuPath exports it.") from None


def _members(data: bytes, name: str) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [one for one in archive.namelist() if one.lower().endswith(SUFFIXES) and "__MACOSX" not in one]
        if not members:
            raise InputError(f"{name} holds no {' or '.join(SUFFIXES)} file: {', '.join(archive.namelist()[:5])}.")
        found: list[bytes] = []
        for member in members:
            with archive.open(member) as file:
                found.append(_limited(file, name, LARGEST_TEXT - sum(map(len, found))))
        return found


def _limited(file: IO[bytes] | gzip.GzipFile, name: str, room: int = LARGEST_TEXT) -> bytes:
    text = file.read(room + 1)
    if len(text) > room:
        raise InputError(
            f"{name} unpacks to more than {LARGEST_TEXT >> 20} MB. Export the regions only, not detections."
        )
    return text
