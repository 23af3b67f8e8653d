"""The page Privacy in a real browser: what the slider, redrawing and reloading cost, and what the cap refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

PATIENT_MS = 240_000
POSITIONS = ("nothing", "0.5", "1", "2", "4", "8")

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("app")]


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """A new visitor, with a ledger of their own, on the demo case."""
    context = browser.new_context(viewport={"width": 1440, "height": 1100})
    page = context.new_page()
    page.set_default_timeout(PATIENT_MS)
    page.goto(f"{app_url}/privacy")
    page.get_by_role("button", name="Open the demo case").click()
    expect(page.get_by_text("Nothing is released yet")).to_be_visible()
    yield page
    context.close()


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Epsilon of this release")


def meter(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def move(page: Page, wanted: str) -> None:
    """One position at a time, each seen before the next: the app may never hear of what is passed quickly."""
    at = POSITIONS.index(slider(page).get_attribute("aria-valuetext") or "")
    to = POSITIONS.index(wanted)
    for place in range(at, to, 1 if to > at else -1):
        if place != at:
            expect(meter(page, "Current view")).to_have_text(POSITIONS[place])
        slider(page).press("ArrowRight" if to > at else "ArrowLeft")


def expect_meters(page: Page, now: str, spent: str) -> None:
    """Current view, spent, hard cap."""
    for label, value in (("Current view", now), ("Spent", spent), ("Hard cap", "8")):
        expect(meter(page, label)).to_have_text(value)


def released(page: Page) -> str:
    """The released number, as the table shows it once the page has come to rest."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    return page.get_by_test_id("stTable").first.locator("td").first.inner_text()


def test_slider_costs_its_highest_position_redraw_adds_the_cap_refuses_and_a_reload_forgets_nothing(page: Page) -> None:
    expect_meters(page, "–", "0")
    move(page, "2")
    expect_meters(page, "2", "2")
    at_two = released(page)
    move(page, "0.5")
    expect_meters(page, "0.5", "2")
    move(page, "2")
    expect_meters(page, "2", "2")
    assert released(page) == at_two, "the same position shows the same draw"

    page.reload()
    expect_meters(page, "2", "2")
    assert released(page) == at_two, "a reload draws nothing anew"

    page.get_by_role("button", name="Redraw the noise: costs 2 more").click()
    expect_meters(page, "2", "4")
    move(page, "4")
    expect_meters(page, "4", "6")
    move(page, "8")
    expect(page.get_by_text("Refused: epsilon = 8")).to_be_visible()
    expect_meters(page, "4", "6")

    page.get_by_role("tab", name="Ledgers").click()
    rows = page.get_by_test_id("stTable").first.locator("tbody tr")
    expect(rows).to_have_count(5)
    assert [row.locator("td").first.inner_text() for row in rows.all()] == ["view", "view", "view", "redraw", "view"]
    page.reload()
    expect(rows).to_have_count(5)
    expect_meters(page, "4", "6")
