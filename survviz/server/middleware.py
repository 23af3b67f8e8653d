"""ASGI middleware: gives every browser its signed cookie, and every answer its security headers."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from survviz.deployment import settings
from survviz.server.auth import COOKIE_DAYS, cookie_name, new_owner, owner_of_header, sign_owner
from survviz.server.downloads import Downloads
from survviz.server.sign_in import Claims, SignedIn, no_claims

HOST_FORM = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")

# Streamlit's index page holds one inline script (`window.prerenderReady = false`); a test compares this hash with it.
INDEX_SCRIPT_HASH = "sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA="

POLICY = (
    "default-src 'self'; "
    # blob: is how Streamlit loads the script of a components-v2 component
    f"script-src 'self' blob: 'wasm-unsafe-eval' '{INDEX_SCRIPT_HASH}'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "media-src 'self' data: blob:; "
    "worker-src 'self' blob:; "
    "connect-src {connect}; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'self' blob: data:; frame-ancestors 'self'"
)


def content_security_policy(host: str) -> str:
    """The policy for a request's Host; web sockets are named because not every browser counts them as 'self'."""
    connect = f"'self' ws://{host} wss://{host}" if HOST_FORM.fullmatch(host) else "'self'"
    return POLICY.format(connect=connect)


class OwnerCookie:
    """Sets the signed HttpOnly cookie when a browser opens a page without one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _opens_a_page(scope):
            await self.app(scope, receive, send)
            return
        cookie = (
            f"{cookie_name()}={sign_owner(new_owner())}; HttpOnly; SameSite=Lax; Path=/; "
            f"Max-Age={COOKIE_DAYS * 86400}{'; Secure' if scope['scheme'] == 'https' else ''}"
        )

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _opens_a_page(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    found = settings()
    if found is not None and found.sign_in.by != "nobody":  # the person is the owner, not the browser
        return False
    wants_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    return wants_page and owner_of_header(headers.get("cookie", "")) is None


class SecurityHeaders:
    """Forbids other hosts, framing by strangers and content sniffing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        policy = content_security_policy(Headers(scope=scope).get("host", ""))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = policy
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "same-origin"
                headers["cross-origin-opener-policy"] = "same-origin"
            await send(message)

        await self.app(scope, receive, send_with_headers)


def middleware(claims: Claims = no_claims) -> list[Middleware]:
    """For `st.App(middleware=...)`.

    Args:
        claims: as of `SignedIn`.

    Raises:
        InputError: the settings of this installation are wrong.
    """
    settings()  # said at the start, not to the first person who comes
    return [
        Middleware(SecurityHeaders),
        Middleware(SignedIn, claims=claims),
        Middleware(OwnerCookie),
        Middleware(Downloads),
    ]
