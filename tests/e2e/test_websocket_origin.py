"""The web socket over which a page works is opened by pages of the app itself only."""

from __future__ import annotations

import base64
import http.client
import os
from urllib.parse import urlsplit

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("app")]


def handshake(url: str, origin: str | None) -> int:
    """Status of the answer to a handshake that names this page as its origin."""
    where = urlsplit(url)
    assert where.hostname is not None
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }
    connection.request("GET", "/_stcore/stream", headers=headers | ({} if origin is None else {"Origin": origin}))
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_page_of_another_host_cannot_open_it(app_url: str) -> None:
    assert handshake(app_url, app_url.rstrip("/")) == 101
    for foreign in ("https://evil.example", "http://127.0.0.1.evil.example", "null"):
        assert handshake(app_url, foreign) == 403
