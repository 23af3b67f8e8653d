"""Routes about single patches: what they look like in named numbers, which others look alike, and a montage of many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from survviz.errors import InputError, SurvvizError
from survviz.server.descriptors import describe_patch
from survviz.server.feature_files import OtherSlide, bag_of, other_slides, standard_of
from survviz.server.montage import montage_of_map
from survviz.server.register import register_slide
from survviz.server.store import Grant
from survviz.types import Bag
from survviz.wsi.similarity import Alike, most_alike

PRIVATE = {"cache-control": "private, max-age=3600"}
SHOWN = 12
MOST = 50


def routes(prefix: str, limited: Callable[..., Any], quick: Callable[..., Any]) -> list[BaseRoute]:
    """The routes; `limited` and `quick` answer only the owner of the token, as in `survviz.server.routes`."""
    return [
        Route(prefix + "/descriptors/{token}/{index:int}.json", limited("features", _descriptors)),
        Route(prefix + "/similar/{token}/{index:int}.json", quick("features", _similar)),
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
    """`?scope=slide|cohort&n=12`: the patches most like this one, best first.

    Answers {patches: [{slide_id, index, x, y, side, similarity, slide}], slides, n, skipped: [words], standard,
    encoder}; `slide` is the token of the slide's pixels, null without a file.
    """
    bag, index = _patch_of(request, grant)
    count = number_of(request, "n", SHOWN, MOST)
    scope = request.query_params.get("scope", "slide")
    if scope not in ("slide", "cohort"):
        raise InputError(f"scope={scope} was asked for; expected slide or cohort.")
    standard, from_training = standard_of(grant, bag)
    query = bag.features[index]
    if scope == "slide":
        found = most_alike(bag, query, standard, count, without=index)
        places = [_place(one, bag, grant.payload["slide"]) for one in found]
        seen, n, skipped = 1, len(bag), []
    else:
        places, seen, n, skipped = _across(grant, query, standard, count)
    return JSONResponse(
        {
            "patches": places,
            "slides": seen,
            "n": n,
            "skipped": skipped,
            "encoder": bag.encoder,
            "standard": "the training patches" if from_training else "this slide’s patches",
        },
        headers=PRIVATE,
    )


def _across(
    grant: Grant, query: np.ndarray, standard: Any, count: int
) -> tuple[list[dict[str, Any]], int, int, list[str]]:
    """The best of every other slide, one slide in memory at a time beside what is cached."""
    best: list[tuple[Alike, Bag, OtherSlide]] = []
    slides = patches = 0
    skipped: list[str] = []
    for other in other_slides(grant):
        try:
            bag = other.read()
            if bag.encoder != grant.payload["encoder"]:
                raise InputError(f"encoded by {bag.encoder!r}, this slide by {grant.payload['encoder']!r}")
            found = most_alike(bag, query, standard, count)
        except SurvvizError as error:
            skipped.append(f"{other.slide_id}: {error}")
            continue
        slides, patches = slides + 1, patches + len(bag)
        thin = Bag(bag.slide_id, bag.features[:0], bag.coords, bag.patch_size_level0, bag.mpp, bag.encoder)
        best = sorted([*best, *((one, thin, other) for one in found)], key=lambda item: -item[0].similarity)[:count]
    places = [_place(one, bag, _pixels(grant.owner, other)) for one, bag, other in best]
    return places, slides, patches, skipped[:MOST]


def _place(alike: Alike, bag: Bag, slide: str | None) -> dict[str, Any]:
    x, y = (int(value) for value in bag.coords[alike.index])
    return {
        "slide_id": alike.slide_id,
        "index": alike.index,
        "x": x,
        "y": y,
        "side": int(bag.patch_size_level0),
        "similarity": round(alike.similarity, 4),
        "slide": slide,
    }


def _pixels(owner: str, other: OtherSlide) -> str | None:
    """Token of a slide's pixels for this owner; None where there is no file that can be shown."""
    if other.token or not other.path:
        return other.token
    try:
        return register_slide(owner, other.path, mpp=other.mpp, label=other.slide_id)["token"]
    except SurvvizError:
        return None


def _montage(request: Request, grant: Grant) -> Response:
    """`?which=top|bottom|random&n=50&spread=none|apart|mm`: the patches of a map in one picture."""
    query = request.query_params
    picture = montage_of_map(
        grant,
        which=query.get("which", "top"),
        count=number_of(request, "n", MOST, 2 * MOST),
        spread=query.get("spread", "none"),
    )
    name = f"survviz_{grant.payload['slide_id']}_{grant.payload['token']}_montage.png"
    plain = "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "-_." else "-" for letter in name)
    headers = {**PRIVATE, "content-disposition": f'attachment; filename="{plain}"'}
    return Response(picture, media_type="image/png", headers=headers)
