"""Slides of strangers, read in child processes with limits: what a decoder does wrong ends its child, not the app.

One child per open slide, forked when the first pixels are asked for, ended when nobody asks for a while, started again
after a crash. A file whose decoder crashes or hangs again and again is put aside.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, MissingMppError, SlideError
from survviz.wsi import isolated_child as said
from survviz.wsi.info import SlideInfo
from survviz.wsi.isolated_process import Child, ChildLostError, ChildRestingError
from survviz.wsi.stored_jpeg import is_whole_jpeg

Result = TypeVar("Result")
FileKey = tuple[str, int, int]

MOST_CHILDREN = 8
"""At rest; reads that run at once may have one each."""

IDLE_SECONDS = 60
READ_SECONDS = 60
CPU_SECONDS = 30
SLIDE_MEMORY_BYTES = 2 * 2**30
MOST_CRASHES = 3
LONGEST_WORDS = 1 << 20
LARGEST_JPEG = 1 << 24
COPY_AGAIN = "The file is damaged; copy it again from its source."


class PutAside:
    """Files that crashed or stalled their decoder, and how often; a file that has changed starts anew. Thread-safe."""

    def __init__(self) -> None:
        self._crashes: Counter[FileKey] = Counter()
        self._lock = threading.Lock()

    def check(self, path: Path) -> None:
        """Refuse a file that has crashed its decoder too often.

        Raises:
            SlideError: it has.
        """
        if self._crashes[key_of(path)] >= MOST_CRASHES:
            raise SlideError(
                f"{path.name} has crashed or stalled its decoder {MOST_CRASHES} times and is put aside. "
                "Copy it again from its source, and upload the copy."
            )

    def add(self, path: Path) -> None:
        """Count a crash."""
        with self._lock:
            self._crashes[key_of(path)] += 1


def key_of(path: Path) -> FileKey:
    """A file as it is now; its size and time are 0 when it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), stat.st_size, stat.st_mtime_ns


put_aside = PutAside()


class Crowd:
    """The children that are alive: when there are too many, the one that rested longest is ended."""

    def __init__(self) -> None:
        self._members: weakref.WeakSet[IsolatedBackend] = weakref.WeakSet()
        self._lock = threading.Lock()

    def enter(self, backend: IsolatedBackend) -> None:
        """Make room for a child that is about to be started."""
        with self._lock:
            self._members.add(backend)
            others = [one for one in self._members if one is not backend and one.has_child]
            for one in sorted(others, key=lambda one: one.last_used):
                if len(others) < MOST_CHILDREN:
                    return
                if one.rest():
                    others.remove(one)


crowd = Crowd()
_turns = itertools.count()


class IsolatedBackend:
    """A `Backend` whose file is opened in a child only. One read at a time.

    Args:
        info: what `read_slide_info` says of the file.
    """

    def __init__(self, info: SlideInfo) -> None:
        self.info = info
        self.last_used = next(_turns)
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._home = 0
        self._closed = False

    @property
    def has_child(self) -> bool:
        """Whether a child is there now."""
        return self._child is not None

    def child_pid(self) -> int | None:
        """The number of its process, for who watches them."""
        child = self._child
        return None if child is None else child.pid

    def read(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Backend.read`."""

        def pixels(child: Child, kind: bytes, length: int) -> NDArray[np.uint8]:
            out = np.empty((height, width, 3), np.uint8)
            if kind != said.PIXELS or length != out.nbytes:
                raise ChildLostError("answered something else")
            child.receive(out.data.cast("B"))
            return out

        where = f"level {level} near x={x}, y={y}"
        return self._ask({"do": "read", "at": [level, x, y, width, height]}, where, pixels)

    def read_tile(self, level: int, column: int, row: int, out: NDArray[np.uint8]) -> bool:
        """See `Backend.read_tile`: nothing is decoded here."""
        return False

    def stored_jpeg(self, level: int, column: int, row: int, side: int) -> bytes | None:
        """See `Backend.stored_jpeg`: what the child hands on is looked through once more."""

        def jpeg(child: Child, kind: bytes, length: int) -> bytes | None:
            if kind == said.NOTHING:
                return None
            data = body(child, length, LARGEST_JPEG)
            return data if is_whole_jpeg(data, (side, side)) else None

        where = f"tile {column}, {row} of level {level}"
        return self._ask({"do": "stored_jpeg", "at": [level, column, row, side]}, where, jpeg)

    def identity(self) -> str:
        """See `Backend.identity`."""

        def text(child: Child, kind: bytes, length: int) -> str:
            return body(child, length, LONGEST_WORDS).decode(errors="replace")

        return self._ask({"do": "identity"}, "its header", text)

    def close(self) -> None:
        """See `Backend.close`."""
        with self._lock:
            self._closed = True
            self._end_child()

    def rest(self) -> bool:
        """End the child if it is not at work; whether it has none now."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._end_child()
        finally:
            self._lock.release()
        return True

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None and self._home == os.getpid():
            child.stop()

    def _ask(self, request: Mapping[str, Any], where: str, take: Callable[[Child, bytes, int], Result]) -> Result:
        path = self.info.path
        with self._lock:
            put_aside.check(path)
            self.last_used = next(_turns)
            while True:
                if self._closed:
                    raise SlideError(f"{path.name} was closed while it was read. Open it again.")
                try:
                    child = self._started()
                    kind, length = child.ask(request)
                    raise_words(child, kind, length)
                    return take(child, kind, length)
                except ChildRestingError:
                    self._child = None
                except ChildLostError as error:
                    self._end_child()
                    put_aside.add(path)
                    raise SlideError(
                        f"The decoder {error} while reading {where} of {path.name}. {COPY_AGAIN}"
                    ) from error

    def _started(self) -> Child:
        if self._child is None or self._home != os.getpid():
            crowd.enter(self)
            limits = {"memory": SLIDE_MEMORY_BYTES, "seconds": CPU_SECONDS, "idle": IDLE_SECONDS}
            self._child = Child({"do": "slide", "path": str(self.info.path), "limits": limits}, READ_SECONDS)
            self._home = os.getpid()
        return self._child


def body(child: Child, length: int, most: int) -> bytes:
    """What a frame holds.

    Raises:
        ChildLostError: it is longer than anything of its kind, or the child ended.
    """
    if length > most:
        raise ChildLostError("answered something else")
    body = bytearray(length)
    child.receive(memoryview(body))
    return bytes(body)


def raise_words(child: Child, kind: bytes, length: int) -> None:
    """Raise what the child found wrong, as the error that it met; nothing where it found nothing."""
    if kind not in (said.BAD_SLIDE, said.BAD_INPUT, said.NO_MPP, said.UNEXPECTED):
        return
    words = body(child, length, LONGEST_WORDS).decode(errors="replace")
    if kind == said.UNEXPECTED:
        raise ChildLostError(f"failed ({words})")
    raise {said.BAD_SLIDE: SlideError, said.BAD_INPUT: InputError, said.NO_MPP: MissingMppError}[kind](words)
