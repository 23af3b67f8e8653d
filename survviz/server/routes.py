"""Routes beside the pages: tiles, patches, maps, uploads, and the viewer's own files. All check the owner."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from survviz.deployment import allow, record, settings
from survviz.deployment.settings import Deed
from survviz.errors import AccessError, InputError, SurvvizError
from survviz.server import computations, endpoints, exports, patches, regions, reports, store, stories
from survviz.server.auth import owner_of_cookies
from survviz.server.receive import upload_routes
from survviz.server.register import render_patch
from survviz.server.slides import slide_cache
from survviz.server.store import Grant

WEB = Path(__file__).parent / "web"
AT_ONCE = 4
FOREVER = {"cache-control": "private, max-age=86400, immutable"}
NOT_FOUND = "Not found, or not yours. Reload the page and load the case again."
PATCH_NAME = re.compile(r"(-?\d{1,9})_(-?\d{1,9})_(\d{1,5})\.jpg")

Answer = Callable[[Request, Grant], Response]


class _WebFiles(StaticFiles):
    """The viewer's scripts; their URL carries a version, so they never change."""

    def file_response(self, *args, **kwargs) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def _not_found(reason: str = NOT_FOUND) -> JSONResponse:
    return JSONResponse({"error": reason}, status_code=404, headers={"cache-control": "no-store"})


def _for_owner(
    kind: str, answer: Answer, limit: asyncio.Semaphore, deed: Deed = "open"
) -> Callable[[Request], Awaitable[Response]]:
    """Answer only the owner of the token whose role may do this, a few at a time, and no browser that has gone."""

    async def endpoint(request: Request) -> Response:
        try:
            grant = store.get(request.path_params["token"], kind, owner_of_cookies(request.cookies))
        except SurvvizError as error:
            return JSONResponse({"error": str(error)}, status_code=503, headers={"cache-control": "no-store"})
        if grant is None:
            return _not_found()
        try:
            allow(grant.owner, deed)
        except AccessError as error:
            return JSONResponse({"error": str(error)}, status_code=403, headers={"cache-control": "no-store"})
        async with limit:
            if await request.is_disconnected():
                return Response(status_code=499)
            try:
                if deed == "export":
                    record(grant.owner, "exported", case=_case_of(grant), file=_file_asked(request))
                return await run_in_threadpool(answer, request, grant)
            except SurvvizError as error:
                return _not_found(str(error))

    return endpoint


def _case_of(grant: Grant) -> str:
    about = grant.payload.get("about", grant.payload)
    return str(about.get("case_id", ""))


def _file_asked(request: Request) -> str:
    """What the address ends with, without the token, which opens things."""
    return request.url.path.rpartition("/")[2].replace(request.path_params["token"], "report")


def _tile(request: Request, grant: Grant) -> Response:
    level, column, row = (request.path_params[name] for name in ("level", "column", "row"))
    with slide_cache().borrow(grant.payload["path"], grant.payload["mpp"]) as (_, deep_zoom):
        return Response(deep_zoom.tile_jpeg(level, column, row), media_type="image/jpeg", headers=FOREVER)


def _patch(request: Request, grant: Grant) -> Response:
    match = PATCH_NAME.fullmatch(request.path_params["name"])
    px = request.query_params.get("px", "256")
    if match is None or not px.isdecimal():
        return _not_found()
    x, y, size = (int(part) for part in match.groups())
    return _jpeg(Image.fromarray(render_patch(grant, x, y, size, int(px))))


def _thumbnail(request: Request, grant: Grant) -> Response:
    px = request.query_params.get("px", "256")
    side = min(int(px), 2048) if px.isdecimal() else 256
    with slide_cache().borrow(grant.payload["path"], grant.payload["mpp"]) as (slide, _):
        return _jpeg(Image.fromarray(slide.thumbnail(max(side, 16))))


def _jpeg(image: Image.Image) -> Response:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return Response(buffer.getvalue(), media_type="image/jpeg", headers=FOREVER)


def _binary(request: Request, grant: Grant) -> Response:
    return Response(grant.data or b"", media_type="application/octet-stream", headers=FOREVER)


def routes(base: str = "") -> list[BaseRoute]:
    """For `st.App(routes=...)`.

    Args:
        base: Streamlit's `server.baseUrlPath`, under which everything is served.

    Raises:
        InputError: the settings of this installation name another one.
    """
    found = settings()
    if found and found.base_path is not None and found.base_path.strip("/") != base.strip("/"):
        raise InputError(
            f"The settings say base_path = {found.base_path!r}, and Streamlit was started with {base!r}. Start it with "
            f"--server.baseUrlPath {found.base_path} (or STREAMLIT_SERVER_BASE_URL_PATH), or leave base_path out."
        )
    prefix = f"/{base.strip('/')}/sv" if base.strip("/") else "/sv"
    limited = partial(_for_owner, limit=asyncio.Semaphore(AT_ONCE))
    quick = partial(_for_owner, limit=asyncio.Semaphore(AT_ONCE))  # a map must not wait behind slow tiles
    return [
        Route(prefix + "/tiles/{token}/{level:int}/{column:int}_{row:int}.jpg", limited("slide", _tile)),
        Route(prefix + "/patch/{token}/{name}", limited("slide", _patch)),
        Route(prefix + "/thumbnail/{token}.jpg", limited("slide", _thumbnail)),
        Route(prefix + "/maps/{token}.bin", quick("map", _binary)),
        Route(prefix + "/details/{token}.bin", quick("detail", _binary)),
        Route(prefix + "/layouts/{token}.bin", quick("layout", _binary)),
        *computations.routes(prefix, limited, quick),
        *patches.routes(prefix, limited, quick),
        *regions.routes(prefix, limited, quick),
        *stories.routes(prefix, limited, quick),
        *exports.routes(prefix, limited, quick),
        *reports.routes(prefix, limited, quick),
        *upload_routes(prefix),
        *endpoints.routes(prefix.removesuffix("/sv")),
        Mount(prefix + "/web/{version}", _WebFiles(directory=WEB)),  # scripts import each other by relative URL
        Route(prefix + "/{rest:path}", _nothing_here),  # else Streamlit answers 200 with its index page
    ]


async def _nothing_here(request: Request) -> Response:
    return _not_found("There is nothing at this address.")
