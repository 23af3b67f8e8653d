"""ASGI middleware: makes the person who signed in the owner of what the request asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from survviz.deployment import Person, Settings, remember, settings
from survviz.deployment.settings import SignIn
from survviz.errors import InputError
from survviz.server.auth import cookie_name, sign_owner

EMAIL_FORM = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
OPEN = ("/_stcore/health", "/survviz/healthz", "/survviz/metrics")
"""What answers without a person; the last asks for a token instead."""
NOT_SIGNED_IN = (
    "You are not signed in: this app is reached through its reverse proxy only, which says who you are. Open it at the "
    "address that your administrator gave you. (Administrators: sign_in in docs/deploy.md.)"
)

Claims = Callable[[Headers], dict[str, object]]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Gives a request the owner cookie of its person, whatever cookie the browser sent, or none at all.

    Args:
        claims: the verified claims of a request's identity token, {} without one; asked where people sign in by OIDC.
    """

    app: ASGIApp
    claims: Claims

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = settings() if scope["type"] in ("http", "websocket") else None
        if found is None or found.sign_in.by == "nobody":
            await self.app(scope, receive, send)
            return
        person = self._person(scope, found)
        if person is None and found.sign_in.by == "header" and not scope["path"].endswith(OPEN):
            await _turn_away(scope, receive, send)
            return
        cookie = None if person is None else f"{cookie_name()}={sign_owner(remember(person))}"
        await self.app(with_owner_cookie(scope, cookie), receive, send)

    def _person(self, scope: Scope, found: Settings) -> Person | None:
        headers = Headers(scope=scope)
        if found.sign_in.by == "header":
            return person_of_headers(headers, found.sign_in) if is_believed(scope, found.sign_in) else None
        return person_of_claims(self.claims(headers), found.sign_in)


def is_believed(scope: Scope, sign_in: SignIn) -> bool:
    """Whether a request comes from one of the proxies.

    uvicorn replaces the address of peers in FORWARDED_ALLOW_IPS, all of which are proxies (the settings are refused
    otherwise), by that in X-Forwarded-For, and gives it port 0, which no connection has.
    """
    host, port = scope.get("client") or ("", -1)
    return port == 0 or sign_in.believes_network(host)


def person_of_headers(headers: Headers, sign_in: SignIn) -> Person | None:
    """Whom a proxy names; None where it names nobody, or two at once."""
    named = headers.getlist(sign_in.header)
    if len(named) != 1 or not EMAIL_FORM.fullmatch(named[0].strip()):
        return None
    groups = headers.getlist(sign_in.groups_header) if sign_in.groups_header else []
    return Person(
        named[0].strip().lower(), frozenset(one.strip() for line in groups for one in line.split(",") if one.strip())
    )


def person_of_claims(claims: dict[str, object], sign_in: SignIn) -> Person | None:
    """Whom an identity token names; None where its e-mail address is missing, or said not to be verified."""
    email, groups = claims.get(sign_in.email_claim), claims.get(sign_in.groups_claim, [])
    if not claims.get("is_logged_in") or claims.get("email_verified") is False:
        return None
    if not isinstance(email, str) or not EMAIL_FORM.fullmatch(email):
        return None
    named = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    return Person(email.lower(), frozenset(map(str, named)))


def with_owner_cookie(scope: Scope, cookie: str | None) -> Scope:
    """The request with this owner cookie, and no other one."""
    kept = [
        part.strip()
        for name, value in scope["headers"]
        if name == b"cookie"
        for part in value.decode("latin-1").split(";")
        if part.strip() and part.partition("=")[0].strip() != cookie_name()
    ]
    headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    if parts := [*kept, *([cookie] if cookie else [])]:
        headers.append((b"cookie", "; ".join(parts).encode("latin-1")))
    return {**scope, "headers": headers}


async def _turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": "not signed in"})
        return
    await JSONResponse({"error": NOT_SIGNED_IN}, 401, {"cache-control": "no-store"})(scope, receive, send)


def no_claims(headers: Headers) -> dict[str, object]:
    """Where nothing reads identity tokens.

    Raises:
        InputError: always.
    """
    raise InputError('sign_in.by = "oidc" needs the app that was started by `streamlit run app.py`.')
