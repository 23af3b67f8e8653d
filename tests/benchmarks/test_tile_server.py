"""What the benchmark of tiles stands on: its slide, its journeys, and both kinds of server on one small slide."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from benchmarks.synthetic_slide import write_slide
from benchmarks.tile_client import journey
from benchmarks.tile_servers import Grid, Server, example
from survviz.wsi.direct_backend import DirectBackend
from survviz.wsi.slide import open_slide


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(tmp_path_factory.mktemp("synthetic") / "small.svs", 5000, 4100)


def test_the_synthetic_slide_is_an_aperio_pyramid_that_both_readers_show_alike(slide: Path) -> None:
    with open_slide(slide, probe=False) as ours, openslide.OpenSlide(slide) as theirs:
        assert (ours.vendor, ours.dimensions, ours.mpp) == ("aperio", (5000, 4100), 0.25)
        assert [level.downsample for level in ours.levels] == [1, 4, 16, 64]
        assert isinstance(ours._backend, DirectBackend)
        for x, y in ((0, 0), (2000, 1500), (4600, 3900)):
            expected = np.asarray(theirs.read_region((x, y), 0, (200, 150)).convert("RGB"))
            np.testing.assert_array_equal(ours.read_region(x, y, 0, 200, 150), expected)


def test_levels_show_the_same_picture(slide: Path) -> None:
    with open_slide(slide, probe=False) as ours:
        fine = ours.read_area(1024, 1024, 2048, 2048, 512, 512).astype(float)
        coarse = ours.read_region(1024, 1024, 1, 512, 512).astype(float)
        assert np.abs(fine - coarse).mean() < 8


def test_the_same_seed_makes_the_same_slide(tmp_path: Path) -> None:
    first, second, other = (
        write_slide(tmp_path / f"{number}.svs", 1000, 800, seed=seed).read_bytes()
        for number, seed in enumerate((1, 1, 2))
    )
    assert first == second != other


def test_journeys_repeat_and_stay_on_the_slide() -> None:
    levels = [(1, 1), (2, 1), (4, 2), (8, 4), (16, 8)]
    steps = journey(levels, 4, 50, 15, seed=3)
    assert steps == journey(levels, 4, 50, 15, seed=3) != journey(levels, 4, 50, 15, seed=4)
    assert all(0 <= x < levels[z][0] and 0 <= y < levels[z][1] for step in steps for z, x, y in step)
    assert all(len(set(step)) == len(step) for step in steps)


def test_the_first_view_fills_the_screen() -> None:
    grid = Grid("{level}/{column}_{row}", 100_000, 80_000, 256)
    paths = grid.first_view()
    finest = max(int(path.partition("/")[0]) for path in paths)
    assert 1125 / 100_000 <= 2.0 ** (finest - 17) < 2 * 1125 / 100_000, "as sharp as 900 pixels of height show it"
    assert len(paths) == len(set(paths))


def test_the_example_server_answers_and_is_measured(slide: Path) -> None:
    with example([slide], 256, 0) as server:
        assert isinstance(server, Server)
        assert server.view(server.grids[slide].first_view()) > 0
        result = server.pan(slide, [[[(12, 0, 0), (12, 1, 0)]], [[(13, 2, 2)]]], 0.01)
        assert result["tiles"] == 3
        assert 0 < result["p50_ms"] <= result["p95_ms"]
        assert server.rss_mb() > 10


def test_tiles_of_the_synthetic_slide_are_pictures(slide: Path) -> None:
    with open_slide(slide, probe=False) as ours:
        stored = ours.stored_jpeg(0, 3, 3, 256)
        assert stored is not None
        assert Image.open(io.BytesIO(stored)).size == (256, 256)
