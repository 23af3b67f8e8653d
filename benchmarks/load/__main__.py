"""Twenty people for half an hour: `.venv/bin/python -m benchmarks.load --home DIR [--minutes 30]`.

The whole app as a hospital runs it: people named by a proxy's header, limits per person, one place for jobs. Twenty
Chromium contexts on the same machine: seven look at the demo slide, five ask what if, four compare groups of a cohort,
four bring slides of their own, which wait in line. Watched: every deed's seconds, failed deeds, exceptions on the page,
complaints of the browser, answers of 500 and more, tracebacks in the log, and memory every ten seconds.
Chromium draws without a GPU on the app's own processors and takes most of them: seconds are an upper bound.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tifffile
from playwright.async_api import Browser, Page, async_playwright

from benchmarks.harness.machine import machine, versions
from benchmarks.load.people import MOST_MS, Visitor, asks, brings, compares, looks
from benchmarks.load.server import Watched, app_running

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "load.json"
CHROMIUM = "/usr/bin/chromium"
CHECKPOINT = "demo-survpgc"
CROWD = {"looks": 7, "asks": 5, "compares": 4, "brings": 4}
N_SLIDES = 60
GRACE_S = 60
"""What somebody has begun when the time is over may take so long; then it is left, and counts neither way."""


def write_slide(path: Path, seed: int) -> None:
    """Some fifty patches of made-up tissue at 0.5 um per pixel; another seed, another slide."""
    rng = np.random.default_rng(seed)
    tissue = rng.normal((200, 120, 170), 20, (2048, 2048, 3)).clip(0, 255).astype(np.uint8)
    tissue[(rng.random((256, 256)) < 0.25).repeat(8, 0).repeat(8, 1)] = (90, 50, 130)
    pixels = np.pad(tissue, ((256, 256), (256, 256), (0, 0)), constant_values=243)
    options = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg"}
    tifffile.imwrite(path, pixels, resolution=(2e4, 2e4), resolutionunit=3, **options)


def prepare(home: Path) -> None:
    """A folder of slides and a scored cohort, as a hospital has them before anybody comes."""
    clinic = home / "clinic"
    if not clinic.exists():
        shutil.copytree(ROOT / "sample_data", clinic / "everybody")
        for number in range(N_SLIDES):
            write_slide(clinic / f"case{number:03d}.tif", number)
    command = [sys.executable, "-m", "survviz.cli", "infer", "--cohort", str(clinic / "everybody")]
    command += ["--out", str(home / "cohort-results" / "everybody"), "--checkpoint", f"checkpoints/{CHECKPOINT}"]
    environment = {**os.environ, "SURVVIZ_HOME": str(home), "SURVVIZ_SLIDES": str(clinic)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


async def visit(browser: Browser, name: str, start: float, complaints: Counter[str]) -> Visitor:
    """A browser context of a person's own, whose complaints are counted."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 900}, extra_http_headers={"X-Forwarded-Email": f"{name}@clinic.org"}
    )
    page = await context.new_page()
    page.set_default_timeout(MOST_MS)
    page.on("pageerror", lambda error: complaints.update([f"script: {str(error)[:160]}"]))
    page.on(
        "console",
        lambda message: (
            message.type == "error"
            and "404" not in message.text
            and complaints.update([f"console: {message.text[:160]}"])
        ),
    )  # Streamlit asks for its health page below a page's own address first, and is answered 404
    page.on(
        "response", lambda answer: answer.status >= 500 and complaints.update([f"{answer.status}: {answer.url[:120]}"])
    )
    return Visitor(name, page, random.Random(name), start)


async def find_cohort(page: Page, url: str) -> str:
    """What the address calls the cohort."""
    await page.goto(f"{url}/cohort_patients")
    await page.locator(".st-key-cohort_choice [role=combobox]").click()
    await page.get_by_role("option").filter(has_text="everybody").first.click()
    await page.wait_for_url("**cohort=everybody*")
    return f"cohort={page.url.split('cohort=')[1].split('&')[0]}&model={CHECKPOINT}"


async def crowd(app: Watched, minutes: float, counts: dict[str, int], complaints: Counter[str]) -> list[Visitor]:
    """Everybody at once, each a little later than the one before."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        start = time.perf_counter()
        first = await visit(browser, "first", start, complaints)
        address = await find_cohort(first.page, app.url)
        await first.page.context.close()
        start, until = time.perf_counter(), time.perf_counter() + 60 * minutes
        slides = [f"case{number:03d}" for number in reversed(range(N_SLIDES))]
        people: list[Visitor] = []
        tasks = [asyncio.create_task(app.watch(start, until))]
        for what, count in counts.items():
            for number in range(count):
                one = await visit(browser, f"{what}{number + 1}", start, complaints)
                people.append(one)
                work = {
                    "looks": lambda one=one: looks(one, app.url, until),
                    "asks": lambda one=one: asks(one, app.url, until),
                    "compares": lambda one=one: compares(one, app.url, until, address),
                    "brings": lambda one=one: brings(one, app.url, until, slides),
                }[what]
                tasks.append(asyncio.create_task(work()))
                await asyncio.sleep(1)
        _, at_it = await asyncio.wait(tasks, timeout=until - time.perf_counter() + GRACE_S)
        for task in at_it:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in people:
            shown = await one.page.locator("[data-testid=stException]").count()
            complaints.update({"exception on the page": shown} if shown else {})
        await browser.close()
    return people


def table(people: list[Visitor]) -> dict[str, dict[str, float]]:
    """Seconds per kind of deed."""
    kinds: dict[str, list[float]] = {}
    for one in people:
        for deed in one.deeds:
            kinds.setdefault(deed.what, []).append(deed.seconds)
    return {
        what: {
            "deeds": len(seconds),
            "median_s": round(statistics.median(seconds), 2),
            "p95_s": round(float(np.quantile(seconds, 0.95)), 2),
            "slowest_s": round(max(seconds), 2),
        }
        for what, seconds in sorted(kinds.items())
    }


def main() -> None:
    """Prepare, let them in, watch, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="workspace; made, or used again")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--each", type=int, help="so many of each kind of person instead of twenty")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    home = arguments.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    prepare(home)
    complaints: Counter[str] = Counter()
    counts = dict.fromkeys(CROWD, arguments.each) if arguments.each else CROWD
    load = os.getloadavg()[0]
    with app_running(home) as app:
        people = asyncio.run(crowd(app, arguments.minutes, counts, complaints))
        log = (home / "log.txt").read_text(errors="replace")
    deeds = [deed for one in people for deed in one.deeds]
    result = {
        "machine": machine("cpu"), "versions": versions(), "load_before": load, "minutes": arguments.minutes,
        "crowd": counts, "deeds": table(people), "n_deeds": len(deeds),
        "failed": [asdict(deed) for deed in deeds if deed.problem], "complaints": dict(complaints),
        "tracebacks_in_the_log": log.count("Traceback"),
        "worst_place_in_line": max(one.longest_line for one in people),
        "memory": app.memory(),
    }  # fmt: skip
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name not in ("memory", "versions")}, indent=1))
    print(json.dumps({name: value for name, value in result["memory"].items() if name != "samples"}, indent=1))


if __name__ == "__main__":
    main()
