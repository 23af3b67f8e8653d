"""Peak memory of a piece of work within a process (Linux)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


def resident_mb(field: str = "VmRSS") -> float:
    """A memory field of this process, in MB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024 / 1e6


def peak_over_base(work: Callable[[], object]) -> float:
    """MB that the process held at most during the work, less what it held before.

    Freed memory is first given back to the system, otherwise the work would use it unseen.
    """
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    RESET.write_text("5")  # VmHWM begins anew
    before = resident_mb()
    work()
    return max(0.0, resident_mb("VmHWM") - before)
