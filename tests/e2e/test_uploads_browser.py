"""Closed tabs: an upload goes on where it stopped, and a computation goes on by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

PATIENT_MS = 240_000
LARGE = 24 * 2**20
SLOW_LINE = 3 * 2**20
"""Bytes per second of a line on which the large file takes eight seconds."""

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("app")]


@pytest.fixture(scope="module")
def home(app_home: Path) -> Path:
    return app_home


@pytest.fixture(scope="module")
def url(app_url: str) -> str:
    return app_url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser; its tabs come and go."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(PATIENT_MS)
    yield context
    context.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "scan of today.svs"
    path.write_bytes(np.random.default_rng(1).bytes(LARGE))
    return path


def load_case(context: BrowserContext, url: str) -> Page:
    """A new tab on the page Load case."""
    page = context.new_page()
    page.goto(f"{url}/load_case")
    page.locator("input[type=file]").first.wait_for(state="attached")
    return page


def slow_down(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_LINE}
    session.send("Network.emulateNetworkConditions", line)


def offsets(asked: list[Request]) -> list[int]:
    """Where each part began that was sent."""
    return [int(parse_qs(urlsplit(one.url).query)["offset"][0]) for one in asked if one.method == "PUT"]


def arrived(home: Path, name: str) -> list[bytes]:
    return [path.read_bytes() for path in home.glob(f"uploads/*/{name}")]


def kill_in_the_middle(context: BrowserContext, url: str, file: Path) -> None:
    """Begin to upload a file, and close the tab when some of it is there."""
    page = load_case(context, url)
    slow_down(page)
    page.locator("input[type=file]").first.set_input_files(file)
    some = re.compile(r"^([4-9]|1\d)\.\d MB of 25\.2 MB")
    expect(page.locator(".files li[data-state=running] .state")).to_have_text(some)
    page.close()


def test_an_upload_whose_tab_was_closed_goes_on_when_the_file_is_chosen_again(
    context: BrowserContext, url: str, home: Path, large: Path
) -> None:
    kill_in_the_middle(context, url, large)
    assert arrived(home, large.name) == []
    page = load_case(context, url)
    row = page.locator(".files li", has_text=large.name)
    expect(row).to_contain_text(re.compile(r"\d+ % of 25\.2 MB is here\. Choose the same file again to go on\."))
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.locator("input[type=file]").first.set_input_files(large)
    expect(row).to_contain_text("is uploaded")
    assert offsets(asked)[0] > 0.1 * LARGE
    assert arrived(home, large.name) == [large.read_bytes()]
    box = page.get_by_role("combobox", name="or choose one on this server").first
    expect(box).to_have_value(re.compile(large.name))


def test_another_file_of_the_same_name_and_size_starts_at_its_beginning(
    context: BrowserContext, url: str, home: Path, large: Path
) -> None:
    kill_in_the_middle(context, url, large)
    left = large.stat()
    large.write_bytes(np.random.default_rng(2).bytes(LARGE))
    os.utime(large, ns=(left.st_atime_ns, left.st_mtime_ns))
    page = load_case(context, url)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.locator("input[type=file]").first.set_input_files(large)
    expect(page.locator(".files li", has_text="is uploaded")).to_have_count(1)
    assert offsets(asked)[0] == 0
    assert large.read_bytes() in arrived(home, "scan of today*.svs")
    stopped = page.locator(".files li", has_text="Choose the same file again")
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        stopped.get_by_role("button", name="Discard").click()
    expect(stopped).to_have_count(0)
    assert list(home.glob("uploads/*/.*.part")) == []


def test_an_upload_tells_its_speed_and_the_time_left_and_can_be_cancelled(
    context: BrowserContext, url: str, home: Path, large: Path
) -> None:
    page = load_case(context, url)
    slow_down(page)
    page.locator("input[type=file]").first.set_input_files(large)
    row = page.locator(".files li")
    expect(row).to_contain_text(re.compile(r"[\d.]+ MB of 25\.2 MB · [\d.]+ MB/s · \d+ s left"))
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)
    page.reload()
    page.locator("input[type=file]").first.wait_for(state="attached")
    expect(page.locator(".files li")).to_have_count(0)


def test_several_files_are_sent_side_by_side(context: BrowserContext, url: str, home: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"part-{number}.tif" for number in range(4)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 3_000_000)
    page = load_case(context, url)
    page.locator("input[type=file]").first.set_input_files(files)
    expect(page.locator(".files li", has_text="is uploaded")).to_have_count(4)
    for number, file in enumerate(files):
        assert arrived(home, file.name) == [bytes([number]) * 3_000_000]


def test_a_file_of_a_wrong_kind_is_refused_in_words_before_it_is_sent(
    context: BrowserContext, url: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "notes.docx"
    wrong.write_bytes(b"x")
    page = load_case(context, url)
    page.locator("input[type=file]").first.set_input_files(wrong)
    expect(page.get_by_text("notes.docx cannot be used here; expected .svs")).to_be_visible()


def test_a_computation_whose_tab_was_closed_goes_on(context: BrowserContext, url: str) -> None:
    page = load_case(context, url)
    page.get_by_role("combobox", name="or choose one on this server").first.click()
    page.get_by_role("option", name=re.compile("large.tif")).click()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("patches of tissue").wait_for()
    page.get_by_role("button", name="Encode the patches").click()
    page.get_by_role("button", name="Cancel", exact=True).wait_for()
    page.close()
    page = load_case(context, url)
    page.get_by_text("Encoded.").wait_for()
    expect(page.get_by_role("button", name="Encode the patches")).to_have_count(0)
