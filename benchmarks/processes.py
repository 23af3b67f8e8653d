"""Servers that a benchmark starts, and what their processes hold."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def running(
    command: list[str], url: str, environment: dict[str, str], log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, from its first answer to the end of the block.

    Args:
        log: where its words go; nowhere if not given.
    """
    with ExitStack() as stack:
        words = stack.enter_context(log.open("wb")) if log else subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=words, stderr=words)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def memory_of(pid: int) -> dict[str, float]:
    """Field of the kernel's account -> MB; zeros for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        lines = []
    known = dict.fromkeys(("Rss", "Pss", "Anonymous", "Private_Clean", "Private_Dirty"), 0.0)
    return known | {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines[1:]}


def descendants(pid: int) -> list[int]:
    """Children of a process, whichever of its threads started them, theirs, and so on."""
    try:
        own = [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # it ended while it was looked at
        return []
    return [one for child in own for one in (child, *descendants(child))]
