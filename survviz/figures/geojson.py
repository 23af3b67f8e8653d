"""Maps as QuPath reads them: one tile object per patch with measurements, or the top patches as annotations.

Coordinates are level-0 pixels, origin top-left. In QuPath: *Measure > Show measurement maps* colours the tiles.
"""

from __future__ import annotations

import gzip
import json
import math
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.figures.patch_map import RESEARCH_USE, PatchMap, same_patches
from survviz.figures.scaling import Look, Summary, colours_of, summarise
from survviz.figures.table import ranks

PREFIX = "survviz: "
PIECE = 65536
_NAMESPACE = uuid.UUID("5f0c1d0a-7f0e-5f6d-9a83-6b8f1d2f5a10")

ObjectKind = Literal["tile", "annotation"]


def square(x: int, y: int, side: int) -> list[list[list[int]]]:
    """Closed ring of a patch, as a GeoJSON polygon."""
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]]


def measurements(maps: Sequence[PatchMap], rank: NDArray[np.int64], index: int) -> dict[str, float]:
    """What QuPath shows of a patch: each map's value, and the rank by the first; a missing value is left out."""
    found: dict[str, float] = {}
    for one in maps:
        value = float(one.values[index])
        if not math.isfinite(value):
            continue
        if one.nature == "signed":
            found[f"{PREFIX}{one.name}"] = value
        else:
            found[f"{PREFIX}{one.name}"] = value * one.uniform
            found[f"{PREFIX}{one.name}, times uniform"] = value
    found[f"{PREFIX}{maps[0].name}, rank"] = int(rank[index])
    return found


def features(
    maps: Sequence[PatchMap],
    *,
    kind: ObjectKind = "tile",
    top: int | None = None,
    look: Look | None = None,
    summary: Summary | None = None,
) -> Iterator[dict[str, object]]:
    """QuPath objects, the highest value of the first map first.

    Args:
        maps: of one slide, on the same patches; the first gives order, name and colour.
        kind: "tile" (measurement maps; scales to tens of thousands) or "annotation" (editable; for few patches).
        top: only the highest so many patches; None = all.

    Raises:
        InputError: `top` is not positive, or the maps lie on different patches.
    """
    if top is not None and top < 1:
        raise InputError(f"The top {top} patches were asked for; expected 1 or more.")
    same_patches(list(maps))
    first = maps[0]
    rank = ranks(first.values)
    colours = colours_of(first, look or Look(), summary or summarise([first]), threshold=False)
    metadata = {"semantics": first.semantics, "use": RESEARCH_USE} if kind == "annotation" else {}
    for index in np.argsort(rank, kind="stable")[:top].tolist():
        x, y = (int(value) for value in first.coords[index])
        yield {
            "type": "Feature",
            "id": str(uuid.uuid5(_NAMESPACE, f"{first.slide_id}/{first.name}/{x}/{y}")),
            "geometry": {"type": "Polygon", "coordinates": square(x, y, first.patch_size_level0)},
            "properties": {
                "objectType": kind,
                "name": f"rank {rank[index]}",
                "color": colours[index, :3].tolist(),
                "measurements": measurements(maps, rank, index),
                **({"metadata": metadata} if metadata else {}),
            },
        }


def geojson_chunks(items: Iterable[dict[str, object]]) -> Iterator[bytes]:
    """A FeatureCollection in pieces of UTF-8, so that a large map never lies in memory as a whole."""
    piece = bytearray(b'{"type": "FeatureCollection", "features": [')
    for position, item in enumerate(items):
        piece += (",\n" if position else "\n").encode() + json.dumps(item, ensure_ascii=False, allow_nan=False).encode()
        if len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + b"\n]}\n"


def gzip_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, compressed on the way; the file holds no time, so that it is the same twice."""
    packer = zlib.compressobj(level=6, wbits=31)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def geojson_bytes(
    maps: Sequence[PatchMap], *, kind: ObjectKind = "tile", top: int | None = None, compress: bool = False
) -> bytes:
    """One whole document; gzip on demand (QuPath opens `.geojson.gz` as it is)."""
    document = b"".join(geojson_chunks(features(maps, kind=kind, top=top)))
    return gzip.compress(document, mtime=0) if compress else document
