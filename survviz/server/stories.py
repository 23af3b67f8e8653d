"""Routes of stories: what an owner stored about a case, and reading a file of one."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from survviz.data.strict_json import read_strict_json
from survviz.errors import InputError
from survviz.pipeline.explanation.story import LARGEST_BYTES, Story, read_story
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.bodies import NEVER, Endpoint, refuse, with_body
from survviz.server.store import Grant

MOST_STORIES = 30


def routes(prefix: str, limited: Callable[..., Endpoint], quick: Callable[..., Endpoint]) -> list[BaseRoute]:
    """The routes; `quick` answers only the owner of the token, as in `survviz.server.routes`.

    A case is named by its first slide, or by the patches of that slide where it has no file.
    """
    found: list[BaseRoute] = [
        Route(prefix + "/stories/read", with_body(_read_route, LARGEST_BYTES), methods=["POST"]),
    ]
    for kind, word in (("slide", "slide"), ("layout", "grid")):
        path = f"{prefix}/stories-of/{word}/{{token}}.json"
        found.append(Route(path, quick(kind, _stored), methods=["GET"]))
        found.append(Route(path, with_body(quick(kind, _store), MOST_STORIES * LARGEST_BYTES), methods=["PUT"]))
    return found


async def _read_route(request: Request) -> Response:
    """`POST /sv/stories/read?name=`: a file's bytes to a story in the one form that the browser knows."""
    name = request.query_params.get("name", "the file")[:120]
    try:
        story: Story = await run_in_threadpool(read_story, request.state.body, name)
    except InputError as error:
        return refuse(422, str(error))
    return JSONResponse(story.as_json(), headers=NEVER)


def _token(grant: Grant) -> str:
    return token_for(grant.owner, "stories", grant.token)


def _stored(request: Request, grant: Grant) -> Response:
    """`GET /sv/stories-of/slide/{token}.json`: a list of stories."""
    kept = store.get(_token(grant), "stories", grant.owner)
    return Response((kept.data if kept else None) or b"[]", media_type="application/json", headers=NEVER)


def _store(request: Request, grant: Grant) -> Response:
    """`PUT` at the same address: keep this list instead of what was there."""
    try:
        given = read_strict_json(request.state.body)
        if not isinstance(given, list) or len(given) > MOST_STORIES:
            raise InputError(f"A list of at most {MOST_STORIES} stories was expected.")
        stories = [
            read_story(json.dumps(one), f"Story {number}").as_json() for number, one in enumerate(given, start=1)
        ]
    except ValueError as error:
        return refuse(422, f"The stories are no JSON ({error}).")
    except InputError as error:
        return refuse(422, str(error))
    store.put([Grant(_token(grant), grant.owner, "stories", {}, json.dumps(stories).encode())])
    return JSONResponse({"kept": len(stories)}, headers=NEVER)
