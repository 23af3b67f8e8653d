"""The servers that the benchmark of tiles compares: the whole app, and OpenSlide's example."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import tile_client
from benchmarks.processes import descendants, free_port, memory_of, running
from survviz.server import register_slide
from survviz.server.auth import cookie_name, new_owner, sign_owner
from survviz.wsi.probe import read_slide_info

SCREEN = (1600, 900)
FIRST_ZOOM = 8


@dataclass(frozen=True, slots=True)
class Grid:
    """Deep-zoom tiles of one slide of one server; `path` has places for level, column and row."""

    path: str
    width: int
    height: int
    tile: int

    @property
    def levels(self) -> list[tuple[int, int]]:
        """(columns, rows) of each zoom."""
        top = (max(self.width, self.height) - 1).bit_length()
        sizes = ((-(-self.width // 2**s), -(-self.height // 2**s)) for s in range(top, -1, -1))
        return [(-(-w // self.tile), -(-h // self.tile)) for w, h in sizes]

    def paths(self, tiles: list[tile_client.Tile]) -> list[str]:
        """Addresses of tiles; a tile beyond the last of this grid is the last."""
        last = [(columns - 1, rows - 1) for columns, rows in self.levels]
        return [
            self.path.format(level=level, column=min(x, last[level][0]), row=min(y, last[level][1]))
            for level, x, y in tiles
        ]

    def first_view(self) -> list[str]:
        """Every tile of the zooms that a viewer loads to fill its screen with the whole slide."""
        fit = min(SCREEN[0] / self.width, SCREEN[1] / self.height, 1.0)
        top = len(self.levels) - 1
        last = max(min(top, FIRST_ZOOM), top - int(np.floor(np.log2(1 / fit))))
        tiles = [
            (level, x, y)
            for level in range(min(FIRST_ZOOM, last), last + 1)
            for y in range(self.levels[level][1])
            for x in range(self.levels[level][0])
        ]
        return self.paths(tiles)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    cookie: str
    grids: dict[Path, Grid]

    def rss_mb(self) -> float:
        """Resident memory of its process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://localhost:{self.port}"

    def memory_mb(self) -> dict[str, float]:
        """Of the server and its children.

        "resident": the server's, and what its children hold for themselves; "server": the server's alone, "anonymous":
        of that, what is not from files; "proportional": of all, pages that processes share counted once.
        """
        server = memory_of(self.process.pid)
        children = [memory_of(pid) for pid in descendants(self.process.pid)]
        return {
            "resident": server["Rss"] + sum(one["Private_Clean"] + one["Private_Dirty"] for one in children),
            "server": server["Rss"],
            "anonymous": server["Anonymous"],
            "proportional": server["Pss"] + sum(one["Pss"] for one in children),
            "children": len(children),
        }

    def cpu_seconds(self) -> float:
        """Processor time so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def view(self, paths: list[str]) -> float:
        """Seconds that a browser waits for these tiles."""
        return asyncio.run(tile_client.first_view(self.port, self.cookie, paths))

    def pan(self, slide: Path, journeys: list[list[list[tile_client.Tile]]], every: float) -> dict[str, float]:
        """Latency of the tiles of these journeys, and processor time of the server per tile."""
        grid = self.grids[slide]
        addresses = [[grid.paths(burst) for burst in journey] for journey in journeys]
        before = self.cpu_seconds()
        took = asyncio.run(tile_client.pan(self.port, self.cookie, addresses, every))
        p50, p95 = np.percentile(took, [50, 95])
        cpu = 1000 * (self.cpu_seconds() - before) / len(took)
        return {"tiles": len(took), "p50_ms": float(p50), "p95_ms": float(p95), "cpu_ms_per_tile": cpu}


def in_turns(
    servers: Sequence[Server], slide: Path, *, clients: int, steps: int, burst: int, every: float, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Name of a server -> what `pan` found in each round; a round before the first warms, and is not counted."""
    levels = servers[0].grids[slide].levels
    found: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
    for turn in range(rounds + 1):
        for server in servers:
            journeys = [
                tile_client.journey(levels, len(levels) - 1, steps, burst, seed=100 * clients + number)
                for number in range(clients)
            ]
            result = server.pan(slide, journeys, every)
            if turn:
                found[server.name].append(result)
    return found


@contextmanager
def app(slides: list[Path], home: Path) -> Iterator[Server]:
    """The app, with every slide registered for one browser."""
    os.environ |= {
        "SURVVIZ_HOME": str(home),
        "SURVVIZ_SLIDES": os.pathsep.join(sorted({str(s.parent) for s in slides})),
    }
    owner, port = new_owner(), free_port()
    grids = {}
    for slide in slides:
        view = register_slide(owner, slide)
        path = f"/sv/tiles/{view['token']}/{{level}}/{{column}}_{{row}}.jpg"
        grids[slide] = Grid(path, view["width"], view["height"], view["tile_size"])
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/_stcore/health", dict(os.environ)) as process:
        yield Server("survviz", process, port, f"{cookie_name()}={sign_owner(owner)}", grids)


@contextmanager
def example(slides: list[Path], tile: int, overlap: int) -> Iterator[Server]:
    """OpenSlide's example server."""
    port = free_port()
    grids = {}
    for number, slide in enumerate(slides):
        width, height = read_slide_info(slide).dimensions
        grids[slide] = Grid(f"/{number}/{{level}}/{{column}}_{{row}}.jpg", width, height, tile)
    command = [sys.executable, "-m", "benchmarks.example_tile_server", *map(str, (port, tile, overlap, *slides))]
    with running(command, f"http://127.0.0.1:{port}/0/0/0_0.jpg", dict(os.environ)) as process:
        yield Server(f"OpenSlide example, {tile}/{overlap}", process, port, "", grids)
