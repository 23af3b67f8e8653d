"""Slides made to hurt, through the app's own routes: an error in words, the app lives, the next slide is shown."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from survviz.errors import SlideError
from survviz.jobs.kinds import ExtractArguments, extract
from survviz.server import register_slide, routes, store
from survviz.server.auth import cookie_name, new_owner, sign_owner
from survviz.server.folders import cohort_folder, upload_folder
from survviz.server.slides import SlideCache, slide_cache
from survviz.workspace import is_from_people
from survviz.wsi import isolated
from survviz.wsi.isolated import IsolatedBackend
from survviz.wsi.isolated_process import template
from tests.wsi.hostile import huge_jpeg_tile, many_scans_tile, write_tiles


@pytest.fixture
def owner() -> Iterator[str]:
    yield new_owner()
    slide_cache().close()
    store.close()


@pytest.fixture
def get(owner: str) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes()), cookies={cookie_name(): sign_owner(owner)}) as client:
        yield client


@pytest.fixture
def good(owner: str) -> Path:
    path = upload_folder(owner) / "good.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (600, 700, 3), dtype=np.uint8)
    scale = {"resolution": (20000, 20000), "resolutionunit": 3}
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="zlib", **scale)
    return path


def pictures_of(token: str | None) -> dict[str, str]:
    """An address of each kind that shows the second of the 1024 px tiles."""
    return {
        "tile": f"/sv/tiles/{token}/13/4_0.jpg",
        "patch": f"/sv/patch/{token}/1100_10_256.jpg",
        "thumbnail": f"/sv/thumbnail/{token}.jpg",
    }


def shows(client: TestClient, token: str | None) -> bool:
    answer = client.get(f"/sv/tiles/{token}/10/0_0.jpg")
    return answer.status_code == 200 and Image.open(io.BytesIO(answer.content)).size == (256, 256)


def test_what_people_bring_lies_where_files_are_isolated(owner: str) -> None:
    assert is_from_people(upload_folder(owner) / "a.svs")
    assert is_from_people(cohort_folder(owner) / "mine" / "a.h5")


@pytest.mark.parametrize("hostile", [many_scans_tile, huge_jpeg_tile])
@pytest.mark.parametrize("kind", sorted(pictures_of(None)))
def test_a_hostile_tile_is_an_answer_in_words(hostile, kind, owner, good, get, monkeypatch) -> None:
    monkeypatch.setattr(isolated, "CPU_SECONDS", 1)
    path = write_tiles(upload_folder(owner) / "hostile.tif", {1: hostile()})
    token = register_slide(owner, path)["token"]
    answer = get.get(pictures_of(token)[kind])
    assert answer.status_code == 404
    assert "hostile.tif" in answer.json()["error"]
    assert shows(get, register_slide(owner, good)["token"]), "the next slide"


def test_a_child_killed_while_a_tile_is_made_is_an_answer_in_words(owner, good, get) -> None:
    token = register_slide(owner, good)["token"]
    with slide_cache().borrow(good, None) as (slide, _):
        backend = slide._backend
        assert isinstance(backend, IsolatedBackend)
        slide.read_level(0, 0, 0, 10, 10)
        pid = backend.child_pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        answers: list[tuple[int, str]] = []

        def ask() -> None:
            answer = get.get(f"/sv/tiles/{token}/10/1_1.jpg")
            answers.append((answer.status_code, answer.text))

        asking = threading.Thread(target=ask)
        asking.start()
        while not backend._lock.locked():
            os.sched_yield()
        os.kill(pid, signal.SIGKILL)
        asking.join()
    assert answers[0][0] == 404
    assert "crashed (SIGKILL)" in answers[0][1]
    assert get.get(f"/sv/tiles/{token}/10/1_1.jpg").status_code == 200, "the same tile, from a new child"


def children() -> list[int]:
    """Processes that are opening or reading files."""
    process = template()._process
    if process is None:
        return []
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_a_slide_that_takes_long_to_open_holds_up_no_other_one(owner, good) -> None:
    cache = SlideCache()
    slow = write_tiles(upload_folder(owner) / "slow.tif", {0: many_scans_tile()})
    errors: list[str] = []

    def wait() -> None:
        try:
            with cache.borrow(slow, None):
                pass
        except SlideError as error:
            errors.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not (looking := children()):
        os.sched_yield()
    with cache.borrow(good, None) as (slide, _):
        assert slide.dimensions == (700, 600)
    assert waiting.is_alive()
    os.kill(looking[0], signal.SIGKILL)
    waiting.join()
    assert "slow.tif is damaged: the decoder crashed (SIGKILL) when it was opened" in errors[0]
    cache.close()


def test_a_job_over_a_hostile_slide_ends_in_words(owner, monkeypatch) -> None:
    monkeypatch.setattr(isolated, "CPU_SECONDS", 1)
    path = write_tiles(upload_folder(owner) / "hostile.tif", {1: huge_jpeg_tile()})
    with pytest.raises(SlideError, match=r"hostile\.tif"):
        extract(ExtractArguments(slide=str(path)), lambda done, total: None)
