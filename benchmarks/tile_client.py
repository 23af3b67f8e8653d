"""Browsers as far as a tile server notices: six kept connections each, tiles asked for in bursts."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

CONNECTIONS = 6
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Tile = tuple[int, int, int]
"""zoom level, column, row"""


@dataclass(slots=True)
class Browser:
    """Connections of one client to one server on the loopback, for as long as an `async with` lasts.

    Attributes:
        milliseconds: of every tile, from the moment it was wanted to its last byte; waiting for a connection counts.
    """

    port: int
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    _idle: asyncio.LifoQueue[Connection] = field(default_factory=asyncio.LifoQueue)
    _opened: int = 0

    async def __aenter__(self) -> Self:
        for _ in range(CONNECTIONS):
            self._idle.put_nowait(await asyncio.open_connection("127.0.0.1", self.port))
            self._opened += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        for _ in range(self._opened):
            _, writer = await self._idle.get()
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)  # the server may have been first

    async def get(self, path: str) -> bytes:
        """The body of an answer with status 200.

        Raises:
            RuntimeError: another status.
        """
        start = time.perf_counter()
        reader, writer = await self._idle.get()
        try:
            try:
                head = await self._ask(reader, writer, path)
            except (asyncio.IncompleteReadError, ConnectionError):  # servers end connections that were idle for seconds
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                head = await self._ask(reader, writer, path)
            length = int(head.partition("content-length:")[2].partition("\r\n")[0])
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()  # in the middle of an answer it is of no more use; who takes it next makes another
            raise
        finally:
            self._idle.put_nowait((reader, writer))
        self.milliseconds.append(1000 * (time.perf_counter() - start))
        if not head.startswith("http/1.1 200"):
            raise RuntimeError(f"{path}: {head.splitlines()[0]} {body[:200]!r}")
        return body

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> str:
        sent = {"Host": f"localhost:{self.port}"} | ({"Cookie": self.cookie} if self.cookie else {}) | self.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()

    async def view(self, paths: Iterable[str]) -> float:
        """Seconds until all of these have arrived, asked for at once."""
        start = time.perf_counter()
        await asyncio.gather(*(self.get(path) for path in paths))
        return time.perf_counter() - start


async def first_view(port: int, cookie: str, paths: Sequence[str]) -> float:
    """Seconds that a new browser waits for these tiles."""
    async with Browser(port, cookie) as browser:
        return await browser.view(paths)


async def pan(port: int, cookie: str, journeys: Sequence[Sequence[Sequence[str]]], every: float) -> list[float]:
    """Milliseconds of each tile while every client asks for its next burst of tiles `every` seconds.

    Args:
        journeys: per client, per step, the paths asked for at once.
    """

    async def travel(browser: Browser, number: int) -> None:
        start = time.perf_counter() + every * number / len(journeys)  # people do not move in step
        for step, paths in enumerate(journeys[number]):
            await asyncio.sleep(max(0.0, start + step * every - time.perf_counter()))
            await browser.view(paths)

    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(Browser(port, cookie)) for _ in journeys]
        await asyncio.gather(*(travel(browser, number) for number, browser in enumerate(browsers)))
    return [value for browser in browsers for value in browser.milliseconds]


def journey(levels: Sequence[tuple[int, int]], top: int, steps: int, burst: int, seed: int) -> list[list[Tile]]:
    """Tiles of a person who looks around: mostly at the finest zooms, `burst` new tiles at each step.

    Args:
        levels: (columns, rows) of each zoom.
        top: the finest zoom.
    """
    chance = random.Random(seed)
    bursts = []
    columns, rows = levels[top]
    x, y, level = chance.randrange(columns), chance.randrange(rows), top
    while len(bursts) < steps:
        if chance.random() < 0.25:
            level = top - chance.choice((0, 0, 0, 1, 2, 3))
            columns, rows = levels[level]
            x, y = chance.randrange(columns), chance.randrange(rows)
        x, y = x + chance.choice((-5, 0, 5)), y + chance.choice((-3, 0, 3))
        block = [(level, (x + i % 5) % columns, (y + i // 5) % rows) for i in range(burst)]
        bursts.append(list(dict.fromkeys(block)))
    return bursts
