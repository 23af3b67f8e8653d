"""The whole app as a hospital runs it: below a base path, behind a proxy that names people, each with a role."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("hospital")]

SETTINGS = """
base_path = "tools/survviz"
[sign_in]
by = "header"
proxies = ["127.0.0.1", "::1"]
[roles]
admin = ["ann@clinic.org"]
viewer = ["@clinic.org"]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hospital")
    (folder / "config.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def hospital(run_app: Callable, home: Path) -> Iterator[str]:
    with run_app(home, base="tools/survviz") as url:
        yield url


def page_of(open_page: Callable, url: str, email: str) -> Page:
    """What a proxy makes of somebody's visit."""
    visit = open_page(f"{url}/", extra_http_headers={"X-Forwarded-Email": email})
    expect(visit.page.get_by_role("heading", name="Home")).to_be_visible()
    assert visit.errors == []
    return visit.page


def test_an_admin_trains_and_a_viewer_looks(open_page: Callable, hospital: str) -> None:
    page = page_of(open_page, hospital, "ann@clinic.org")
    expect(page.get_by_role("link", name="Train")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_contain_text(re.compile(r"ann@clinic\.org\s+admin"))
    page = page_of(open_page, hospital, "bob@clinic.org")
    expect(page.get_by_test_id("stSidebar")).to_contain_text(re.compile(r"bob@clinic\.org\s+viewer"))
    expect(page.get_by_role("link", name="Train")).to_have_count(0)


def test_opening_a_case_shows_its_slide_and_is_written_down(open_page: Callable, hospital: str, home: Path) -> None:
    page = page_of(open_page, hospital, "bob@clinic.org")
    with page.expect_response(lambda answer: "/tools/survviz/sv/tiles/" in answer.url and answer.ok):
        page.get_by_role("button", name="Explore the demo case").click()
    lines = [json.loads(line) for line in (home / "audit" / "audit.jsonl").read_text().splitlines()]
    opened = [line for line in lines if line["what"] == "opened" and line["who"] == "bob@clinic.org"]
    assert len(opened) == 1
    assert re.fullmatch(r"[0-9a-f]{16}", opened[0]["case"])


def test_who_is_not_named_or_has_no_role_gets_in_nowhere(open_page: Callable, hospital: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{hospital}/", timeout=20)
    visit = open_page(f"{hospital}/", extra_http_headers={"X-Forwarded-Email": "eve@evil.org"})
    expect(visit.page.get_by_text("Your role (none) may not open anything here")).to_be_visible()
    expect(visit.page.get_by_test_id("stSidebarNav")).to_have_count(0)
    with urllib.request.urlopen(f"{hospital}/survviz/healthz", timeout=20) as answer:
        assert json.load(answer) == {"status": "ok"}
