"""Signed-in people own what their requests ask for; headers of strangers and cookies of others count for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from survviz import jobs
from survviz.deployment import Person, owner_of_person, remember
from survviz.deployment.audit import entries
from survviz.deployment.settings import SignIn
from survviz.errors import AccessError, InputError
from survviz.server import delete_upload, list_uploads, middleware, register_slide, routes
from survviz.server.auth import cookie_name, new_owner, owner_of_cookies, sign_owner
from survviz.server.folders import discard_run, own_checkpoints
from survviz.server.sign_in import person_of_claims, with_owner_cookie

Write = Callable[[str], Path]
Browser = Callable[..., TestClient]
PEOPLE = """
[sign_in]
by = "header"
header = "X-Mail"
groups_header = "X-Groups"
proxies = ["127.0.0.1", "::1", "10.0.0.0/29"]
[roles]
admin = ["ann@clinic.org"]
researcher = ["group:oncology"]
viewer = ["@clinic.org"]
"""
ANN, BOB, EVE = ({"x-mail": name} for name in ("ann@clinic.org", "bob@clinic.org", "eve@evil.org"))
PAGE = {"origin": "http://testserver"}


@pytest.fixture
def browser(write_settings: Write) -> Iterator[Browser]:
    """A client whose requests come from an address, by default a proxy's."""
    write_settings(PEOPLE)
    clients: list[TestClient] = []

    def make(headers: dict[str, str], address: tuple[str, int] = ("10.0.0.3", 4711), **cookies: str) -> TestClient:
        app = Starlette(routes=[*routes(), WebSocketRoute("/stream", _say_owner)], middleware=middleware())
        clients.append(TestClient(app, headers=headers, client=address, cookies=cookies))
        clients[-1].__enter__()
        return clients[-1]

    yield make
    for client in clients:
        client.__exit__(None, None, None)


async def _say_owner(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(owner_of_cookies(websocket.cookies) or "none")
    await websocket.close()


def send(client: TestClient, body: bytes = b"abc"):
    query = {"name": "table.csv", "size": len(body), "offset": 0}
    return client.put("/sv/upload/abcdefgh", content=body, params=query, headers=PAGE)


def test_an_upload_belongs_to_the_person_on_every_browser(browser: Browser) -> None:
    assert send(browser(ANN)).status_code == 200
    owner = owner_of_person("ann@clinic.org")
    assert [path.name for path in list_uploads(owner)] == ["table.csv"]
    (entry,) = entries()
    assert (entry["who"], entry["what"], entry["file"]) == ("ann@clinic.org", "uploaded", "table.csv")


def test_a_viewer_may_not_upload_and_a_group_makes_a_researcher(browser: Browser) -> None:
    answer = send(browser(BOB))
    assert answer.status_code == 403
    assert "Your role (viewer) may not upload files" in answer.json()["error"]
    assert list_uploads(owner_of_person("bob@clinic.org")) == []
    assert send(browser({**BOB, "x-groups": "tumour board, oncology"})).status_code == 200


@pytest.mark.parametrize("address", [("10.0.0.9", 4711), ("192.168.1.1", 4711), ("testclient", 50000)], ids=str)
def test_a_header_is_not_believed_from_elsewhere(browser: Browser, address: tuple[str, int]) -> None:
    answer = send(browser(ANN, address))
    assert answer.status_code == 401
    assert "reached through its reverse proxy only" in answer.json()["error"]
    assert list(entries()) == []


def test_an_address_that_uvicorn_took_from_a_proxy_is_believed(browser: Browser) -> None:
    assert send(browser(ANN, ("203.0.113.7", 0))).status_code == 200


@pytest.mark.parametrize("value", ["", "ann", "ann@", "a b@c.org", "ann@clinic.org, bob@clinic.org", "@clinic.org"])
def test_a_header_that_names_nobody_signs_nobody_in(browser: Browser, value: str) -> None:
    assert send(browser({"x-mail": value})).status_code == 401


def test_two_headers_sign_nobody_in(browser: Browser) -> None:
    client = browser({})
    headers = [("x-mail", "bob@clinic.org"), ("x-mail", "ann@clinic.org"), *PAGE.items()]
    answer = client.put("/sv/upload/abcdefgh?name=a.csv&size=1&offset=0", content=b"a", headers=headers)
    assert answer.status_code == 401


def test_a_refused_person_opens_nothing(browser: Browser) -> None:
    answer = send(browser(EVE))
    assert answer.status_code == 403
    assert "Your role (none)" in answer.json()["error"]


def test_a_cookie_of_another_person_counts_for_nothing(browser: Browser, slide_path: Path) -> None:
    ann = owner_of_person("ann@clinic.org")
    slide = register_slide(ann, slide_path)
    stolen = {cookie_name(): sign_owner(ann)}
    address = f"/sv/thumbnail/{slide['token']}.jpg"
    assert browser(ANN).get(address).status_code == 200
    assert browser(BOB, **stolen).get(address).status_code == 404
    assert browser({}, **stolen).get(address).status_code == 401


def test_a_removed_right_closes_what_was_registered(browser: Browser, slide_path: Path, write_settings: Write) -> None:
    slide = register_slide(owner_of_person("bob@clinic.org"), slide_path)
    address = f"/sv/thumbnail/{slide['token']}.jpg"
    assert browser(BOB).get(address).status_code == 200
    write_settings(PEOPLE.replace('"@clinic.org"', '"@partner.org"'))
    assert browser(BOB).get(address).status_code == 403


def test_the_web_socket_has_the_same_owner(browser: Browser) -> None:
    with browser(ANN).websocket_connect("/stream") as stream:
        assert stream.receive_text() == owner_of_person("ann@clinic.org")
    with pytest.raises(WebSocketDisconnect), browser({}).websocket_connect("/stream"):
        pass


def test_pages_set_no_owner_cookie_where_people_sign_in(browser: Browser) -> None:
    assert "set-cookie" not in browser(ANN).get("/sv/none", headers={"accept": "text/html"}).headers


def test_jobs_and_deletion_ask_for_the_role(write_settings: Write, tmp_path: Path) -> None:
    write_settings(PEOPLE + '[rights]\nviewer = ["open"]\n')
    bob = remember(Person("bob@clinic.org"))
    with pytest.raises(AccessError, match="may not start computations"):
        jobs.submit("extract", {"slide": "a.svs"}, owner=bob)
    training = {"cohort": "c", "out": "o", "settings": {}}
    with pytest.raises(AccessError, match="may not train models"):
        jobs.submit("training", training, owner=bob)
    with pytest.raises(AccessError, match="may not delete"):
        delete_upload(bob, "table.csv")
    with pytest.raises(AccessError, match="may not delete"):
        discard_run(bob, "mine")
    assert [line["deed"] for line in entries()] == ["compute", "train", "delete", "delete"]
    assert jobs.list_jobs(bob) == []


def test_an_unfinished_training_is_thrown_away_by_its_name_only() -> None:
    owner = new_owner()
    kept, gone = (own_checkpoints(owner) / f"{name}.partial" for name in ("kept", "gone"))
    for folder in (kept, gone):
        folder.mkdir()
    discard_run(owner, "gone")
    with pytest.raises(InputError, match="No unfinished training"):
        discard_run(owner, f"../{kept.parent.name}/kept")
    assert kept.is_dir()
    assert not gone.exists()


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"is_logged_in": True, "email": "Ann@Clinic.org"}, "ann@clinic.org"),
        ({"is_logged_in": True, "email": "ann@clinic.org", "email_verified": True}, "ann@clinic.org"),
        ({"is_logged_in": True, "email": "ann@clinic.org", "email_verified": False}, None),
        ({"is_logged_in": False, "email": "ann@clinic.org"}, None),
        ({"email": "ann@clinic.org"}, None),
        ({"is_logged_in": True}, None),
        ({"is_logged_in": True, "email": ["ann@clinic.org"]}, None),
        ({}, None),
    ],
    ids=lambda value: None,
)
def test_a_token_names_a_person_with_a_verified_address(claims: dict[str, object], email: str | None) -> None:
    found = person_of_claims(claims, SignIn(by="oidc"))
    assert (found.email if found else None) == email


@pytest.mark.parametrize(("groups", "expected"), [(["a", "b"], {"a", "b"}), ("a", {"a"}), (None, set()), (7, set())])
def test_groups_of_a_token(groups: object, expected: set[str]) -> None:
    claims = {"is_logged_in": True, "email": "ann@clinic.org", "roles": groups}
    found = person_of_claims(claims, SignIn(by="oidc", groups_claim="roles"))
    assert found is not None
    assert found.groups == expected


def test_only_the_owner_cookie_is_exchanged() -> None:
    name = cookie_name()
    scope = {
        "headers": [(b"cookie", f"a=1; {name}=old; b=2".encode()), (b"cookie", f"{name}=x".encode()), (b"h", b"1")]
    }
    assert Headers(scope=with_owner_cookie(scope, f"{name}=new"))["cookie"] == f"a=1; b=2; {name}=new"
    assert Headers(scope=with_owner_cookie(scope, None))["cookie"] == "a=1; b=2"
