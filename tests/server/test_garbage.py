"""What stays is left out of every collection, and what no longer does is found later."""

from __future__ import annotations

import asyncio
import gc
import sys
import types
import weakref
from collections.abc import Iterator

import pytest

from survviz.server.garbage import keep_setting_aside, set_aside


class Knot:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def nothing_aside() -> Iterator[None]:
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_alive_is_left_out_of_collections_until_it_is_looked_at_again() -> None:
    knot = Knot()
    alive = weakref.ref(knot)
    assert set_aside() > 10_000
    assert len(gc.get_objects()) < 1_000
    del knot
    gc.collect()
    assert alive() is not None
    set_aside()
    assert alive() is None


def test_what_is_garbage_is_freed_not_kept() -> None:
    alive = weakref.ref(Knot())
    set_aside()
    assert alive() is None


def test_modules_that_were_loaded_are_set_aside_once_no_more_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async def watch() -> None:
        chore = asyncio.create_task(keep_setting_aside(every=0.001))
        while not gc.get_freeze_count():
            await asyncio.sleep(0.001)
        gc.unfreeze()
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert gc.get_freeze_count() == 0, "nothing was loaded, so nothing is to be done"
        monkeypatch.setitem(sys.modules, "survviz_a_module_of_this_test", types.ModuleType("a"))
        while not gc.get_freeze_count():
            await asyncio.sleep(0.001)
        chore.cancel()

    asyncio.run(asyncio.wait_for(watch(), 60))
