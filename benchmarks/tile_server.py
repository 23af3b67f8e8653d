"""`python -m benchmarks.tile_server`: the app's tiles beside OpenSlide's example server -> results/tile_server.json.

The whole app is started as `make app` starts it, and asked for tiles over the loopback as browsers do (`tile_client`).
Every journey is made by the servers in turn, so that another load on the machine hits all alike; compare the ratios.
"Cold" = the slide is not open in the server and its file not in the page cache. "Warm" = the same journey once more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import tile_client
from benchmarks.processes import ROOT
from benchmarks.synthetic_slide import write_slide
from benchmarks.tile_servers import Server, app, example, in_turns
from survviz.errors import SlideError
from survviz.wsi.probe import read_slide_info

REAL_SLIDES = ROOT.parent / "shared" / "data" / "slides"
RESULTS = Path(__file__).parent / "results" / "tile_server.json"
CLIENTS, STEPS, ROUNDS = 20, 10, 2
SLIDES_AT_ONCE, GROWTH_TILES = 8, 10_000


def drop_from_page_cache(path: Path) -> None:
    """Let the next read come from the disk."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def first_views(servers: list[Server], slides: list[Path]) -> list[dict[str, object]]:
    """Cold and warm seconds of the first screen of every slide that a server can show."""
    rows: list[dict[str, object]] = []
    for slide in slides:
        for server in servers:
            if slide not in server.grids:
                continue
            paths = server.grids[slide].first_view()
            row: dict[str, object] = {"slide": slide.name, "server": server.name, "tiles": len(paths)}
            drop_from_page_cache(slide)
            try:
                row |= {"cold_s": server.view(paths), "warm_s": statistics.median(server.view(paths) for _ in range(5))}
            except (RuntimeError, OSError, EOFError) as error:
                row["error"] = type(error).__name__
            rows.append(row)
    return rows


def panning(servers: list[Server], slide: Path) -> list[dict[str, object]]:
    """Twenty clients who move once a second, by one tile and by 15, and one who moves as fast as tiles come."""
    rows: list[dict[str, object]] = []
    settings = {
        f"{CLIENTS} clients, 1 tile a second": (CLIENTS, STEPS, 1, 1.0),
        f"{CLIENTS} clients, 15 tiles a second": (CLIENTS, STEPS, 15, 1.0),
        "1 client, 6 tiles at a time": (1, 150, 6, 0.0),
    }
    for name, (clients, steps, burst, every) in settings.items():
        measured = in_turns(servers, slide, clients=clients, steps=steps, burst=burst, every=every, rounds=ROUNDS)
        for server in servers:
            medians = {
                key: statistics.median(one[key] for one in measured[server.name]) for key in measured[server.name][0]
            }
            rows.append({"load": name, "server": server.name, **medians})
    return rows


def memory(home: Path, slide: Path) -> dict[str, float]:
    """RSS of a fresh app: at start, with eight gigapixel slides open, and over 10,000 more tiles."""
    slides = [slide.with_name(f"open-{number}.svs") for number in range(SLIDES_AT_ONCE)]
    for path in slides:
        path.hardlink_to(slide)
    try:
        with app(slides, home) as server:
            result = {"start_mb": server.rss_mb()}
            for path in slides:
                server.view(server.grids[path].first_view())
                visit(server, path, 300, seed=1)
            result["eight_slides_mb"] = server.rss_mb()
            for seed in range(8):  # until every cache is full
                visit(server, slides[seed], 1500, seed=2 + seed)
            result["before_growth_mb"] = server.rss_mb()
            for seed in range(10):
                visit(server, slides[seed % SLIDES_AT_ONCE], GROWTH_TILES // 10, seed=10 + seed)
                result[f"after_{(seed + 1) * GROWTH_TILES // 10}_mb"] = server.rss_mb()
            return result
    finally:
        for path in slides:
            path.unlink()


def visit(server: Server, slide: Path, tiles: int, seed: int) -> None:
    """Ask for about so many tiles of a slide, one after the other."""
    levels = server.grids[slide].levels
    steps = tile_client.journey(levels, len(levels) - 1, tiles // 6, 6, seed)
    server.pan(slide, [steps], 0.0)


def readable(folder: Path) -> list[Path]:
    """Slides of a folder that can be opened at all."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            read_slide_info(path)
            found.append(path)
        except SlideError:
            continue
    return found


def tables(result: dict[str, Any]) -> str:
    """The result as Markdown, for docs/performance.md."""
    lines = ["| load | server | tiles | p50 ms | p95 ms | server CPU ms per tile |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row['load']} | {row['server']} | {row['tiles']:.0f} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} | "
        f"{row['cpu_ms_per_tile']:.2f} |"
        for row in result["panning"]
    ]
    lines += ["", "| slide | survviz cold s | warm s | OpenSlide example cold s | warm s |", "|---|---|---|---|---|"]
    views = result["first_view"]
    for slide in dict.fromkeys(row["slide"] for row in views):
        seconds = [
            f"{row['cold_s']:.2f} | {row['warm_s']:.2f}" if "cold_s" in row else "cannot | be opened"
            for row in views
            if row["slide"] == slide
        ]
        lines.append(f"| {slide} | {' | '.join(seconds)} |")
    memory = ", ".join(
        f"{name.removesuffix('_mb').replace('_', ' ')} {value:.0f}" for name, value in result["memory"].items()
    )
    return "\n".join([*lines, "", f"Memory (MB): {memory}."])


def main() -> None:
    """Measure, write the JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slide", type=Path, help="the synthetic slide; written first if it is not there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        slide = (asked.slide or Path(folder) / "synthetic.svs").resolve()
        if not slide.exists():
            write_slide(slide)
        os.environ["SURVVIZ_HOME"] = folder
        real = readable(REAL_SLIDES)
        ours = stack.enter_context(app([slide, *real], Path(folder) / "home"))
        plain = stack.enter_context(example([slide, *real], 254, 1))
        alike = stack.enter_context(example([slide], ours.grids[slide].tile, 0))
        result: dict[str, Any] = {
            "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()},
            "versions": {name: version(name) for name in ("streamlit", "starlette", "openslide-python", "tifffile")},
            "slide": {"size": [ours.grids[slide].width, ours.grids[slide].height], "mb": slide.stat().st_size / 1e6},
            "first_view": first_views([ours, plain], [slide, *real]),
            "panning": panning([ours, plain, alike], slide),
        }
        stack.pop_all().close()
        result["memory"] = memory(Path(folder) / "memory", slide)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(tables(result))


if __name__ == "__main__":
    main()
