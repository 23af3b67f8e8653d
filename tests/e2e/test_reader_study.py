"""A reader in a real browser: two slides by keyboard, the tab closed in between, and nothing lost."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "sample_data" / "reader_study" / "study.toml"
PATIENT_MS = 240_000
QUESTIONS = 4

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("reader")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    """The app, with the demo study enabled."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "SURVVIZ_HOME": str(home), "SURVVIZ_READER_STUDY": str(DEMO)}
    log = home / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    pause = threading.Event()
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5).close()
            break
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pause.wait(0.1)
    yield f"http://localhost:{port}/reader_study"
    process.terminate()
    process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


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
    page = begin(context, url, "demo-3", first=False)
    page.locator(".reader[data-screen]:not([data-screen=''])").wait_for()
    stage = page.locator(".reader .stage")
    for x, y in ((300, 300), (420, 340)):
        stage.hover(position={"x": x, "y": y})
    expect(page.locator(".readout")).to_be_hidden()
    words = page.locator("body").inner_text()
    assert not re.search(r"\d×\s*uniform|Effective|rank \d|SV07|shuffled|demo-survpgc", words)
