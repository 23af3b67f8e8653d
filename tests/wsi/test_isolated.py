"""A slide that a person brought is read in a child; whatever happens to the child, the app answers in words."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from survviz.errors import SlideError
from survviz.workspace import is_from_people, workspace
from survviz.wsi import isolated
from survviz.wsi.backend import open_backend
from survviz.wsi.isolated import IsolatedBackend
from survviz.wsi.isolated_process import Child, template
from survviz.wsi.probe import read_slide_info
from survviz.wsi.slide import Slide, open_slide
from tests.wsi.hostile import huge_jpeg_tile, many_scans_tile, write_tiles


@pytest.fixture
def brought(write_pyramid) -> Callable[..., Path]:
    """Writes a slide where the uploads of a person lie."""
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 255, (700, 900, 3), dtype=np.uint8)

    def write(name: str = "slide.tif", **options) -> Path:
        return write_pyramid(pixels, name=name, **options).rename(workspace("uploads", "somebody") / name)

    return write


def backend_of(slide: Slide) -> IsolatedBackend:
    assert isinstance(slide._backend, IsolatedBackend)
    return slide._backend


def pid_of(slide: Slide) -> int:
    pid = backend_of(slide).child_pid()
    assert pid is not None
    return pid


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def wait_until_stopped(pid: int) -> None:
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        os.sched_yield()


def test_only_what_people_brought_is_isolated(brought, write_pyramid, tmp_path) -> None:
    trusted = write_pyramid(np.full((300, 300, 3), 200, np.uint8), name="trusted.tif")
    link = tmp_path / "link.tif"
    link.symlink_to(brought())
    assert [is_from_people(path) for path in (trusted, link)] == [False, True]
    with open_slide(trusted) as slide, open_slide(link) as other:
        assert not isinstance(slide._backend, IsolatedBackend)
        assert isinstance(other._backend, IsolatedBackend)


@pytest.mark.parametrize("compression", ["jpeg", "zlib"])
def test_the_child_gives_the_same_pixels_tiles_and_identity(brought, compression) -> None:
    path = brought(compression=compression)
    here, there = open_backend(path), IsolatedBackend(read_slide_info(path))
    assert there.info == here.info
    for level in range(len(here.info.levels)):
        np.testing.assert_array_equal(there.read(level, 3, 5, 100, 90), here.read(level, 3, 5, 100, 90))
    assert there.stored_jpeg(0, 1, 1, 256) == here.stored_jpeg(0, 1, 1, 256)
    assert there.identity() == here.identity()
    there.close()
    here.close()


def test_the_child_can_do_little(brought) -> None:
    with open_slide(brought()) as slide:
        slide.thumbnail(100)
        pid = pid_of(slide)
        limits = Path(f"/proc/{pid}/limits").read_text()
        for name, value in (
            ("Max core file size", 0),
            ("Max file size", 0),
            ("Max address space", isolated.SLIDE_MEMORY_BYTES),
        ):
            assert f"{name}{'':{26 - len(name)}}{value}" in limits
        opened = {os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")}
        assert {name.partition(":")[0] for name in opened} == {"/dev/null", "socket", str(slide.path)}
        assert sum(name.startswith("socket") for name in opened) == 1
    assert is_gone(pid)


def test_a_child_killed_in_the_middle_of_a_read_is_an_error_in_words_and_replaced(brought) -> None:
    first, second = brought(), brought("other.tif")
    errors: list[str] = []
    with open_slide(first) as slide, open_slide(second) as other:
        expected = slide.read_level(0, 0, 0, 64, 64)
        pid = pid_of(slide)
        os.kill(pid, signal.SIGSTOP)
        wait_until_stopped(pid)

        def read() -> None:
            try:
                slide.read_level(0, 300, 300, 64, 64)
            except SlideError as error:
                errors.append(str(error))

        reader = threading.Thread(target=read)
        reader.start()
        while not backend_of(slide)._lock.locked():
            os.sched_yield()
        os.kill(pid, signal.SIGKILL)
        reader.join()
        assert "slide.tif" in errors[0]
        assert "crashed (SIGKILL) while reading level 0 near x=300, y=300" in errors[0]
        assert other.read_level(0, 0, 0, 64, 64).shape == (64, 64, 3)
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 64, 64), expected)
        assert pid_of(slide) != pid


def test_a_child_that_hangs_is_ended(brought, monkeypatch) -> None:
    monkeypatch.setattr(isolated, "READ_SECONDS", 1)
    with open_slide(brought()) as slide:
        slide.read_level(0, 0, 0, 64, 64)
        pid = pid_of(slide)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(SlideError, match="did not answer within 1 seconds"):
            slide.read_level(0, 0, 0, 64, 64)
        assert is_gone(pid)
        assert slide.read_level(0, 0, 0, 64, 64).shape == (64, 64, 3)


def test_a_tile_that_takes_for_ever_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(isolated, "CPU_SECONDS", 0)
    path = write_tiles(workspace("uploads", "somebody") / "slow.tif", {1: many_scans_tile()})
    with open_slide(path) as slide:
        assert slide.read_level(0, 0, 0, 100, 100).shape == (100, 100, 3)
        with pytest.raises(SlideError, match="computed for too long while reading level 0 near"):
            slide.read_level(0, 1200, 10, 100, 100)
        assert slide.read_level(0, 0, 0, 100, 100).shape == (100, 100, 3)


def test_a_tile_that_declares_gigabytes_is_refused_within_the_limit() -> None:
    path = write_tiles(workspace("uploads", "somebody") / "huge.tif", {1: huge_jpeg_tile()})
    with open_slide(path) as slide:
        with pytest.raises(SlideError, match=r"huge\.tif"):
            slide.read_level(0, 1200, 10, 100, 100)
        assert slide.stored_jpeg(0, 1, 0, 1024) is None
        assert slide.read_level(0, 0, 0, 100, 100).shape == (100, 100, 3)


def test_a_file_that_crashes_its_decoder_again_and_again_is_put_aside_until_it_changes(brought) -> None:
    path = brought()
    backend = IsolatedBackend(read_slide_info(path))
    for _ in range(isolated.MOST_CRASHES):
        isolated.put_aside.add(path)
    with pytest.raises(SlideError, match=r"slide\.tif has crashed or stalled its decoder 3 times and is put aside"):
        backend.read(0, 0, 0, 64, 64)
    assert backend.child_pid() is None
    os.utime(path, ns=(1, 1))
    assert backend.read(0, 0, 0, 64, 64).shape == (64, 64, 3)
    backend.close()


def test_a_child_that_rests_goes_and_comes_back(brought, monkeypatch) -> None:
    monkeypatch.setattr(isolated, "IDLE_SECONDS", 1)
    with open_slide(brought()) as slide:
        slide.read_level(0, 0, 0, 64, 64)
        pid = pid_of(slide)
        watched = os.pidfd_open(pid)
        assert select.select([watched], [], [], 30)[0], "it goes by itself"
        os.close(watched)
        assert slide.read_level(0, 0, 0, 64, 64).shape == (64, 64, 3)
        assert pid_of(slide) != pid


def test_there_are_few_children(brought, monkeypatch) -> None:
    monkeypatch.setattr(isolated, "MOST_CHILDREN", 2)
    slides = [open_slide(brought(f"{number}.tif")) for number in range(4)]
    for slide in slides:
        slide.read_level(0, 0, 0, 64, 64)
    assert [backend_of(slide).has_child for slide in slides] == [False, False, True, True]
    assert slides[0].read_level(0, 0, 0, 64, 64).shape == (64, 64, 3)
    assert [backend_of(slide).has_child for slide in slides] == [True, False, False, True]
    for slide in slides:
        slide.close()
    assert not any(backend_of(slide).has_child for slide in slides)


def test_a_killed_template_is_replaced(brought) -> None:
    with open_slide(brought()) as slide, open_slide(brought("other.tif")) as other:
        slide.read_level(0, 0, 0, 64, 64)
        process = template()._process
        assert process is not None
        assert "Threads:\t1\n" in Path(f"/proc/{process.pid}/status").read_text(), "forking is safe"
        process.kill()
        process.wait()
        assert slide.read_level(0, 0, 0, 64, 64).shape == (64, 64, 3), "children live on"
        assert other.read_level(0, 0, 0, 64, 64).shape == (64, 64, 3)


def test_many_threads_read_isolated_slides(brought) -> None:
    slides = [open_slide(brought(f"{number}.tif")) for number in range(3)]
    expected = slides[0].read_level(0, 0, 0, 500, 500)
    wrong: list[int] = []

    def read(turn: int) -> None:
        for index in range(12):
            x, y = 37 * index % 400, 53 * (index + turn) % 400
            found = slides[(index + turn) % 3].read_level(0, x, y, 100, 100)
            if not np.array_equal(found, expected[y : y + 100, x : x + 100]):
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slide in slides:
        slide.close()
    assert not wrong


def test_an_unexpected_failure_in_the_child_is_told(tmp_path) -> None:
    limits = {"memory": 2**31, "seconds": 5, "idle": 5}
    child = Child({"do": "slide", "path": str(tmp_path), "limits": limits}, 30)
    kind, length = child.ask({"do": "read", "at": []})
    with pytest.raises(SlideError, match="There is no slide file"):
        isolated.raise_words(child, kind, length)
    child.stop()
