"""Every route there is answers its owner only. A new route fails here until it is named, with an example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from survviz.server import list_unfinished, register_slide, routes, store
from survviz.server.auth import cookie_name, new_owner, sign_owner, token_for
from survviz.server.routes import NOT_FOUND
from survviz.server.store import Grant
from survviz.server.uploads import list_uploads

ClientOf = Callable[[str | None], TestClient]
Name = tuple[str, str]
"""method and path of a route, as in the routing table"""

OWN_PAGE = {"origin": "http://testserver"}

OF_A_GRANT: dict[Name, tuple[str, str]] = {
    ("GET", "/sv/tiles/{token}/{level:int}/{column:int}_{row:int}.jpg"): ("slide", "/sv/tiles/{token}/11/0_0.jpg"),
    ("GET", "/sv/patch/{token}/{name}"): ("slide", "/sv/patch/{token}/0_0_256.jpg"),
    ("GET", "/sv/thumbnail/{token}.jpg"): ("slide", "/sv/thumbnail/{token}.jpg"),
    ("GET", "/sv/maps/{token}.bin"): ("map", "/sv/maps/{token}.bin"),
    ("GET", "/sv/details/{token}.bin"): ("detail", "/sv/details/{token}.bin"),
    ("GET", "/sv/layouts/{token}.bin"): ("layout", "/sv/layouts/{token}.bin"),
    ("GET", "/sv/job/{token}.json"): ("job", "/sv/job/{token}.json"),
    ("GET", "/sv/descriptors/{token}/{index:int}.json"): ("features", "/sv/descriptors/{token}/0.json"),
    ("GET", "/sv/similar/{token}/{index:int}.json"): ("features", "/sv/similar/{token}/0.json"),
    ("GET", "/sv/montage/{token}.png"): ("map", "/sv/montage/{token}.png"),
    ("GET", "/sv/regions/{token}.geojson"): ("regions", "/sv/regions/{token}.geojson"),
    ("POST", "/sv/regions/{token}.json"): ("map", "/sv/regions/{token}.json"),
    ("POST", "/sv/regions/{token}.geojson"): ("map", "/sv/regions/{token}.geojson"),
    ("GET", "/sv/regions-of/slide/{token}.geojson"): ("slide", "/sv/regions-of/slide/{token}.geojson"),
    ("PUT", "/sv/regions-of/slide/{token}.geojson"): ("slide", "/sv/regions-of/slide/{token}.geojson"),
    ("GET", "/sv/regions-of/grid/{token}.geojson"): ("layout", "/sv/regions-of/grid/{token}.geojson"),
    ("PUT", "/sv/regions-of/grid/{token}.geojson"): ("layout", "/sv/regions-of/grid/{token}.geojson"),
    ("GET", "/sv/stories-of/slide/{token}.json"): ("slide", "/sv/stories-of/slide/{token}.json"),
    ("PUT", "/sv/stories-of/slide/{token}.json"): ("slide", "/sv/stories-of/slide/{token}.json"),
    ("GET", "/sv/stories-of/grid/{token}.json"): ("layout", "/sv/stories-of/grid/{token}.json"),
    ("PUT", "/sv/stories-of/grid/{token}.json"): ("layout", "/sv/stories-of/grid/{token}.json"),
    ("GET", "/sv/export/{token}/tiles.geojson.gz"): ("map", "/sv/export/{token}/tiles.geojson.gz"),
    ("GET", "/sv/export/{token}/top.geojson"): ("map", "/sv/export/{token}/top.geojson"),
    ("GET", "/sv/export/{token}/maps.csv"): ("map", "/sv/export/{token}/maps.csv"),
    ("GET", "/sv/export/{token}/figure.png"): ("map", "/sv/export/{token}/figure.png"),
    ("GET", "/sv/export/{token}/figure.svg"): ("map", "/sv/export/{token}/figure.svg"),
    ("GET", "/sv/export/{token}/parametric_map.dcm"): ("map", "/sv/export/{token}/parametric_map.dcm"),
    ("GET", "/sv/export/{token}/annotations.dcm"): ("map", "/sv/export/{token}/annotations.dcm"),
    ("GET", "/sv/export/{token}/dicom.zip"): ("map", "/sv/export/{token}/dicom.zip"),
    ("GET", "/sv/report/{token}.html"): ("report", "/sv/report/{token}.html"),
    ("GET", "/sv/report/{token}.pdf"): ("report", "/sv/report/{token}.pdf"),
}
"""Route -> the kind of grant that it needs, and an address."""

OF_A_BROWSER: dict[Name, str] = {
    ("POST", "/sv/regions/read"): "/sv/regions/read",
    ("POST", "/sv/stories/read"): "/sv/stories/read",
    ("PUT", "/sv/upload/{upload}"): "/sv/upload/abcdefgh?name=a.csv&size=2&offset=0",
    ("GET", "/sv/upload/{upload}"): "/sv/upload/abcdefgh",
    ("DELETE", "/sv/upload/{upload}"): "/sv/upload/abcdefgh",
}
"""Routes without a grant, which work on what the browser itself sends or has sent."""

OPEN: set[Name] = {
    ("GET", "/sv/web/{version}"),
    ("GET", "/sv/{rest:path}"),
    ("GET", "/survviz/healthz"),
    ("GET", "/survviz/metrics"),
}
"""The viewer's own scripts, which are the same for everybody, "there is nothing here", and what watches the server."""


def names(table: list[BaseRoute]) -> set[Name]:
    """Method and path of everything that is served."""
    found: set[Name] = set()
    for route in table:
        assert isinstance(route, Route | Mount), f"{route} is of a kind that this test does not know"
        methods = (route.methods or {"GET"}) if isinstance(route, Route) else {"GET"}
        found |= {(method, route.path) for method in methods - {"HEAD"}}
    return found


SERVED = names(routes())
GRANTED = sorted(SERVED & OF_A_GRANT.keys())


def test_every_route_is_tried_here() -> None:
    forgotten = SERVED - OF_A_GRANT.keys() - OF_A_BROWSER.keys() - OPEN
    assert not forgotten, f"Name these routes above, with an example: {sorted(forgotten)}"


def test_a_base_path_moves_every_route_and_adds_none() -> None:
    assert names(routes("/app/")) == {(method, f"/app{path}") for method, path in SERVED}


def granted(owner: str, kind: str, slide: Path) -> str:
    """A token of this kind; that of a slide is complete, the others hold a secret that nothing may tell."""
    if kind == "slide":
        return str(register_slide(owner, slide)["token"])
    token = token_for(owner, kind, "example")
    store.put([Grant(token, owner, kind, {"secret": "of the owner"}, b"of the owner")])
    return token


def forged(owner: str) -> str:
    return f"{owner}.{'0' * 64}"


def visitor(cookie: str | None) -> TestClient:
    cookies = {cookie_name(): cookie} if cookie else {}
    return TestClient(Starlette(routes=routes()), cookies=cookies, raise_server_exceptions=False)


def ask(client: TestClient, method: str, address: str) -> Any:
    body = None if method in ("GET", "DELETE") else b"{}"
    return client.request(method, address, headers=OWN_PAGE, content=body)


@pytest.mark.parametrize(("method", "path"), GRANTED)
def test_a_route_of_a_grant_answers_its_owner_only(slide_path: Path, owner: str, method: str, path: str) -> None:
    kind, address = OF_A_GRANT[method, path]
    address = address.format(token=granted(owner, kind, slide_path))
    for cookie in (sign_owner(new_owner()), forged(owner), None):
        answer = ask(visitor(cookie), method, address)
        assert answer.status_code in (403, 404)
        assert answer.json().keys() == {"error"}
        if answer.status_code == 404:
            assert answer.json()["error"] == NOT_FOUND, "nothing but that there is nothing"
        assert "of the owner" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
    assert NOT_FOUND not in ask(visitor(sign_owner(owner)), method, address).text, "the owner is let in"


@pytest.mark.parametrize(("method", "path"), GRANTED)
def test_a_token_opens_no_route_of_another_kind(slide_path: Path, owner: str, method: str, path: str) -> None:
    kind, address = OF_A_GRANT[method, path]
    for other in {kind for kind, _ in OF_A_GRANT.values()} - {kind}:
        answer = ask(visitor(sign_owner(owner)), method, address.format(token=granted(owner, other, slide_path)))
        assert answer.json() == {"error": NOT_FOUND}


@pytest.mark.parametrize(("method", "path"), sorted(OF_A_BROWSER))
def test_a_route_of_a_browser_is_closed_to_nobody_and_to_forged_cookies(owner: str, method: str, path: str) -> None:
    for cookie in (forged(owner), None):
        answer = ask(visitor(cookie), method, OF_A_BROWSER[method, path])
        assert answer.status_code in (403, 404)
        assert answer.json().keys() == {"error"}
    assert list_uploads(owner) == []


def test_the_upload_of_one_browser_is_not_there_for_another(owner: str) -> None:
    mine, other = visitor(sign_owner(owner)), visitor(sign_owner(new_owner()))
    address = "/sv/upload/abcdefgh"
    begin = {"name": "a.csv", "size": "4", "offset": "0"}
    assert mine.put(address, params=begin, content=b"ab", headers=OWN_PAGE).status_code == 200
    assert other.get(address).status_code == 404
    assert other.delete(address, headers=OWN_PAGE).status_code == 404
    assert other.put(address, params=begin, content=b"xx", headers=OWN_PAGE).status_code == 200, "it has its own"
    assert other.put(address, params=begin | {"offset": "2"}, content=b"xx", headers=OWN_PAGE).json()["name"] == "a.csv"
    assert [left.received for left in list_unfinished(owner)] == [2]
    assert list_uploads(owner) == []
