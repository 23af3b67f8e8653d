"""ASGI middleware: files that pages offer by `st.download_button` are exports, asked for and written down as such."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from survviz.deployment import allow, record, settings
from survviz.errors import AccessError, SurvvizError
from survviz.server.auth import owner_of_header

FOLDER = "/media/"
NAME = re.compile(r"filename\*?=(?:utf-8'')?\"?([^\";]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Downloads:
    """Lets a download out only for a role that may export."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or FOLDER not in scope["path"] or settings() is None:
            await self.app(scope, receive, send)
            return
        owner = owner_of_header(Headers(scope=scope).get("cookie", "")) or ""
        refused = False

        async def send_if_allowed(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and (name := attached_name(Headers(raw=message["headers"]))):
                answer = await run_in_threadpool(_refusal, owner, name)
                if answer is not None:
                    refused = True
                    await answer(scope, receive, send)
            if not refused:
                await send(message)

        await self.app(scope, receive, send_if_allowed)


def attached_name(headers: Headers) -> str:
    """The file name of an answer that a browser saves; "" for pictures and the like, which it shows."""
    disposition = headers.get("content-disposition", "")
    if not disposition.lower().startswith("attachment"):
        return ""
    found = NAME.search(disposition)
    return unquote(found[1]) if found else "file"


def _refusal(owner: str, name: str) -> JSONResponse | None:
    try:
        allow(owner, "export")
        record(owner, "exported", file=name)
    except AccessError as error:
        return JSONResponse({"error": str(error)}, 403, {"cache-control": "no-store"})
    except SurvvizError as error:
        return JSONResponse({"error": str(error)}, 503, {"cache-control": "no-store"})
    return None
