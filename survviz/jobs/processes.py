"""Whether a worker still lives. A pid alone does not tell: systems use it again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def start_time(pid: int) -> str | None:
    """When a process started, as the system counts it; None when it has ended or is only waiting to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if after_name[0] in "ZX" else after_name[19]
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = shown.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def alive(pid: int | None, started: str | None) -> bool:
    """Whether the very process that was started then still runs."""
    return pid is not None and started is not None and start_time(pid) == started


def end(pid: int, signal: int) -> None:
    """Send a signal to a worker and whatever it started; it leads a process group of its own."""
    try:
        os.killpg(pid, signal)
    except ProcessLookupError:
        return
