"""Uploads arrive in parts, whole, under a clean name, and only from the app's own pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message

from survviz.errors import InputError
from survviz.server import delete_upload, list_unfinished, list_uploads, routes, uploaded_file
from survviz.server.auth import cookie_name, new_owner, sign_owner
from survviz.server.folders import upload_folder
from survviz.server.uploads import clean_name, forget_unfinished, part_file, used_by

ClientOf = Callable[[str | None], TestClient]
OWN_PAGE = {"origin": "http://testserver"}


class Sender:
    """A browser that sends "abc", and "def" when it may, or breaks off instead."""

    def __init__(self, owner: str, app: Starlette, *, breaks: bool = False) -> None:
        self.app, self.breaks, self.status = app, breaks, 0
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.cookie = f"{cookie_name()}={sign_owner(owner)}".encode()

    async def receive(self) -> Message:
        if not self.began.is_set():
            self.began.set()
            return {"type": "http.request", "body": b"abc", "more_body": True}
        await self.may_end.wait()
        if self.breaks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"def", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]

    async def run(self) -> None:
        headers = [(b"cookie", self.cookie), (b"host", b"here"), (b"origin", b"http://here")]
        query = b"name=table.csv&size=6&offset=0"
        scope = {"type": "http", "method": "PUT", "path": "/sv/upload/abcdefgh", "headers": headers}
        await self.app({**scope, "query_string": query}, self.receive, self.send)


def put(client: TestClient, body: bytes, *, name: str = "table.csv", size: int | None = None, offset: int = 0, **more):
    query = {"name": name, "size": len(body) if size is None else size, "offset": offset}
    return client.put("/sv/upload/abcdefgh", content=body, params=query, headers=more.get("headers", OWN_PAGE))


def test_parts_make_the_file(owner: str, client_of: ClientOf) -> None:
    client = client_of(owner)
    assert put(client, b"abc", size=7).json() == {"received": 3}
    assert list_uploads(owner) == []
    assert put(client, b"defg", size=7, offset=3).json() == {"received": 7, "name": "table.csv"}
    assert uploaded_file(owner, "table.csv").read_bytes() == b"abcdefg"
    delete_upload(owner, "table.csv")
    assert list_uploads(owner) == []


def test_interrupted_upload_goes_on_where_it_stopped(owner: str, client_of: ClientOf) -> None:
    client = client_of(owner)
    put(client, b"abc", size=6)
    again = put(client, b"abc", size=6)
    assert again.status_code == 409
    assert again.json()["received"] == 3
    assert put(client, b"def", size=6, offset=again.json()["received"]).status_code == 200
    assert uploaded_file(owner, "table.csv").read_bytes() == b"abcdef"


def test_an_upload_says_how_far_it_is_and_can_be_given_up(owner: str, client_of: ClientOf) -> None:
    client = client_of(owner)
    assert client.get("/sv/upload/abcdefgh").status_code == 404
    put(client, b"abc", size=6)
    assert client.get("/sv/upload/abcdefgh").json() == {"received": 3}
    (left,) = list_unfinished(owner)
    assert (left.id, left.name, left.size, left.received) == ("abcdefgh", "table.csv", 6, 3)
    assert client.delete("/sv/upload/abcdefgh", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.delete("/sv/upload/abcdefgh", headers=OWN_PAGE).status_code == 200
    assert list_unfinished(owner) == []
    assert list(upload_folder(owner).iterdir()) == []
    assert client.delete("/sv/upload/abcdefgh", headers=OWN_PAGE).status_code == 404


def test_a_finished_upload_leaves_no_traces_of_its_parts(owner: str, client_of: ClientOf) -> None:
    put(client_of(owner), b"abc")
    assert [path.name for path in upload_folder(owner).iterdir()] == ["table.csv"]


def test_two_uploads_run_side_by_side(owner: str, client_of: ClientOf) -> None:
    client = client_of(owner)
    for offset in range(0, 6, 2):
        for name in ("first.csv", "second.csv"):
            query = {"name": name, "size": 6, "offset": offset}
            client.put(f"/sv/upload/{name[:5]}{name[:5]}", content=name[:2].encode(), params=query, headers=OWN_PAGE)
    assert uploaded_file(owner, "first.csv").read_bytes() == b"fififi"
    assert uploaded_file(owner, "second.csv").read_bytes() == b"sesese"


def test_two_tabs_do_not_mix_their_bytes(owner: str) -> None:
    async def both() -> tuple[int, int]:
        app = Starlette(routes=routes())
        first, second = Sender(owner, app), Sender(owner, app)
        sending = asyncio.create_task(first.run())
        await first.began.wait()
        await second.run()
        first.may_end.set()
        await sending
        return first.status, second.status

    assert asyncio.run(both()) == (200, 423)
    assert uploaded_file(owner, "table.csv").read_bytes() == b"abcdef"


def test_what_arrived_before_the_line_broke_is_kept(owner: str) -> None:
    async def broken() -> int:
        sender = Sender(owner, Starlette(routes=routes()), breaks=True)
        sender.may_end.set()
        await sender.run()
        return sender.status

    assert asyncio.run(broken()) == 499
    assert list_unfinished(owner)[0].received == 3


def test_a_full_disk_is_said_in_words_and_nothing_is_lost(owner: str, client_of: ClientOf) -> None:
    part_file(owner, "abcdefgh").symlink_to("/dev/full")
    answer = put(client_of(owner), b"abc", size=6)
    assert answer.status_code == 507
    assert "disk is full" in answer.json()["error"]
    assert [left.name for left in list_unfinished(owner)] == ["table.csv"]


@pytest.mark.parametrize("upload", ["short", "a" * 65, "..%2F..%2Fxxxxxx", "abc.defgh"])
def test_an_id_of_another_form_names_nothing(owner: str, client_of: ClientOf, upload: str) -> None:
    client = client_of(owner)
    assert client.get(f"/sv/upload/{upload}").status_code == 404
    answer = client.put(f"/sv/upload/{upload}", content=b"x", params={"name": "a.csv", "size": 1}, headers=OWN_PAGE)
    assert answer.status_code in (400, 404, 405)
    assert list(upload_folder(owner).iterdir()) == []


def test_unfinished_upload_is_forgotten_after_a_while(owner: str, client_of: ClientOf) -> None:
    put(client_of(owner), b"abc", size=6)
    assert forget_unfinished() == 0
    assert forget_unfinished(days=-1) == 1
    assert list(upload_folder(owner).iterdir()) == []


def test_what_goes_while_it_is_listed_is_left_out(owner: str, client_of: ClientOf) -> None:
    """A link to nowhere is in the listing of its folder and gone at the look, as a part that is just being finished."""
    client = client_of(owner)
    put(client, b"whole")
    folder = upload_folder(owner)
    for name in ("gone.csv", ".0123456789.part"):
        (folder / name).symlink_to(folder / "nowhere")
    assert [path.name for path in list_uploads(owner)] == ["table.csv"]
    assert list_unfinished(owner) == []
    assert forget_unfinished(0) == 0
    assert used_by(owner) == 5


def test_second_file_of_a_name_does_not_replace_the_first(owner: str, client_of: ClientOf) -> None:
    client = client_of(owner)
    assert put(client, b"one").json()["name"] == "table.csv"
    assert put(client, b"two").json()["name"] == "table (2).csv"
    assert uploaded_file(owner, "table.csv").read_bytes() == b"one"


def test_empty_file_is_a_file(owner: str, client_of: ClientOf) -> None:
    assert put(client_of(owner), b"").json() == {"received": 0, "name": "table.csv"}


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {"origin": "null"}])
def test_other_sites_cannot_upload(owner: str, client_of: ClientOf, headers: dict[str, str]) -> None:
    assert put(client_of(owner), b"x", headers=headers).status_code == 403


def test_nobody_cannot_upload(client_of: ClientOf) -> None:
    assert put(client_of(None), b"x").status_code == 403


def test_more_than_announced_is_refused_and_removed(owner: str, client_of: ClientOf) -> None:
    answer = put(client_of(owner), b"abcdef", size=3)
    assert answer.status_code == 400
    assert list(upload_folder(owner).iterdir()) == []


def test_too_large_is_refused_before_it_is_sent(
    owner: str, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SURVVIZ_MAX_UPLOAD_GB", "0.001")
    answer = put(client_of(owner), b"x", size=2_000_000)
    assert answer.status_code == 413
    assert "has 2.0 MB; at most 1.1 MB fit here" in answer.json()["error"]


def test_uploads_of_others_are_not_found(owner: str, client_of: ClientOf) -> None:
    put(client_of(owner), b"secret")
    with pytest.raises(InputError, match="No upload"):
        uploaded_file(new_owner(), "table.csv")


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("../../etc/x.csv", "x.csv"),
        ("C:\\data\\a b.SVS", "a b.SVS"),
        ("...hidden.csv", "hidden.csv"),
        ("a\0b\n.csv", "a_b_.csv"),
        ("Fall_ä (2).tif", "Fall_ä (2).tif"),
    ],
)
def test_names_lose_folders_and_control_characters(given: str, clean: str) -> None:
    assert clean_name(given) == clean


@pytest.mark.parametrize("name", ["", "..", "a.exe", "noending", ".csv", "a.csv/"])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected one of"):
        clean_name(name)


def test_upload_folder_does_not_reveal_the_owner(owner: str) -> None:
    assert owner not in str(upload_folder(owner))
    assert isinstance(upload_folder(owner), Path)
