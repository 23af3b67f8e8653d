"""What the people of the load run do, over and over, each in a session of their own.

A deed begins with a click, a key or an address, and ends when the server has answered it all; its seconds are what a
person waits for the server. Between deeds a person looks at what is there.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.load.session import PageError, Session
from benchmarks.tile_client import Browser

GROUPS = ("Median of these patients", "Tertiles of these patients", "Quartiles of these patients")
VIEWS = ("Kaplan–Meier", "Cox", "Validation", "Decision curve", "Subgroups")
MOST_POLLS = 600
SCREEN = (5, 3)
"""Columns and rows of tiles that a screen shows."""


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
    """One person.

    Attributes:
        milliseconds: of every tile.
        worst_place: in the line of jobs that the page has told of, from 1; 0 if there was no line.
    """

    name: str
    session: Session
    chance: random.Random
    start: float
    until: float
    deeds: list[Deed] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    worst_place: int = 0

    @property
    def stays(self) -> bool:
        """The run goes on."""
        return time.perf_counter() < self.until

    @asynccontextmanager
    async def does(self, what: str) -> AsyncIterator[None]:
        """Times what happens inside, and writes down when it failed."""
        begun, problem = time.perf_counter(), ""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever goes wrong for a person belongs into the report
            problem = f"{type(error).__name__}: {str(error)[:300]}"
            print(f"{begun - self.start:6.0f} s  {self.name}: {what}: {problem}", flush=True)
        self.deeds.append(Deed(self.name, what, begun - self.start, time.perf_counter() - begun, problem))

    async def thinks(self, low: float, high: float) -> None:
        """Look at what is there."""
        await asyncio.sleep(self.chance.uniform(low, high))


# ---- who looks at slides


async def looks(visitor: Visitor, cases: list[str]) -> None:
    """Opens a case, pans once a second for a while, opens another."""
    session = visitor.session
    while visitor.stays:
        case = visitor.chance.choice(cases)
        slide = None
        async with visitor.does("open a slide with its map"):
            await session.open("slide_attention", f"case={case}")
            slide = session.component("slides")["slides"][0]["view"]
        if slide is not None:
            async with Browser(session.port, headers=session.headers, milliseconds=visitor.milliseconds) as browser:
                await pan(visitor, browser, slide, seconds=visitor.chance.uniform(40, 80))
        await visitor.thinks(2, 5)


async def pan(visitor: Visitor, browser: Browser, slide: dict, seconds: float) -> None:
    """A screen of tiles every second, next to the one before, now and then at another zoom."""
    chance, side = visitor.chance, slide["tile_size"]
    top = (max(slide["width"], slide["height"]) - 1).bit_length()
    level, x, y = top - 2, 0, 0
    end = min(time.perf_counter() + seconds, visitor.until)
    while time.perf_counter() < end:
        if chance.random() < 0.2:
            level = chance.randint(top - 3, top)
        step = 2 ** (top - level)
        columns, rows = (math.ceil(math.ceil(slide[edge] / step) / side) for edge in ("width", "height"))
        x = min(max(0, x + chance.randint(-2, 2)), max(0, columns - SCREEN[0]))
        y = min(max(0, y + chance.randint(-1, 1)), max(0, rows - SCREEN[1]))
        places = [(i, j) for i in range(x, min(x + SCREEN[0], columns)) for j in range(y, min(y + SCREEN[1], rows))]
        async with visitor.does("pan"):
            await browser.view(f"/sv/tiles/{slide['token']}/{level}/{i}_{j}.jpg" for i, j in places)
        await asyncio.sleep(1)


# ---- who asks what if


async def asks(visitor: Visitor, cases: list[str]) -> None:
    """Risk and survival of a case, then its prediction again with other ages."""
    session = visitor.session
    while visitor.stays:
        case = visitor.chance.choice(cases)
        async with visitor.does("risk and survival"):
            await session.open("risk_survival", f"case={case}")
            if "Model estimate, not a prognosis" not in session.text():
                raise PageError(f"no estimate; it says: {session.text()[:300]}")
        await visitor.thinks(5, 15)
        async with visitor.does("why this risk, what if"):
            await session.open("why_this_risk", f"case={case}&view=What+if")
            session.one("number_input", "Age")
        for _ in range(4):
            await visitor.thinks(5, 15)
            async with visitor.does("another age"):
                await session.fill("Age", visitor.chance.randrange(35, 88))
                if not list(session.all("plotly_chart")):
                    raise PageError(f"no curves; it says: {session.text()[:300]}")


# ---- who compares groups of patients


async def compares(visitor: Visitor, cohort: str) -> None:
    """Kaplan-Meier curves by other groups, and the other views."""
    session = visitor.session
    while visitor.stays:
        view = visitor.chance.choice(VIEWS)
        async with visitor.does(f"open {view}"):
            await session.open("stratify", f"{cohort}&tab={view.replace(' ', '+')}")
            if not list(session.all("plotly_chart")):
                raise PageError(f"no figure; it says: {session.text()[:300]}")
        await visitor.thinks(5, 15)
        async with visitor.does("Kaplan-Meier by other groups"):
            await session.open("stratify", cohort)
            await session.choose("Groups", visitor.chance.choice(GROUPS))
        await visitor.thinks(5, 15)
        async with visitor.does("landmark"):
            await session.fill("Landmark", visitor.chance.choice((0, 6, 12, 24)))
        await visitor.thinks(5, 15)


# ---- who brings slides of their own


async def brings(visitor: Visitor, slides: list[str]) -> None:
    """Opens a slide that nobody encoded, encodes it, waits in line, and looks at its risk and map."""
    session = visitor.session
    while visitor.stays and slides:
        slide = slides.pop()
        async with visitor.does("add a slide"):
            await session.open("load_case")
            if session.has("button", "Start again"):
                await session.click("Start again")
            await session.choose("or choose one on this server", slide)
            await session.click("Add")
            await session.fill("Age", visitor.chance.randrange(35, 88))
        async with visitor.does("encode it, the wait in line counted"):
            await session.click("Encode the patches")
            await until_encoded(visitor)
        async with visitor.does("open the own case"):
            await session.click("Open the case")
            session.component("slides")
        await visitor.thinks(5, 15)


async def until_encoded(visitor: Visitor) -> None:
    """Ask every second, as the page does; remember the worst place in line that it has told of."""
    session = visitor.session
    for _ in range(MOST_POLLS):
        words = session.text()
        if "Encoded." in words:
            return
        if not session.polls:
            raise PageError(f"the encoding stopped; it says: {words[-300:]}")
        _, told, rest = words.partition("Waiting: ")
        if told:
            before = 0 if rest.startswith("next") else int(rest.split()[0])
            visitor.worst_place = max(visitor.worst_place, before + 1)
        await asyncio.sleep(1)
        for fragment in list(session.polls):
            await session.run(fragment)
    raise PageError(f"not encoded after {MOST_POLLS} looks; it says: {session.text()[-300:]}")
