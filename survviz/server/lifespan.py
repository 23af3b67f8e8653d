"""What the server process does at start and end."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from survviz.server import store
from survviz.server.feature_files import forget_unused
from survviz.server.garbage import keep_setting_aside
from survviz.server.memory import keep_giving_back, use_few_heaps
from survviz.server.slides import slide_cache
from survviz.server.uploads import forget_unfinished

SWITCH_INTERVAL = 0.001


def disable_nagle() -> int:
    """Set TCP_NODELAY on every listening socket; accepted ones inherit it. Returns how many were set.

    Streamlit binds its socket with protocol 0, for which asyncio skips this; each small answer then waits about 45 ms
    for the delayed acknowledgement of the one before.
    """
    count = 0
    for found in gc.get_objects():
        # Not isinstance: it asks every object for its __class__, which lazy and deprecated ones answer with a warning.
        if issubclass(type(found), socket.socket) and found.type == socket.SOCK_STREAM and found.fileno() != -1:
            is_inet = found.family in (socket.AF_INET, socket.AF_INET6)
            if is_inet and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                count += 1
    return count


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """For `st.App(lifespan=...)`."""
    disable_nagle()
    use_few_heaps()
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)  # a busy script would otherwise hold tiles up for 5 ms a turn
    store.forget_old()
    forget_unfinished()
    forget_unused()
    chores = [asyncio.create_task(chore) for chore in (keep_giving_back(), keep_setting_aside())]
    yield {}
    for chore in chores:
        chore.cancel()
    sys.setswitchinterval(before)
    slide_cache().close()
    store.close()
