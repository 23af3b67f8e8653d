"""Requests with a body: taken from our own pages and from browsers with a cookie only, and never without a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from survviz.deployment import allow
from survviz.errors import AccessError
from survviz.server.auth import owner_of_cookies
from survviz.server.receive import same_origin

NEVER = {"cache-control": "no-store"}
FOREIGN = "This is taken from the app's own pages only. Reload the page and try again."

Endpoint = Callable[[Request], Awaitable[Response]]


def with_body(endpoint: Endpoint, most: int) -> Endpoint:
    """Read the body into `request.state.body`, then let the endpoint decide.

    Args:
        most: bytes; more is refused.
    """

    async def reading(request: Request) -> Response:
        owner = owner_of_cookies(request.cookies)
        if owner is None or not same_origin(request):
            return refuse(403, FOREIGN)
        try:
            allow(owner, "open")
        except AccessError as error:
            return refuse(403, str(error))
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                return refuse(413, f"More than {most >> 20} MB were sent. For regions: export annotations only.")
        request.state.body = bytes(body)
        return await endpoint(request)

    return reading


def refuse(status: int, reason: str) -> JSONResponse:
    """An error in words."""
    return JSONResponse({"error": reason}, status_code=status, headers=NEVER)
