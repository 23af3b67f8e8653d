"""Python's collector of cycles, told to leave alone what stays.

Streamlit collects in full after every run of a page. With torch, plotly and pandas loaded that looks at some 330,000
objects, a fifth of a second in which nobody else is served, and nearly all of them are modules and their contents.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time

EVERY_SECONDS = 1.0
AGAIN_SECONDS = 600.0
"""What stood aside and is no longer needed is found after so long at most."""


def set_aside() -> int:
    """Collect in full once, then leave out what is alive in collections to come; returns how many objects that are."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()


async def keep_setting_aside(every: float = EVERY_SECONDS, again: float = AGAIN_SECONDS) -> None:
    """Set aside what is alive whenever modules were loaded, once no more are, and now and then; until cancelled."""
    aside_for, loaded, last = 0, 0, 0.0
    while True:
        before, loaded = loaded, len(sys.modules)
        if loaded == before and (loaded != aside_for or time.monotonic() - last > again):
            set_aside()
            aside_for, last = loaded, time.monotonic()
        await asyncio.sleep(every)
