"""Routes about regions of a slide: what a map says of them, files of them, and those that somebody drew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from survviz.data.annotations import Annotation, annotations_of, collection, features_of, read_annotations
from survviz.data.mask_outlines import mask_path, truth_annotations
from survviz.data.strict_json import read_strict_json
from survviz.errors import InputError, SurvvizError
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.bodies import NEVER, Endpoint, refuse, with_body
from survviz.server.folders import SAMPLE_DATA
from survviz.server.map_files import patch_map_of
from survviz.server.region_table import Question, measured_collection, region_table
from survviz.server.store import Grant

FOREVER = {"cache-control": "private, max-age=86400, immutable"}
LARGEST_BODY = 32 << 20
LARGEST_KEPT = 8 << 20
MOST_REGIONS = 2000
MOST_PERMUTATIONS = 9999
READ_AT_ONCE = 2


def routes(prefix: str, limited: Callable[..., Endpoint], quick: Callable[..., Endpoint]) -> list[BaseRoute]:
    """The routes; `limited` and `quick` answer only the owner of the token, as in `survviz.server.routes`."""
    found: list[BaseRoute] = [
        Route(prefix + "/regions/{token}.geojson", quick("regions", _truth)),
        *(
            Route(
                f"{prefix}/regions/{{token}}.{suffix}",
                with_body(quick("map", _answer(make)), LARGEST_BODY),
                methods=["POST"],
            )
            for suffix, make in (("json", region_table), ("geojson", measured_collection))
        ),
        Route(prefix + "/regions/read", with_body(_read_route(), LARGEST_BODY), methods=["POST"]),
    ]
    for kind, word in (("slide", "slide"), ("layout", "grid")):  # a slide without a file is known by its patches
        path = f"{prefix}/regions-of/{word}/{{token}}.geojson"
        found.append(Route(path, quick(kind, _drawn), methods=["GET"]))
        found.append(Route(path, with_body(quick(kind, _keep), LARGEST_KEPT), methods=["PUT"]))
    return found


# ---- the truth of the sample cohort


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


def truth_of(grant: Grant) -> tuple[Annotation, ...]:
    """The polygons of a grant of kind "regions"."""
    width, height = grant.payload["slide_size"]
    return truth_annotations(Path(grant.payload["cohort"]), grant.payload["slide_id"], (width, height))


def _truth(request: Request, grant: Grant) -> Response:
    return Response(json.dumps(collection(truth_of(grant))), media_type="application/geo+json", headers=FOREVER)


# ---- what a map says of regions


@dataclass(frozen=True, slots=True)
class _Asked:
    """The body of a request for statistics."""

    annotations: tuple[Annotation, ...]
    question: Question
    head: str
    fold: str


def _asked(body: bytes, owner: str) -> _Asked:
    """Read `{features | truth, permutations, seed, rotations, alternative, head, fold}`.

    Raises:
        InputError: it is not understood, or asks for too much.
    """
    values = _json_object(body)
    annotations: tuple[Annotation, ...] = ()
    if token := values.get("truth"):
        grant = store.get(str(token), "regions", owner)
        if grant is None:
            raise InputError("These truth regions are not registered for this browser. Reload the page.")
        annotations = truth_of(grant)
    if values.get("features"):
        annotations += annotations_of(_listed(values["features"]), "the drawing")[0]
    if not 1 <= len(annotations) <= MOST_REGIONS:
        raise InputError(f"{len(annotations)} regions were given; expected 1 to {MOST_REGIONS}.")
    permutations, seed = values.get("permutations", 999), values.get("seed", 0)
    if not all(isinstance(one, int) for one in (permutations, seed)) or not (
        1 <= permutations <= MOST_PERMUTATIONS and seed >= 0
    ):
        raise InputError(f"{permutations} permutations, seed {seed}; expected 1 to {MOST_PERMUTATIONS}, and 0 or more.")
    alternative = str(values.get("alternative", "two-sided"))
    question = Question(permutations, seed, bool(values.get("rotations", False)), alternative)
    return _Asked(annotations, question, str(values.get("head", "mean")), str(values.get("fold", "mean")))


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        values = read_strict_json(body)
    except ValueError as error:
        raise InputError(f"The request is no JSON ({error}).") from None
    if not isinstance(values, dict):
        raise InputError("The request is no JSON object.")
    return values


def _listed(features: Any) -> list[Any]:
    if not isinstance(features, list):
        raise InputError("The regions are no list of GeoJSON features.")
    return features


def _answer(make: Callable[..., Any]) -> Callable[[Request, Grant], Response]:
    """`POST /sv/regions/{map token}.json`: a row per region, per class, and for all; `.geojson`: for QuPath."""

    def answer(request: Request, grant: Grant) -> Response:
        try:
            asked = _asked(request.state.body, grant.owner)
            found = make(patch_map_of(grant, asked.head, asked.fold), asked.annotations, asked.question)
        except SurvvizError as error:
            return refuse(422, str(error))
        return JSONResponse(found, headers=NEVER)

    return answer


# ---- files of regions, and those that were drawn


def _read_route() -> Endpoint:
    """`POST /sv/regions/read?name=`: a file's bytes to a FeatureCollection in the one form that the browser knows."""
    limit = asyncio.Semaphore(READ_AT_ONCE)

    async def endpoint(request: Request) -> Response:
        async with limit:
            return await run_in_threadpool(_read, request)

    return endpoint


def _read(request: Request) -> Response:
    try:
        name = request.query_params.get("name", "the file")[:120]
        annotations, notices = read_annotations(request.state.body, name)
        if len(annotations) > MOST_REGIONS:
            raise InputError(
                f"{name} holds {len(annotations):,} regions; at most {MOST_REGIONS:,} are shown. "
                "Export annotations only, not cells or tiles."
            )
    except InputError as error:
        return refuse(422, str(error))
    return JSONResponse({**collection(annotations), "notices": [one.text for one in notices]}, headers=NEVER)


def _drawn_token(grant: Grant) -> str:
    return token_for(grant.owner, "drawn", grant.token)


def _drawn(request: Request, grant: Grant) -> Response:
    """`GET /sv/regions-of/slide/{token}.geojson`: what this owner drew on the slide."""
    kept = store.get(_drawn_token(grant), "drawn", grant.owner)
    body = (kept.data if kept else None) or b'{"type": "FeatureCollection", "features": []}'
    return Response(body, media_type="application/geo+json", headers=NEVER)


def _keep(request: Request, grant: Grant) -> Response:
    """`PUT` at the same address: keep it instead of what was there."""
    try:
        features = features_of(_json_object(request.state.body))
        annotations = annotations_of(features, "the drawing")[0] if features else ()
        if len(annotations) > MOST_REGIONS:
            raise InputError(f"{len(annotations)} regions were given; at most {MOST_REGIONS} are kept.")
    except InputError as error:
        return refuse(422, str(error))
    data = json.dumps(collection(annotations)).encode()
    store.put([Grant(_drawn_token(grant), grant.owner, "drawn", {}, data)])
    return JSONResponse({"kept": len(annotations)}, headers=NEVER)
