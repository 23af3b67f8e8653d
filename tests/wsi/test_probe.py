"""Damaged files give an error in words and never touch the calling process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from survviz.errors import SlideError
from survviz.wsi import probe
from survviz.wsi.first_look import check_plausible
from survviz.wsi.info import Level, SlideInfo
from survviz.wsi.slide import open_slide, read_slide_info


@pytest.fixture
def slide_file(write_pyramid) -> Path:
    rng = np.random.default_rng(3)
    return write_pyramid(rng.integers(0, 255, (700, 900, 3), dtype=np.uint8), compression="jpeg")


def test_info_survives_its_journey_as_json(slide_file) -> None:
    info = read_slide_info(slide_file)
    assert SlideInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


def test_description_is_remembered_until_the_file_changes(slide_file, write_pyramid) -> None:
    first = read_slide_info(slide_file)
    assert read_slide_info(slide_file) is first
    write_pyramid(np.zeros((300, 300, 3), np.uint8), levels=1)
    assert read_slide_info(slide_file).dimensions == (300, 300)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_file_is_refused(slide_file, share) -> None:
    content = slide_file.read_bytes()
    slide_file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SlideError, match=r"slide\.tif"):
        read_slide_info(slide_file)


def test_file_cut_after_its_tables_is_called_cut_off(tmp_path) -> None:
    path = tmp_path / "cut.tif"
    image = np.random.default_rng(0).integers(0, 255, (2000, 2000, 3), dtype=np.uint8)
    with tifffile.TiffWriter(path) as file:
        file.write(image, tile=(256, 256), photometric="rgb", metadata=None)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 300_000])
    with pytest.raises(SlideError, match="cut off: its image blocks reach to byte"):
        read_slide_info(path)


def outcome(path: Path) -> str:
    try:
        read_slide_info(path)
    except SlideError as error:
        return "refused" if path.name in str(error) else "refused without a name"
    return "opened"


def test_mutated_files_open_or_are_refused_but_never_crash(slide_file) -> None:
    content = bytearray(slide_file.read_bytes())
    rng = np.random.default_rng(7)
    outcomes = []
    for index in range(16):
        mutated = bytearray(content)
        where = rng.integers(0, 400 if index % 2 else len(content), 12)
        for position in where:
            mutated[position] = rng.integers(0, 256)
        slide_file.write_bytes(mutated)
        outcomes.append(outcome(slide_file))
    assert set(outcomes) == {"opened", "refused"}


def test_child_that_runs_out_of_memory_or_time_ends_alone(slide_file, monkeypatch) -> None:
    monkeypatch.setattr(probe, "MEMORY_BYTES", 40 * 2**20)
    with pytest.raises(SlideError, match=r"decoder crashed|failed|memory|opened"):
        read_slide_info(slide_file)
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.001)
    with pytest.raises(SlideError, match="did not answer within"):
        read_slide_info(slide_file)


def described(width: int, height: int, levels: int = 1) -> SlideInfo:
    return SlideInfo(Path("a.svs"), "a", "x", (width, height), (Level(width, height, 1.0),) * levels)


@pytest.mark.parametrize(
    ("info", "stored", "words"),
    [
        (described(3_000_000, 100), 10**9, "no scanner makes"),
        (described(0, 100), 10**9, "no scanner makes"),
        (described(1000, 1000, 65), 10**6, "65 levels"),
        (described(100_000, 100_000), 10_000, "exhaust memory"),
    ],
)
def test_what_no_scanner_writes_is_refused(info, stored, words) -> None:
    with pytest.raises(SlideError, match=words):
        check_plausible(info, stored)


def test_a_blank_slide_is_plausible() -> None:
    check_plausible(described(40_000, 30_000), 2 * 2**20)


@pytest.mark.real
@pytest.mark.parametrize("name", ["broken.svs", "unreadable.svs"])
def test_damaged_real_files_are_refused(shared_data, name) -> None:
    with pytest.raises(SlideError, match=name):
        open_slide(shared_data / "slides" / name)


@pytest.mark.real
def test_truncated_real_slide_is_refused(shared_data, tmp_path) -> None:
    content = (shared_data / "slides" / "CMU-1-Small-Region.svs").read_bytes()
    path = tmp_path / "half.svs"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(SlideError, match=r"half\.svs"):
        open_slide(path)
