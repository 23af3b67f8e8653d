"""Open slides, kept open for a while and shared by all requests."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from survviz.errors import MissingMppError
from survviz.server.memory import give_back

if TYPE_CHECKING:
    from survviz.wsi.slide import Slide
    from survviz.wsi.tiles import DeepZoom

KEEP_OPEN = 12


_Key = tuple[str, float | None, int]


@dataclass(slots=True)
class _Handle:
    slide: Slide
    deep_zoom: DeepZoom
    users: int = 0


@dataclass(slots=True)
class SlideCache:
    """The most recently used slides; one that is in use is never closed.

    Args:
        size: how many slides stay open.
    """

    size: int = KEEP_OPEN
    _handles: OrderedDict[_Key, _Handle] = field(default_factory=OrderedDict)
    _opening: dict[_Key, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def borrow(self, path: str | Path, mpp: float | None) -> Iterator[tuple[Slide, DeepZoom]]:
        """Lend a slide and its tiles.

        Raises:
            SlideError: the file is damaged, or gone.
        """
        handle = self._acquire(str(path), mpp)
        try:
            yield handle.slide, handle.deep_zoom
        finally:
            with self._lock:
                handle.users -= 1
                self._close_unused()

    def _acquire(self, path: str, mpp: float | None) -> _Handle:
        stat = Path(path).stat() if Path(path).exists() else None
        key = (path, mpp, stat.st_mtime_ns if stat else 0)
        with self._lock:
            if key in self._handles:
                return self._use(key)
            opening = self._opening.setdefault(key, threading.Lock())
        with opening:  # a file that takes a minute to be refused holds up nobody who looks at another one
            with self._lock:
                if key in self._handles:
                    return self._use(key)
            try:
                fresh = _open(path, mpp)
            finally:
                with self._lock:
                    self._opening.pop(key, None)
            with self._lock:
                if self._handles.setdefault(key, fresh) is not fresh:
                    fresh.slide.close()
                return self._use(key)

    def _use(self, key: _Key) -> _Handle:
        self._handles.move_to_end(key)
        handle = self._handles[key]
        handle.users += 1
        return handle

    def _close_unused(self) -> None:
        for key in list(self._handles):
            if len(self._handles) <= self.size:
                return
            if self._handles[key].users == 0:
                self._handles.pop(key).slide.close()

    def close(self) -> None:
        """Close every slide that nobody uses."""
        with self._lock:
            for key in [key for key, handle in self._handles.items() if handle.users == 0]:
                self._handles.pop(key).slide.close()


def _open(path: str, mpp: float | None) -> _Handle:
    from survviz.wsi.slide import open_slide
    from survviz.wsi.tiles import DeepZoom

    try:
        slide = open_slide(path, mpp)
    except MissingMppError:
        # To look at a slide needs no pixel size; the viewer then shows no length. Nothing is measured with this 1.0.
        slide = open_slide(path, 1.0)
    give_back()  # a gigapixel slide is parsed in some 15 MB of lists that nobody needs any more
    return _Handle(slide, DeepZoom(slide))


@lru_cache(maxsize=1)
def slide_cache() -> SlideCache:
    """The cache of this process."""
    return SlideCache()
