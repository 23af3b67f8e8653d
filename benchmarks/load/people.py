"""What the people of the load run do, over and over, each in a browser context of its own.

A deed begins with a click or key and ends when the page shows what was asked for; its seconds are what a person waits.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Page, expect

MOST_MS = 90_000
MAP = ".viewer[data-map*=':']"
STAGE = ".stages > .stage"
AT_REST = "[data-test-script-state=notRunning]"
CHANGED = """([selector, before]) => {
  const shown = document.querySelector(selector);
  return shown !== null && shown.outerHTML !== before;
}"""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that one person did.

    Attributes:
        at: seconds since the start of the run.
        problem: what went wrong, empty if nothing.
    """

    person: str
    what: str
    at: float
    seconds: float
    problem: str = ""


@dataclass(slots=True)
class Visitor:
    """One person: a page, a taste for waiting, and the list of what was done.

    Attributes:
        longest_line: the worst place in the line of jobs that the page has told of, from 1; 0 if there was no line.
    """

    name: str
    page: Page
    chance: random.Random
    start: float
    deeds: list[Deed] = field(default_factory=list)
    longest_line: int = 0

    @asynccontextmanager
    async def does(self, what: str) -> AsyncIterator[None]:
        """Times what happens inside, and writes down when it failed."""
        begun, problem = time.perf_counter(), ""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever goes wrong for a person belongs into the report
            problem = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        now = time.perf_counter()
        if problem:
            print(f"{begun - self.start:6.0f} s  {self.name}: {what}: {problem}", flush=True)
        self.deeds.append(Deed(self.name, what, begun - self.start, now - begun, problem))

    async def thinks(self, low: float, high: float) -> None:
        """Look at what is there."""
        await asyncio.sleep(self.chance.uniform(low, high))


async def changes(page: Page, selector: str, press: Callable[[], Awaitable[None]]) -> None:
    """Press, and wait until an element is another one and the script has ended."""
    before = await page.locator(selector).first.evaluate("one => one.outerHTML")
    await press()
    await page.wait_for_function(CHANGED, arg=[selector, before], timeout=MOST_MS)
    await page.locator(AT_REST).wait_for(state="attached", timeout=MOST_MS)


async def open_demo(visitor: Visitor, url: str) -> None:
    """From Home to the map of the demo case, in one click."""
    async with visitor.does("open the demo case"):
        await visitor.page.goto(url, timeout=MOST_MS)
        await visitor.page.get_by_role("button", name="Explore the demo case").click()
        await visitor.page.locator(MAP).wait_for()


# ---- who looks at slides


async def looks(visitor: Visitor, url: str, until: float) -> None:
    """Zooms, drags, turns the map on and off, takes another token; a view every two to four seconds."""
    await open_demo(visitor, url)
    page = visitor.page
    while time.perf_counter() < until:
        deed = visitor.chance.choice(("zoom", "zoom", "drag", "drag", "drag", "key", "token"))
        async with visitor.does(deed):
            await {"zoom": zoom, "drag": drag, "key": key, "token": token}[deed](page, visitor.chance)
            await page.wait_for_load_state("networkidle", timeout=MOST_MS)
        await visitor.thinks(1.5, 3.5)


async def middle(page: Page, chance: random.Random) -> tuple[float, float]:
    box = await page.locator(STAGE).first.bounding_box()
    assert box is not None, "the stage is not on the page"
    return box["x"] + box["width"] * chance.uniform(0.3, 0.7), box["y"] + box["height"] * chance.uniform(0.3, 0.7)


async def zoom(page: Page, chance: random.Random) -> None:
    await page.mouse.move(*await middle(page, chance))
    await page.mouse.wheel(0, chance.choice((-400, -400, 300)))


async def drag(page: Page, chance: random.Random) -> None:
    x, y = await middle(page, chance)
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + chance.uniform(-250, 250), y + chance.uniform(-200, 200), steps=4)
    await page.mouse.up()


async def key(page: Page, chance: random.Random) -> None:
    await page.locator(".viewer").focus()
    await page.keyboard.press(chance.choice(("h", "[", "]", "0", "m")))


async def token(page: Page, chance: random.Random) -> None:
    tokens = page.locator("[data-token]:visible")
    await tokens.nth(chance.randrange(await tokens.count())).click()
    await page.locator(MAP).wait_for()


# ---- who asks what if


async def asks(visitor: Visitor, url: str, until: float) -> None:
    """Predicts the demo case again with another age, again and again, and looks at its risk in between."""
    await open_demo(visitor, url)
    page = visitor.page
    while time.perf_counter() < until:
        async with visitor.does("risk and survival"):
            await page.get_by_role("link", name="Risk & survival").click()
            await page.get_by_text("Model estimate, not a prognosis").wait_for()
        await visitor.thinks(3, 8)
        async with visitor.does("why this risk"):
            await page.get_by_role("link", name="Why this risk").click()
            await page.get_by_role("tab", name="What if").click()
            await page.get_by_role("spinbutton", name="Age").wait_for()
            await page.locator(AT_REST).wait_for(state="attached")
        for _ in range(3):
            await visitor.thinks(4, 10)
            async with visitor.does("what if"):
                age = page.get_by_role("spinbutton", name="Age")
                await age.fill(str(visitor.chance.randrange(35, 88)))
                await changes(page, ".st-key-what-if .js-plotly-plot .plot", lambda age=age: age.press("Enter"))


# ---- who compares groups of patients


GROUPS = ("Median of these patients", "Tertiles of these patients", "Quartiles of these patients")
TABS = ("Cox", "Validation", "Decision curve", "Subgroups", "Kaplan–Meier")


async def compares(visitor: Visitor, url: str, until: float, address: str) -> None:
    """Kaplan-Meier curves by other groups, from another landmark, and the other views."""
    page = visitor.page
    curves = ".st-key-km .js-plotly-plot"
    async with visitor.does("open the cohort"):
        await page.goto(f"{url}/stratify?{address}", timeout=MOST_MS)
        await page.locator(curves).wait_for()
        await page.locator(AT_REST).wait_for(state="attached")
    while time.perf_counter() < until:
        await visitor.thinks(4, 10)
        async with visitor.does("Kaplan-Meier by other groups"):
            box = page.locator(".st-key-groups [role=combobox]")
            now = await box.input_value() or await box.inner_text()
            name = visitor.chance.choice([one for one in GROUPS if one not in now])
            await box.click()
            option = page.get_by_role("option", name=name, exact=True)
            await changes(page, curves, lambda option=option: option.click())
        await visitor.thinks(4, 10)
        tab = visitor.chance.choice(TABS[:-1])
        async with visitor.does(tab):
            await page.get_by_role("tab", name=tab).click()
            await page.locator("[role=tabpanel]:visible .js-plotly-plot").first.wait_for()
            await page.locator(AT_REST).wait_for(state="attached")
        await visitor.thinks(2, 6)
        async with visitor.does("back to the curves"):
            await page.get_by_role("tab", name=TABS[-1]).click()
            await page.locator(curves).wait_for()
            await page.locator(AT_REST).wait_for(state="attached")


# ---- who brings slides of their own


async def brings(visitor: Visitor, url: str, until: float, slides: list[str]) -> None:
    """Opens a slide that nobody encoded, says its pixel size, encodes it, waits in line, and looks at its map."""
    page = visitor.page
    while slides and time.perf_counter() < until:
        slide = slides.pop()
        async with visitor.does("add a slide"):
            await page.goto(f"{url}/load_case", timeout=MOST_MS)
            await page.get_by_role("combobox", name="or choose one on this server").first.click()
            await page.get_by_role("option", name=re.compile(slide)).click()
            await page.get_by_role("button", name="Add", exact=True).click()
            await page.get_by_text("patches of tissue").wait_for()
            await page.get_by_role("spinbutton", name="Age").fill(str(visitor.chance.randrange(35, 88)))
            await page.keyboard.press("Enter")
            await page.locator(AT_REST).wait_for(state="attached")
        async with visitor.does("encode, with the wait in line"):
            await page.get_by_role("button", name="Encode the patches").click()
            await until_encoded(visitor)
        async with visitor.does("open the own case"):
            await page.get_by_role("button", name="Open the case").first.click()
            await page.locator(MAP).wait_for()
        await visitor.thinks(3, 8)
        async with visitor.does("close the case"):
            await page.goto(f"{url}/load_case", timeout=MOST_MS)
            await page.get_by_role("button", name="Start again").click()
            await page.locator(AT_REST).wait_for(state="attached")


async def until_encoded(visitor: Visitor) -> None:
    """Until the patches are encoded; remembers the worst place in line that the page has told of."""
    done = visitor.page.get_by_text("Encoded.")
    for _ in range(4 * MOST_MS // 500):
        text = await visitor.page.locator("[data-testid=stMain]").inner_text()
        if found := re.search(r"Waiting: (next in line|\d+)", text):
            before = 0 if found.group(1) == "next in line" else int(found.group(1))
            visitor.longest_line = max(visitor.longest_line, before + 1)
        if await done.count():
            return
        await asyncio.sleep(0.5)
    await expect(done).to_be_visible()
