"""Regions of a slide: the sample cohort's truth as polygons, and what a map says of each region."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from survviz.data.annotations import collection
from survviz.data.mask_outlines import mask_path, truth_annotations
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.folders import SAMPLE_DATA
from survviz.server.store import Grant

FOREVER = {"cache-control": "private, max-age=86400, immutable"}


def register_truth(
    owner: str, slide_id: str, slide_size: tuple[int, int] | None, *, cohort: Path = SAMPLE_DATA
) -> str | None:
    """Let an owner see the region mask of a slide as polygons; nothing is read until the browser asks.

    Args:
        slide_size: width and height in level-0 pixels.
        cohort: folder with `truth/`.

    Returns:
        The token of `GET /sv/regions/{token}.geojson`; None when the slide has no mask or no known size.
    """
    path = mask_path(cohort, slide_id)
    if path is None or slide_size is None:
        return None
    payload = {"cohort": str(cohort), "slide_id": slide_id, "slide_size": list(slide_size)}
    token = token_for(owner, "regions", f"{path}\0{path.stat().st_mtime_ns}\0{slide_size}")
    store.put([Grant(token, owner, "regions", payload)])
    return token


@lru_cache(maxsize=32)
def _truth_json(cohort: str, slide_id: str, width: int, height: int) -> bytes:
    return json.dumps(collection(truth_annotations(Path(cohort), slide_id, (width, height)))).encode()


def _truth(request: Request, grant: Grant) -> Response:
    payload = grant.payload
    body = _truth_json(payload["cohort"], payload["slide_id"], *payload["slide_size"])
    return Response(body, media_type="application/geo+json", headers=FOREVER)


def routes(prefix: str, limited, quick) -> list[BaseRoute]:
    """Routes below a prefix; `limited` and `quick` make an endpoint that answers the owner of a token only."""
    return [Route(prefix + "/regions/{token}.geojson", quick("regions", _truth))]
