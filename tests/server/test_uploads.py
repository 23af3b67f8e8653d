"""Uploads arrive in parts, whole, under a clean name, and only from the app's own pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from survviz.errors import InputError
from survviz.server import delete_upload, list_uploads, uploaded_file
from survviz.server.auth import new_owner
from survviz.server.folders import upload_folder
from survviz.server.uploads import clean_name, forget_unfinished

ClientOf = Callable[[str | None], TestClient]
OWN_PAGE = {"origin": "http://testserver"}


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


def test_unfinished_upload_is_forgotten_after_a_while(owner: str, client_of: ClientOf) -> None:
    put(client_of(owner), b"abc", size=6)
    assert forget_unfinished() == 0
    assert forget_unfinished(days=-1) == 1
    assert list(upload_folder(owner).iterdir()) == []


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
    assert "GB" in answer.json()["error"]


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
