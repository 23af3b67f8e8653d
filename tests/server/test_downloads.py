"""Downloads of pages: by role, and written down; pictures on a page are no downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from survviz.deployment.audit import entries
from survviz.server import middleware
from survviz.server.downloads import attached_name

Write = Callable[[str], Path]
PEOPLE = """
[sign_in]
by = "header"
proxies = ["127.0.0.1", "::1"]
[roles]
researcher = ["ann@clinic.org"]
viewer = ["bob@clinic.org"]
"""


def get(path: str, email: str = "") -> tuple[int, str]:
    async def media(request: Request) -> Response:
        kind = {"content-disposition": 'attachment; filename="risks.csv"'} if "risks" in request.url.path else {}
        return Response("P1,0.5", headers=kind)

    app = Starlette(routes=[Route("/app/media/{name}", media)], middleware=middleware())
    headers = {"x-forwarded-email": email} if email else {}
    answer = TestClient(app, client=("127.0.0.1", 4711), headers=headers).get(path)
    return answer.status_code, answer.text


def test_a_download_asks_for_the_right_and_is_written_down(write_settings: Write) -> None:
    write_settings(PEOPLE)
    assert get("/app/media/risks", "ann@clinic.org") == (200, "P1,0.5")
    status, text = get("/app/media/risks", "bob@clinic.org")
    assert status == 403
    assert "may not export files; admin and researcher may" in text
    assert "P1" not in text
    assert [(line["who"], line["what"]) for line in entries()] == [
        ("ann@clinic.org", "exported"),
        ("bob@clinic.org", "refused"),
    ]


def test_pictures_are_shown_to_all_and_not_written_down(write_settings: Write) -> None:
    write_settings(PEOPLE)
    assert get("/app/media/picture", "bob@clinic.org") == (200, "P1,0.5")
    assert list(entries()) == []


def test_a_download_that_cannot_be_written_down_does_not_happen(survviz_home: Path, write_settings: Write) -> None:
    write_settings(PEOPLE)
    (survviz_home / "audit" / "audit.jsonl").mkdir(parents=True)
    status, text = get("/app/media/risks", "ann@clinic.org")
    assert status == 503
    assert "could not be written into the audit log" in text


def test_without_settings_everybody_downloads() -> None:
    assert get("/app/media/risks") == (200, "P1,0.5")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a b.csv"', "a b.csv"),
        ("attachment; filename*=utf-8''a%20%C3%A9.csv", "a é.csv"),
        ("attachment", "file"),
        ('inline; filename="a.csv"', ""),
        ("", ""),
    ],
)
def test_names(disposition: str, name: str) -> None:
    assert attached_name(Headers({"content-disposition": disposition})) == name
