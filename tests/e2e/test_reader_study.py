"""A reader in a real browser: two slides by keyboard, the tab closed in between, and nothing lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import RunServer

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
PATIENT_MS = 240_000
QUESTIONS = 4

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("reader")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo study with a reader for each test."""
    demo = SAMPLE / "reader_study"
    text = (demo / "study.toml").read_text().replace('"../slides/', f'"{SAMPLE}/slides/')
    path = tmp_path_factory.mktemp("study") / "study.toml"
    path.write_text(text.replace('"maps/', f'"{demo}/maps/').replace('"demo-3"]', '"demo-3", "demo-4", "demo-5"]'))
    return path


@pytest.fixture(scope="module")
def url(run_app: RunServer, home: Path, study: Path) -> Iterator[str]:
    """The app, with the study enabled."""
    with run_app(home, SURVVIZ_READER_STUDY=str(study)) as url:
        yield f"{url}/reader_study"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENT_MS)
    yield context
    context.close()


def begin(context: BrowserContext, url: str, code: str, *, first: bool) -> Page:
    """A tab of a reader, up to the tutorial the first time."""
    page = context.new_page()
    page.goto(url)
    page.get_by_role("textbox", name="Your reader code").fill(code)
    page.get_by_role("button", name="Begin").click()
    if first:
        page.get_by_text("I have read this").click()
        page.get_by_role("button", name="Begin").click()
    return page


def wait_for(page: Page, screen: str) -> None:
    page.locator(f".reader[data-screen='{screen}']").wait_for()


def answer(page: Page, place: int | str) -> None:
    """All questions of one slide, by keys: arrows for the place, a digit, arrows and a digit for the rest."""
    for number, keys in enumerate((["ArrowRight", "ArrowDown"], ["4"], ["ArrowRight", "ArrowRight"], ["5", "2"])):
        wait_for(page, f"{place}/{number}")
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")


def lines(home: Path, reader: str, kind: str = "answer") -> list[dict[str, Any]]:
    path = home / "studies" / "sample-demo" / f"{reader}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if row["kind"] == kind]


def test_two_slides_by_keyboard_with_the_tab_killed_in_between(context: BrowserContext, url: str, home: Path) -> None:
    page = begin(context, url, "demo-1", first=True)
    answer(page, "tutorial")
    answer(page, 0)
    wait_for(page, "1/0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_for(page, "1/1")
    page.keyboard.press("3")  # chosen, and not confirmed
    page.close()

    assert len(lines(home, "demo-1")) == QUESTIONS + 1
    page = begin(context, url, "Demo-1", first=False)
    wait_for(page, "1/1")
    expect(page.locator(".reader [aria-checked=true]")).to_have_count(0)
    expect(page.get_by_text("Slide 2 of 5 · question 2 of 4")).to_be_visible()
    for number, key in enumerate("213", 1):
        wait_for(page, f"1/{number}")
        page.keyboard.press(key)
        page.keyboard.press("Enter")
    wait_for(page, "2/0")

    rows = lines(home, "demo-1")
    assert [row["question"] for row in rows] == ["region", "useful", "tissue", "confidence"] * 2
    assert [row["value"] for row in rows if row["question"] != "region"] == [4, 2, 2, 2, 1, 3]
    for row in rows:
        assert 0 <= row["elapsed_ms"] <= row["answered_at"] - row["shown_at"] + 50
    assert rows[0]["value"]["x"] % 256 == 0


def test_time_of_a_pause_is_not_counted_and_the_slide_is_hidden(context: BrowserContext, url: str, home: Path) -> None:
    page = begin(context, url, "demo-2", first=True)
    answer(page, "tutorial")
    wait_for(page, "0/0")
    page.keyboard.press("p")
    veil = page.get_by_text("Paused. Your answers are saved")
    veil.wait_for()
    page.keyboard.press("3")
    page.wait_for_timeout(1500)
    page.keyboard.press("Enter")  # goes on, and answers nothing
    expect(veil).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    wait_for(page, "0/1")
    (row,) = lines(home, "demo-2")
    assert row["away_ms"] >= 1400
    assert row["elapsed_ms"] < row["answered_at"] - row["shown_at"] - 1300
    assert lines(home, "demo-2", "pause")


def test_a_double_press_answers_once_and_a_click_marks_the_place(context: BrowserContext, url: str, home: Path) -> None:
    page = begin(context, url, "demo-3", first=True)
    answer(page, "tutorial")
    wait_for(page, "0/0")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    box = page.locator(".reader .stage").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text("The place is marked")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    wait_for(page, "0/1")
    assert [row["question"] for row in lines(home, "demo-3")] == ["region"]


def test_nothing_on_the_screen_reads_out_the_map(context: BrowserContext, url: str) -> None:
    """No values under the pointer, no effective patches, no numbers at the colours: they would tell a control."""
    page = begin(context, url, "demo-4", first=True)
    answer(page, "tutorial")
    wait_for(page, "0/0")
    stage = page.locator(".reader .stage")
    for x, y in ((300, 300), (420, 340)):
        stage.hover(position={"x": x, "y": y})
    expect(page.locator(".readout")).to_be_hidden()
    words = page.locator("body").inner_text() + page.locator(".reader").inner_text()
    assert "Click the place on the slide" in words
    assert not re.search(r"\d×\s*uniform|Effective|rank \d|SV07|shuffled|demo-survpgc", words)


def test_a_map_that_does_not_arrive_is_asked_again(context: BrowserContext, url: str) -> None:
    context.route("**/sv/maps/**", lambda route: route.abort())
    page = begin(context, url, "demo-5", first=True)
    words = "This screen could not be loaded: The server could not be reached. Your answers are saved."
    expect(page.get_by_text(words)).to_be_visible()
    context.unroute("**/sv/maps/**")
    page.get_by_role("button", name="Try again").click()
    wait_for(page, "tutorial/0")
