"""Routes about single patches: what they look like in named numbers, which others look alike, and a montage of many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from survviz.errors import InputError
from survviz.server.descriptors import describe_patch
from survviz.server.exports import attachment, look_of
from survviz.server.feature_files import bag_of
from survviz.server.map_files import MEAN, case_summary, file_stem, map_grant, patch_map_of
from survviz.server.montage import montage_of_map
from survviz.server.similar import similar_in_cohort, similar_in_slide
from survviz.server.store import Grant
from survviz.types import Bag

PRIVATE = {"cache-control": "private, max-age=3600"}
SHOWN = 12
MOST = 50
MOST_SLIDES = 64
SEARCHES_AT_ONCE = 2


def routes(prefix: str, limited: Callable[..., Any], quick: Callable[..., Any]) -> list[BaseRoute]:
    """The routes; `limited` and `quick` answer only the owner of the token, as in `survviz.server.routes`."""
    searches = asyncio.Semaphore(SEARCHES_AT_ONCE)  # a map must not wait behind a search of a cohort
    return [
        Route(prefix + "/descriptors/{token}/{index:int}.json", limited("features", _descriptors)),
        Route(prefix + "/similar/{token}/{index:int}.json", quick("features", _similar, limit=searches)),
        Route(prefix + "/montage/{token}.png", limited("map", _montage)),
    ]


def number_of(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query, from 1 to `most`.

    Raises:
        InputError: it is none.
    """
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise InputError(f"{name}={text} was asked for; expected a whole number from 1 to {most}.")
    return int(text)


def _patch_of(request: Request, grant: Grant) -> tuple[Bag, int]:
    """The bag and the patch that a request names.

    Raises:
        InputError: the slide has no such patch.
    """
    bag, index = bag_of(grant), request.path_params["index"]
    if index >= len(bag):
        raise InputError(f"Patch {index} was asked for; slide {bag.slide_id} has {len(bag)} patches, counted from 0.")
    return bag, index


def _descriptors(request: Request, grant: Grant) -> Response:
    bag, index = _patch_of(request, grant)
    return JSONResponse(describe_patch(grant, bag, index), headers=PRIVATE)


def _similar(request: Request, grant: Grant) -> Response:
    """`?scope=slide|cohort&n=12&files=0|1`: the patches most like this one, best first.

    With `files=1` only slides of the cohort whose pixels can be shown are searched.
    Answers a `Search` as JSON.
    """
    bag, index = _patch_of(request, grant)
    count = number_of(request, "n", SHOWN, MOST)
    scope = request.query_params.get("scope", "slide")
    if scope not in ("slide", "cohort"):
        raise InputError(f"scope={scope} was asked for; expected slide or cohort.")
    only_files = request.query_params.get("files") == "1"
    search = (
        similar_in_slide(grant, bag, index, count)
        if scope == "slide"
        else similar_in_cohort(grant, bag, index, count, only_files=only_files)
    )
    return JSONResponse(asdict(search), headers=PRIVATE)


def _montage(request: Request, grant: Grant) -> Response:
    """`?which=top|bottom|random&n=50&spread=none|apart|mm`, with the viewer's look, head, fold and case as for exports.

    The patches of a map in one picture.
    """
    query = request.query_params
    head, fold = query.get("head", MEAN), query.get("fold", MEAN)
    patch_map = patch_map_of(grant, head, fold)
    others = [map_grant(token, grant.owner) for token in query.getlist("case")[:MOST_SLIDES]]
    picture = montage_of_map(
        grant,
        patch_map,
        which=query.get("which", "top"),
        count=number_of(request, "n", MOST, 2 * MOST),
        spread=query.get("spread", "none"),
        look=look_of(query),
        summary=case_summary(patch_map, [other for other in others if other.token != grant.token], head, fold),
    )
    return attachment(picture, f"{file_stem(patch_map, 'montage')}.png", "image/png")
