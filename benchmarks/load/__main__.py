"""Twenty people for half an hour: `.venv/bin/python -m benchmarks.load --home DIR [--minutes 30]`.

The whole app as a hospital runs it: people whom a proxy's header names, limits per person, one place for jobs. Seven
pan over slides, five ask what if, four compare groups of a cohort, four bring slides of their own, which wait in line.
Watched: every deed's seconds, failed deeds, exceptions on pages, tracebacks in the log, and memory every ten seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.harness.machine import commit, machine, versions
from benchmarks.load.people import Visitor, asks, brings, compares, looks
from benchmarks.load.server import Watched, app_running
from benchmarks.load.session import Session

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "load.json"
CHECKPOINT = "demo-survpgc"
CROWD = {"looks": 7, "asks": 5, "compares": 4, "brings": 4}
N_SLIDES = 400
GRACE_S = 60
"""What somebody has begun when the time is over may take so long; then it is left, and counts neither way."""


def write_slide(path: Path, seed: int) -> None:
    """Some fifty patches of made-up tissue at 0.5 um per pixel; another seed, another slide."""
    rng = np.random.default_rng(seed)
    piece = rng.normal((200, 120, 170), 20, (512, 512, 3)).clip(0, 255).astype(np.uint8)
    tissue = np.tile(piece, (4, 4, 1))
    tissue[(rng.random((256, 256)) < 0.25).repeat(8, 0).repeat(8, 1)] = (90, 50, 130)
    pixels = np.pad(tissue, ((256, 256), (256, 256), (0, 0)), constant_values=243)
    options = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg"}
    tifffile.imwrite(path, pixels, resolution=(2e4, 2e4), resolutionunit=3, **options)


def prepare(home: Path, n_slides: int) -> None:
    """A folder of slides and a scored cohort, as a hospital has them before anybody comes; nothing else."""
    clinic = home / "clinic"
    if not clinic.exists():
        shutil.copytree(ROOT / "sample_data", clinic / "everybody")
    for number in range(n_slides):
        if not (path := clinic / f"case{number:03d}.tif").exists():
            write_slide(path, number)
    for left in ("jobs", "features", "cases", "maps", "uploads", "drafts"):
        shutil.rmtree(home / left, ignore_errors=True)
    command = [sys.executable, "-m", "survviz.cli", "infer", "--cohort", str(clinic / "everybody")]
    command += ["--out", str(home / "cohort-results" / "everybody"), "--checkpoint", f"checkpoints/{CHECKPOINT}"]
    environment = {**os.environ, "SURVVIZ_HOME": str(home), "SURVVIZ_SLIDES": str(clinic)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


async def look_around(port: int) -> tuple[list[str], str]:
    """Cases that have a slide, and the address of the cohort."""
    session = Session(port, "first")
    await session.open("")
    cases = ["sample:" + one.label for one in session.all("button") if one.label.startswith("SV07-")]
    await session.open("cohort_patients")
    await session.choose("Cohort", "everybody")
    await session.close()
    return cases, session.query


async def crowd(app: Watched, minutes: float, counts: Mapping[str, int], n_slides: int = N_SLIDES) -> list[Visitor]:
    """Everybody at once, each a second later than the one before."""
    port = int(app.url.rsplit(":", 1)[1])
    cases, cohort = await look_around(port)
    start = time.perf_counter()
    until = start + 60 * minutes
    slides = [f"case{number:03d}" for number in reversed(range(n_slides))]
    work = {
        "looks": lambda one: looks(one, cases),
        "asks": lambda one: asks(one, cases),
        "compares": lambda one: compares(one, cohort),
        "brings": lambda one: brings(one, slides),
    }
    people: list[Visitor] = []
    tasks = [asyncio.create_task(app.watch(start, until))]
    for what, count in counts.items():
        for number in range(count):
            name = f"{what}{number + 1}"
            people.append(Visitor(name, Session(port, name), random.Random(name), start, until))
            tasks.append(asyncio.create_task(work[what](people[-1])))
            await asyncio.sleep(1)
    ended, at_it = await asyncio.wait(tasks, timeout=until - time.perf_counter() + GRACE_S)
    for task in at_it:
        task.cancel()
    await asyncio.gather(*at_it, return_exceptions=True)
    await asyncio.gather(*(one.session.close() for one in people), return_exceptions=True)
    for task in ended:
        task.result()  # an error of the run itself, not of the app
    return people


def table(people: list[Visitor]) -> dict[str, dict[str, float]]:
    """Seconds per kind of deed."""
    kinds: dict[str, list[float]] = {}
    for deed in (deed for one in people for deed in one.deeds):
        kinds.setdefault(deed.what, []).append(deed.seconds)
    return {what: quantiles(seconds) for what, seconds in sorted(kinds.items())}


def quantiles(values: list[float]) -> dict[str, float]:
    """Number, median, 95th percentile, highest."""
    return {"n": len(values)} | {
        name: round(float(np.quantile(values, share)), 3)
        for name, share in (("median", 0.5), ("p95", 0.95), ("highest", 1.0))
        if values
    }


def main() -> None:
    """Prepare, let them in, watch, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="workspace; made, or used again")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--each", type=int, default=0, help="so many of each kind of person instead of twenty")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    home = arguments.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    each: int = arguments.each
    counts: Mapping[str, int] = dict.fromkeys(CROWD, each) if each else CROWD
    prepare(home, N_SLIDES)
    load = [round(os.getloadavg()[0], 1)]
    with app_running(home) as app:
        people = asyncio.run(crowd(app, arguments.minutes, counts))
        load.append(round(os.getloadavg()[0], 1))
        log = (home / "log.txt").read_text(errors="replace")
    deeds = [deed for one in people for deed in one.deeds]
    result = {
        "machine": machine("cpu"), "versions": versions(), "commit": commit(), "load": load,
        "minutes": arguments.minutes, "people": counts, "n_deeds": len(deeds),
        "failed": [asdict(deed) for deed in deeds if deed.problem], "tracebacks_in_the_log": log.count("Traceback"),
        "worst_place_in_line": max(one.worst_place for one in people), "seconds": table(people),
        "tile_ms": quantiles([value for one in people for value in one.milliseconds]), "memory": app.memory(),
    }  # fmt: skip
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    shown = {name: value for name, value in result.items() if name not in ("machine", "versions", "memory")}
    print(json.dumps(shown, indent=1))
    print(json.dumps({name: value for name, value in app.memory().items() if name != "samples"}, indent=1))


if __name__ == "__main__":
    main()
