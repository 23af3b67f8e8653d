"""Memory that was freed, given back to the system: the C library keeps it otherwise, thread by thread."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from functools import lru_cache
from pathlib import Path

ARENAS = 2
"""Heaps of the C library; by default eight per core, each with holes of its own."""

LARGE_BYTES, TOP_BYTES = 32 * 2**20, 16 * 2**20
"""Larger blocks are the system's own; more than this that is free at the end of a heap goes back at once.

By default the second rises to 64 MB once large blocks were freed, and `malloc_trim` looks at the end of one heap only.
"""

M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1
EVERY_SECONDS = 1.0
GROWTH_BYTES = 8 * 2**20
"""More than this must have come since the last time, so that a server at rest does nothing."""

STATM = Path("/proc/self/statm")
RESIDENT, SHARED = 1, 2


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is one that can be told."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None


def use_few_heaps() -> None:
    """Let threads that start from now on share a few heaps, which keep little at their ends; with glibc only."""
    if (library := _glibc()) is not None:
        library.mallopt(M_ARENA_MAX, ARENAS)
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, TOP_BYTES)


def give_back() -> None:
    """Give free pages back to the system; without effect where the C library is not glibc."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def own_bytes() -> int:
    """Resident memory that is not a file's; 0 where the system does not say."""
    if not STATM.exists():
        return 0
    fields = STATM.read_text().split()
    return (int(fields[RESIDENT]) - int(fields[SHARED])) * os.sysconf("SC_PAGE_SIZE")


async def keep_giving_back(every: float = EVERY_SECONDS) -> None:
    """Give back free pages whenever the process has grown, until cancelled."""
    least = own_bytes()
    while True:
        await asyncio.sleep(every)
        if own_bytes() > least + GROWTH_BYTES:
            await asyncio.to_thread(give_back)
            least = own_bytes()
        least = min(least, own_bytes())
