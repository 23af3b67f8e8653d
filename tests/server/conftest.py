"""A small slide, an owner, and a client that carries the owner's cookie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from starlette.applications import Starlette
from starlette.testclient import TestClient

from survviz.server import routes, store
from survviz.server.auth import cookie_name, new_owner, sign_owner
from survviz.server.slides import slide_cache

WIDTH, HEIGHT = 1536, 1024


@pytest.fixture(autouse=True)
def closed_store() -> Iterator[None]:
    yield
    slide_cache().close()
    store.close()


@pytest.fixture
def slide_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A slide whose red is x // 8 and whose green is y // 8, at 0.5 um per pixel."""
    monkeypatch.setenv("SURVVIZ_SLIDES", str(tmp_path))
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 0] = np.arange(WIDTH) // 8
    pixels[..., 1] = np.arange(HEIGHT)[:, None] // 8
    path = tmp_path / "slide.tif"
    scale = {"resolution": (20000, 20000), "resolutionunit": 3}
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="deflate", **scale)
    return path


@pytest.fixture
def owner() -> str:
    return new_owner()


@pytest.fixture
def client_of() -> Iterator[Callable[[str | None], TestClient]]:
    """Makes a browser for an owner; None = one without a cookie."""
    clients: list[TestClient] = []

    def make(owner: str | None) -> TestClient:
        cookies = {cookie_name(): sign_owner(owner)} if owner else {}
        client = TestClient(Starlette(routes=routes()), cookies=cookies)
        client.__enter__()
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)
