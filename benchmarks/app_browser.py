"""The whole app in a real browser, as the benchmarks of pages and of memory use it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.processes import descendants

CHROMIUM = "/usr/bin/chromium"
MOST_MS = 240_000
MAP = ".viewer[data-map*=':']"
"""The viewer, once a map is on show."""

AT_REST = "[data-test-script-state=notRunning]"
PAGES = {
    "Home": "",
    "Load case": "load_case",
    "Slide & attention": "slide_attention",
    "Risk & survival": "risk_survival",
    "Why this risk": "why_this_risk",
    "Upload & check": "upload_check",
    "Patients": "cohort_patients",
    "Stratify": "stratify",
    "Compare": "compare",
    "Privacy": "privacy",
    "Library": "library",
    "Train": "train",
}
"""Title -> address."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        share_priority()
        yield browser
        browser.close()


def share_priority() -> None:
    """Let the browser, which starts a session of its own, run at this process's priority beside other work (Linux)."""
    own = Path("/proc/self/autogroup")
    if not own.exists():
        return
    nice = own.read_text().split()[-1]
    for pid in descendants(os.getpid()):
        with suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(nice)


@contextmanager
def visitor(browser: Browser) -> Iterator[Page]:
    """A new visitor: no cookie, nothing cached."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(MOST_MS)
    yield page
    context.close()


def open_demo(page: Page, url: str) -> float:
    """Seconds from the address to the heatmap of the demo case on screen, one click on the way."""
    start = time.perf_counter()
    page.goto(url)
    page.get_by_role("button", name="Explore the demo case").click()
    page.locator(MAP).wait_for()
    return time.perf_counter() - start


def open_page(page: Page, url: str, title: str, case: str = "") -> float:
    """Seconds from the address until the page's script has ended and its title is on screen."""
    start = time.perf_counter()
    page.goto(f"{url}/{PAGES[title]}" + (f"?case={case}" if case else ""))
    page.locator(AT_REST).wait_for(state="attached")
    page.get_by_test_id("stMainBlockContainer").locator("h1, h2, h3, button").first.wait_for()
    return time.perf_counter() - start
