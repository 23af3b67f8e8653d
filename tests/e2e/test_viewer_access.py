"""Who may see what, what leaves the browser, how fast small answers are, and what is said when something is lost."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Request, Route, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import RunServer, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]


def test_small_answers_do_not_wait_for_a_delayed_acknowledgement(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    seconds = []
    for _ in range(15):
        start = time.perf_counter()
        connection.request("GET", "/sv/nothing")
        connection.getresponse().read()
        seconds.append(time.perf_counter() - start)
    connection.close()
    assert min(seconds[1:]) < 0.035, "with Nagle's algorithm every answer but the first takes over 40 ms"


def test_page_asks_nobody_else_and_does_not_complain(visit: Visit, url: str) -> None:
    visit.viewer()
    visit.look()
    hosts = {urlsplit(asked).netloc for asked in visit.requests if not asked.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(url).netloc}
    assert visit.errors == []
    assert visit.page.evaluate("document.cookie").find("survviz_") == -1, "scripts must not see the identity"


def test_tiles_and_maps_answer_to_their_owner_only(
    browser: Browser, url: str, visit: Visit, open_page: Callable[..., Visit]
) -> None:
    visit.viewer()
    visit.look()
    asked = [next(u for u in visit.requests if part in u) for part in ("/sv/tiles/", "/sv/maps/", "/sv/layouts/")]
    stranger = open_page(url)
    stranger.viewer()
    bare = browser.new_context()
    forged = browser.new_context()
    cookie = next(c for c in visit.context.cookies() if c["name"].startswith("survviz_"))
    forged.add_cookies([{"name": cookie["name"], "value": cookie["value"][:-1] + "x", "url": url}])
    for address in asked:
        assert visit.context.request.get(address).status == 200
        for other in (stranger.context, bare, forged):
            assert other.request.get(address).status == 404
    for context in (bare, forged):
        context.close()


def test_upload_arrives_whole(visit: Visit, tmp_path: Path) -> None:
    """In parts, the first of a megabyte and the others as large as the line is fast; each begins where one ended."""
    table = tmp_path / "table.csv"
    table.write_bytes(b"case,age\n" * 4_000_000)
    size = table.stat().st_size
    sent: list[Request] = []
    visit.page.on("request", lambda asked: asked.method == "PUT" and sent.append(asked))
    visit.page.get_by_role("link", name="Upload").click()
    visit.page.get_by_text("A table").wait_for()
    visit.page.locator("input[type=file]").set_input_files(table)
    visit.page.get_by_text(f"arrived table.csv {size}").wait_for()
    starts = [int(parse_qs(urlsplit(part.url).query)["offset"][0]) for part in sent]
    lengths = [int(part.all_headers()["content-length"]) for part in sent]
    assert starts == [sum(lengths[:number]) for number in range(len(lengths))]
    assert sum(lengths) == size
    assert lengths[0] == 2**20
    assert max(lengths) <= 2**25


def test_lost_slide_file_is_said_in_words(
    browser: Browser, run_page: RunServer, slide_with_square: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "lost.tif"
    slide_with_square(path)
    context = browser.new_context()
    page = context.new_page()

    def lose(route: Route) -> None:
        path.unlink(missing_ok=True)
        route.continue_()

    page.route("**/sv/tiles/**", lose)
    with run_page(path) as url:
        page.goto(url)
        message = page.locator(".message.problem")
        expect(message).to_contain_text("Slide file is not available.")
        expect(message).to_contain_text("lost.tif")
        context.close()


def test_map_that_does_not_arrive_is_said_in_words_and_asked_again(visit: Visit) -> None:
    page, maps = visit.page, "**/sv/maps/**"
    page.route(maps, lambda route: route.abort())
    page.reload()
    warning = page.locator(".meaning .note.warning")
    expect(warning).to_contain_text(
        "The map “hot (clinic → pathology)” could not be loaded: The server could not be reached."
    )
    page.route(maps, lambda route: route.fulfill(status=404, json={"error": "Not found, or not yours."}))
    warning.get_by_role("button", name="Try again").click()
    expect(warning).to_contain_text("The map “hot (clinic → pathology)” could not be loaded: Not found, or not yours.")
    page.unroute(maps)
    warning.get_by_role("button", name="Try again").click()
    expect(page.locator(".viewer")).to_have_attribute("data-map", "attention:clinical:pathology:hot")
    expect(warning).to_have_count(0)
