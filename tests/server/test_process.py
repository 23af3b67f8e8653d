"""What surrounds the routes: cookie, headers, sockets, open slides, and what survives a restart."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from survviz.errors import SlideError
from survviz.server import middleware, register_slide, store
from survviz.server.auth import cookie_name, verify_owner
from survviz.server.lifespan import disable_nagle
from survviz.server.middleware import INDEX_SCRIPT_HASH, content_security_policy
from survviz.server.slides import SlideCache

PAGE = {"accept": "text/html,*/*"}


def app() -> Starlette:
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse("page")

    return Starlette(routes=[Route("/", page)], middleware=middleware())


def test_first_page_sets_a_cookie_that_scripts_cannot_read() -> None:
    client = TestClient(app())
    set_cookie = client.get("/", headers=PAGE).headers["set-cookie"]
    assert "HttpOnly" in set_cookie
    assert "SameSite=Lax" in set_cookie
    assert "Secure" not in set_cookie
    assert verify_owner(client.cookies[cookie_name()]) is not None
    assert "set-cookie" not in client.get("/", headers=PAGE).headers, "a known browser keeps its cookie"


def test_cookie_is_secure_over_https() -> None:
    client = TestClient(app(), base_url="https://testserver")
    assert "Secure" in client.get("/", headers=PAGE).headers["set-cookie"]


def test_forged_cookie_is_replaced() -> None:
    client = TestClient(app(), cookies={cookie_name(): "0" * 32 + "." + "0" * 64})
    assert "set-cookie" in client.get("/", headers=PAGE).headers


def test_tiles_and_scripts_set_no_cookie() -> None:
    assert "set-cookie" not in TestClient(app()).get("/", headers={"accept": "image/*"}).headers


def test_every_answer_forbids_other_hosts() -> None:
    headers = TestClient(app()).get("/").headers
    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "ws://testserver" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["a b", "evil; script-src *", "", "x'", "a\nb"])
def test_odd_host_adds_nothing_to_the_policy(host: str) -> None:
    policy = content_security_policy(host)
    assert "connect-src 'self';" in policy
    assert "*" not in policy


def test_hash_is_the_one_of_streamlits_inline_script() -> None:
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    scripts = re.findall(r"<script>(.*?)</script>", page.read_text(), re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"sha256-{digest}" == INDEX_SCRIPT_HASH


def test_accepted_connections_do_not_wait_for_nagle() -> None:
    with socket.socket() as listening, socket.socket() as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert disable_nagle() >= 1
        client.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_grant_is_there_after_a_restart(slide_path: Path, owner: str) -> None:
    token = register_slide(owner, slide_path)["token"]
    store.close()
    found = store.get(token, "slide", owner)
    assert found is not None
    assert found.payload["path"] == str(slide_path)


def test_old_grants_are_forgotten(slide_path: Path, owner: str) -> None:
    token = register_slide(owner, slide_path)["token"]
    assert store.forget_old(days=1) == 0
    assert store.forget_old(days=-1) == 1
    assert store.get(token, "slide", owner) is None


def test_slide_in_use_stays_open_when_others_push_it_out(slide_path: Path) -> None:
    cache = SlideCache(size=1)
    others = []
    for number in range(3):
        other = slide_path.with_name(f"{number}.tif")
        other.write_bytes(slide_path.read_bytes())
        others.append(other)
    with cache.borrow(slide_path, None) as (slide, deep_zoom):
        for other in others:
            with cache.borrow(other, None):
                pass
        assert len(deep_zoom.tile_jpeg(11, 0, 0)) > 0
        assert slide.dimensions == (1536, 1024)
    assert len(cache._handles) == 1
    cache.close()


def test_many_threads_read_one_slide(slide_path: Path) -> None:
    cache = SlideCache()
    sizes: list[int] = []

    def read() -> None:
        for column in range(6):
            with cache.borrow(slide_path, None) as (_, deep_zoom):
                sizes.append(len(deep_zoom.tile_jpeg(11, column, 0)))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sizes) == 36
    assert min(sizes) > 0
    cache.close()


def test_lost_slide_raises_in_words(slide_path: Path) -> None:
    slide_path.unlink()
    with pytest.raises(SlideError, match=r"slide\.tif"), SlideCache().borrow(slide_path, None):
        pass
