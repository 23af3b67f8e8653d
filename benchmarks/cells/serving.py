"""Goals 14 and 15: tiles, memory, start and pages of the whole app, asked over the loopback."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks import tile_client
from benchmarks.app_browser import AT_REST, PAGES, chromium, open_demo, open_page, visitor
from benchmarks.cells.slide_files import GIGAPIXEL, synthetic
from benchmarks.harness import Block, Reading, Setting
from benchmarks.tile_servers import Server, app, example, in_turns

CLIENTS = (1, 8, 20)
STEPS, BURST, EVERY_S, ROUNDS = 8, 15, 1.0, 3
SLIDES_AT_ONCE, GROWTH_TILES, FILLING_TILES = 8, 10_000, 1_000
STARTS = 3


def tiles(setting: Setting) -> Iterator[Block]:
    """People who pan by 15 tiles once a second on a gigapixel slide; the servers take turns."""
    slide = synthetic(setting, GIGAPIXEL)
    with app([slide], setting.folder / "home") as ours, example([slide], 254, 1) as plain:
        servers = (ours, plain)
        for clients in CLIENTS[:1] if setting.quick else CLIENTS:
            yield panned(servers, slide, clients, 1 if setting.quick else ROUNDS)


def panned(servers: tuple[Server, ...], slide: Path, clients: int, rounds: int) -> Block:
    """Latency of every tile, of so many people at once."""
    found = in_turns(servers, slide, clients=clients, steps=STEPS, burst=BURST, every=EVERY_S, rounds=rounds)
    block = []
    for name, results in found.items():
        facts = {key: statistics.median(one[key] for one in results) for key in ("p50_ms", "cpu_ms_per_tile", "tiles")}
        what = f"95th percentile of {BURST} tiles a second each"
        values = [one["p95_ms"] for one in results]
        block.append(Reading(f"{name}, {clients} clients, p95", what, values, "ms", facts=facts))
    return block


def memory(setting: Setting) -> Iterator[Block]:
    """The app's resident memory as a day goes on: start, demo case, eight gigapixel slides, 10,000 tiles."""
    slide = synthetic(setting, GIGAPIXEL)
    with linked(slide, setting.folder) as slides, app(slides, setting.folder / "home") as server:
        yield [held("at start", "nobody has come", server)]
        with chromium() as browser, visitor(browser) as page, ThreadPoolExecutor(1) as pool:
            open_demo(page, server.url)
            page.locator(AT_REST).wait_for(state="attached")
            open_page(page, server.url, "Risk & survival")
            yield [held("demo case", "prediction and attention map of the demo case seen, tab still open", server)]

            def visited(n_tiles: int, first_seed: int) -> None:
                """In a thread, as Playwright has an event loop in this one."""
                seeds = range(first_seed, first_seed + len(slides))
                list(pool.map(visit, [server] * len(slides), slides, [n_tiles] * len(slides), seeds))

            list(pool.map(lambda path: server.view(server.grids[path].first_view()), slides))
            yield [held("demo case and 8 slides", "first views of eight slides of 8 gigapixels", server)]
            visited(FILLING_TILES, 0)
            yield [held("demo case and 8 slides, caches full", f"{FILLING_TILES:,} tiles of each", server)]
            visited(GROWTH_TILES // SLIDES_AT_ONCE, SLIDES_AT_ONCE)
            yield [held("after 10,000 more tiles", "the same day, later", server)]


@contextmanager
def linked(slide: Path, folder: Path) -> Iterator[list[Path]]:
    """The slide under eight names."""
    with ExitStack() as stack:
        slides = []
        for number in range(SLIDES_AT_ONCE):
            path = slide.with_name(f"open-{number}.svs")
            path.unlink(missing_ok=True)
            path.hardlink_to(slide)
            stack.callback(path.unlink, missing_ok=True)
            slides.append(path)
        yield slides


def held(name: str, what: str, server: Server) -> Reading:
    """The server's memory, and that of all its processes together."""
    facts = server.memory_mb()
    return Reading(name, f"{what}; resident memory of the server and its children", [facts.pop("resident")], "MB",
                   facts=facts)  # fmt: skip


def visit(server: Server, slide: Path, n_tiles: int, seed: int) -> None:
    """Ask for about so many tiles, six at a time."""
    levels = server.grids[slide].levels
    server.pan(slide, [tile_client.journey(levels, len(levels) - 1, max(1, n_tiles // 6), 6, seed)], 0.0)


def demo(setting: Setting) -> Iterator[Block]:
    """From the start of the process to the heatmap."""
    started, cold, warm = [], [], []
    with chromium() as browser:
        for number in range(STARTS):
            start = time.perf_counter()
            with app([], setting.folder / f"start-{number}") as server, visitor(browser) as page:
                started.append(time.perf_counter() - start)
                open_demo(page, server.url)
                cold.append(time.perf_counter() - start)
                for _ in range(2):
                    with visitor(browser) as again:
                        warm.append(open_demo(again, server.url))
        yield [
            Reading("start of the server", "from the command to the first answer", started, "s"),
            Reading("demo case, cold", "from the command to the heatmap on screen, one click", cold, "s"),
            Reading("demo case, warm", "from the address to the heatmap, a new visitor", warm, "s"),
        ]


def pages(setting: Setting) -> Iterator[Block]:
    """Every page, cold and warm."""
    with chromium() as browser:
        for title in PAGES:
            yield page_times(setting, browser, title)


def page_times(setting: Setting, browser: Browser, title: str) -> Block:
    """One page in an app just started, and again by new visitors; the page is empty where it waits for a case."""
    with app([], setting.folder / f"page-{title.replace(' ', '-')}") as server, visitor(browser) as page:
        first = open_page(page, server.url, title)
        again = []
        for _ in range(3):
            with visitor(browser) as other:
                again.append(open_page(other, server.url, title))
    return [Reading(f"{title}, cold", "first visit to a server just started", [first], "s"),
            Reading(f"{title}, warm", "a new visitor later", again, "s")]  # fmt: skip
