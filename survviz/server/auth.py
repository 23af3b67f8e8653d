"""Who owns a file: a signed cookie that names a browser, and tokens that only its owner can use."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from http.cookies import CookieError, SimpleCookie

from survviz.workspace import secret_key

COOKIE_DAYS = 180
OWNER_FORM = re.compile(r"[0-9a-f]{32}")


def cookie_name() -> str:
    """Differs between workspaces, because cookies do not differ between ports of one host."""
    return f"survviz_{hashlib.sha256(secret_key()).hexdigest()[:8]}"


def new_owner() -> str:
    """A random identity for one browser."""
    return secrets.token_hex(16)


def _mac(purpose: str, text: str) -> bytes:
    return hmac.new(secret_key(), f"{purpose}\0{text}".encode(), hashlib.sha256).digest()


def sign_owner(owner: str) -> str:
    """The cookie's value for an owner."""
    return f"{owner}.{_mac('owner', owner).hex()}"


def verify_owner(value: str | None) -> str | None:
    """The owner that a cookie names, or None when it is absent or its signature is wrong."""
    owner, _, signature = (value or "").partition(".")
    if not OWNER_FORM.fullmatch(owner) or not signature.isascii():
        return None
    return owner if hmac.compare_digest(signature, _mac("owner", owner).hex()) else None


def owner_of_cookies(cookies: dict[str, str]) -> str | None:
    """The owner that a request's cookies prove."""
    return verify_owner(cookies.get(cookie_name()))


def owner_of_header(header: str) -> str | None:
    """The owner that a raw Cookie header proves."""
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return None
    return owner_of_cookies({name: morsel.value for name, morsel in cookies.items()})


def token_for(owner: str, kind: str, subject: str) -> str:
    """An unguessable name for one thing of one owner; the same on every call, so that browsers can cache."""
    digest = _mac("token", f"{owner}\0{kind}\0{subject}")
    return base64.urlsafe_b64encode(digest[:18]).decode()
