"""The air gap, seen by a browser: on every page no other host is asked and the policy refuses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

PAGES = sorted(path.stem for path in (Path(__file__).parents[2] / "pages").glob("*.py") if path.stem != "navigation")
HIDDEN = {"reader_study"}
"""Shown only where a study is set up; has a test of its own."""
MAP = ".viewer[data-map*=':']"
PATIENT_MS = 600_000
OF_THE_MACHINE = ("Tiles", "Machine", "Disk and clock")
"""A busy or small machine may be warned about; it never fails."""
WATCH = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) => window.refused.push(event.blockedURI));
"""

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("app")]


@pytest.fixture(scope="module")
def context(browser: Browser, app_url: str) -> Iterator[BrowserContext]:
    """One visitor of every page, with whatever was asked of whom."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(PATIENT_MS)
    context.add_init_script(WATCH)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    yield context
    context.close()
    hosts = {urlsplit(one).netloc for one in asked if one.startswith(("http", "ws"))}
    assert hosts == {urlsplit(app_url).netloc}


@pytest.fixture(scope="module")
def demo(context: BrowserContext, app_url: str) -> str:
    """The query of the demo case."""
    page = context.new_page()
    page.goto(app_url)
    page.get_by_role("button", name="Explore the demo case").click()
    page.locator(MAP).wait_for()
    query = page.url.partition("?")[2].partition("&")[0]
    page.close()
    return query


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAGES if name not in HIDDEN])
def test_every_page_keeps_to_its_own_host_and_policy(
    context: BrowserContext, app_url: str, demo: str, name: str
) -> None:
    page = context.new_page()
    frames: list[str] = []
    page.on("console", lambda said: frames.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{app_url}/{'' if name == 'home' else name}?{demo}")
    page.get_by_text("For Research Use Only").first.wait_for()
    page.locator("[data-testid='stApp'][data-test-connection-state='CONNECTED']").wait_for()
    expect(page.locator("[data-testid='stApp']")).to_have_attribute("data-test-script-state", "notRunning")
    assert page.evaluate("window.refused") == []
    assert frames == []
    page.close()


@pytest.mark.slow
def test_the_self_check_finds_the_bundle_in_order(context: BrowserContext, app_url: str) -> None:
    page = context.new_page()
    page.goto(f"{app_url}/self_check")
    page.get_by_role("button", name="Check everything").click()
    page.get_by_text("This browser: 0 violations of the policy, 0 other hosts").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="For the administrator (text)").click()
    report = Path(waiting.value.path()).read_text(encoding="utf-8")
    states = {}
    group = ""
    for line in report.splitlines()[2:]:
        if line and not line.startswith(" "):
            group = line
        elif line.strip():
            states[group, line.split(":")[0]] = line.split()[0]
    assert "fail" not in states.values(), report
    assert {group for (group, _), state in states.items() if state == "warn"} <= set(OF_THE_MACHINE), report
    for group in ("Checkpoints", "Network", "Formats", "This browser"):
        assert group in {group for group, _ in states}, report
    assert "sent with every page" in report
    page.close()


def test_a_violation_of_the_policy_is_shown(browser: Browser, app_url: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENT_MS)
    page.goto(f"{app_url}/self_check")
    line = page.get_by_text("This browser:")
    line.wait_for()
    page.evaluate("document.body.append(Object.assign(new Image(), { src: 'http://203.0.113.9/x.png' }))")
    expect(line).to_contain_text("This browser: 1 violations of the policy")
    page.close()
