"""The app of the load run, and its memory while the run lasts."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.processes import descendants, free_port, memory_of, running

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
            server, *started = (memory_of(pid)["Rss"] for pid in (self.process.pid, *descendants(self.process.pid)))
            self.samples.append((now - start, server, sum(started)))
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


@contextmanager
def app_running(home: Path) -> Iterator[Watched]:
    """The whole app on a free port, for people whom a proxy names."""
    (home / "config.toml").write_text(SETTINGS)
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "SURVVIZ_HOME": str(home), "SURVVIZ_SLIDES": str(home / "clinic")}
    url = f"http://localhost:{port}"
    with running(command, f"{url}/_stcore/health", environment, home / "log.txt") as process:
        yield Watched(url, process)
