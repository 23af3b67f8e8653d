"""The app of the load run, and its memory while the run lasts."""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
EVERY_S = 10
SETTINGS = """
[sign_in]
by = "header"
proxies = ["127.0.0.1", "::1"]
[roles]
researcher = ["@clinic.org"]
[limits]
upload_gb = 1
disk_gb = 5
jobs = 2
[audit]
enabled = true
"""


@dataclass(slots=True)
class Watched:
    """A running app.

    Attributes:
        samples: (seconds, MiB of the server, MiB of the processes that it started).
    """

    url: str
    process: subprocess.Popen[bytes]
    samples: list[tuple[float, float, float]] = field(default_factory=list)

    async def watch(self, start: float, until: float) -> None:
        """Look at the memory every ten seconds."""
        while (now := time.perf_counter()) < until:
            tree = descendants(self.process.pid)
            self.samples.append((now - start, rss_mb(self.process.pid), sum(map(rss_mb, tree))))
            await asyncio.sleep(EVERY_S)

    def memory(self) -> dict[str, object]:
        """What the server held, minute by minute, and whether it grew after the first third."""
        seconds, server, children = (np.array(column) for column in zip(*self.samples, strict=True))
        thirds = np.array_split(server, 3)
        late = seconds > seconds[-1] / 3
        slope = np.polyfit(seconds[late] / 60, server[late], 1)[0] if late.sum() > 2 else float("nan")
        return {
            "first_mb": round(float(server[0]), 1),
            "median_mb_per_third": [round(statistics.median(part.tolist()), 1) for part in thirds],
            "highest_mb": round(float(server.max()), 1),
            "highest_of_started_processes_mb": round(float(children.max()), 1),
            "mb_per_minute_after_first_third": round(float(slope), 3),
            "samples": [[round(float(one), 1) for one in row] for row in self.samples],
        }


def rss_mb(pid: int) -> float:
    """Resident memory of a process; nothing once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = status.partition("VmRSS:")[2].split()
    return int(found[0]) / 1024 if found else 0.0


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    try:
        own = [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]
    except OSError:
        return []
    return own + [below for one in own for below in descendants(one)]


@contextmanager
def app_running(home: Path) -> Iterator[Watched]:
    """The whole app on a free port, for people whom a proxy names."""
    (home / "config.toml").write_text(SETTINGS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "SURVVIZ_HOME": str(home), "SURVVIZ_SLIDES": str(home / "clinic")}
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://localhost:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        yield Watched(url, process)
    finally:
        process.terminate()
        process.wait(30)
