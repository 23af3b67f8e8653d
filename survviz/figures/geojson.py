"""Maps as QuPath reads them: one tile object per patch with measurements, or the top patches as annotations.

Coordinates are level-0 pixels, origin top-left. In QuPath: *Measure > Show measurement maps* colours the tiles.
"""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Literal

import numpy as np

from survviz.errors import InputError
from survviz.figures.colours import colour_table
from survviz.figures.overlay import RESEARCH_USE
from survviz.figures.scaling import colour_positions
from survviz.figures.table import ranks
from survviz.types import PatchScores

PREFIX = "survviz: "
_NAMESPACE = uuid.UUID("5f0c1d0a-7f0e-5f6d-9a83-6b8f1d2f5a10")


def square(x: int, y: int, side: int) -> list[list[list[int]]]:
    """Closed ring of a patch, as a GeoJSON polygon."""
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]]


def feature(scores: PatchScores, index: int, rank: int, colour: list[int], kind: str) -> dict[str, object]:
    """One patch as a QuPath object; its id depends on slide, map and position only."""
    x, y = (int(value) for value in scores.coords[index])
    name = f"{scores.kind} {scores.query} → {scores.key}, {scores.token}"
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{scores.slide_id}/{name}/{x}/{y}")),
        "geometry": {"type": "Polygon", "coordinates": square(x, y, scores.patch_size_level0)},
        "properties": {
            "objectType": kind,
            "name": f"rank {rank}",
            "color": colour,
            "measurements": {
                f"{PREFIX}{name}": float(scores.values[index]),
                f"{PREFIX}{name}, times uniform": float(scores.fold_over_uniform[index]),
                f"{PREFIX}{name}, rank": rank,
            },
            "metadata": {"semantics": scores.semantics, "use": RESEARCH_USE} if kind == "annotation" else {},
        },
    }


def geojson_chunks(
    scores: PatchScores, *, kind: Literal["tile", "annotation"] = "tile", top: int | None = None
) -> Iterator[str]:
    """The FeatureCollection in pieces, highest value first, so that a large map never lies in memory twice.

    Args:
        kind: "tile" (measurement maps; scales to tens of thousands) or "annotation" (editable; for few patches).
        top: only the highest so many patches; None = all.

    Raises:
        InputError: `top` is not positive.
    """
    if top is not None and top < 1:
        raise InputError(f"The top {top} patches were asked for; expected 1 or more.")
    rank = ranks(scores.values)
    colours = colour_table()[np.round(colour_positions(scores) * 255).astype(int)]
    yield '{"type": "FeatureCollection", "features": ['
    for position, index in enumerate(np.argsort(rank, kind="stable")[:top]):
        item = feature(scores, int(index), int(rank[index]), [int(value) for value in colours[index]], kind)
        yield ("," if position else "") + "\n" + json.dumps(item, ensure_ascii=False)
    yield "\n]}\n"


def geojson_bytes(
    scores: PatchScores, *, kind: Literal["tile", "annotation"] = "tile", top: int | None = None, compress: bool = False
) -> bytes:
    """The same as one UTF-8 document; gzip on demand (QuPath opens `.geojson.gz` as it is)."""
    document = "".join(geojson_chunks(scores, kind=kind, top=top)).encode()
    return gzip.compress(document, mtime=0) if compress else document
