"""JPEG tiles decoded where they shall lie: the same pixels as OpenSlide's, or the ordinary way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray

from survviz.errors import SlideError
from survviz.units import to_mpp
from survviz.wsi.grid import PatchGrid
from survviz.wsi.reader import iter_patches
from survviz.wsi.slide import Slide, open_slide

WIDTH, HEIGHT, TILE = 1300, 900, 256
ABOUT = f"Aperio Image Library v1.0\n{WIDTH}x{HEIGHT} (256x256) JPEG/RGB Q=75|AppMag = 20|MPP = 0.5"
COLOURS = {
    "halved": {"photometric": "ycbcr", "subsampling": (2, 2)},
    "whole": {"photometric": "ycbcr", "subsampling": (1, 1)},
    "rgb": {"photometric": "rgb", "compressionargs": {"outcolorspace": "rgb"}},
}


@pytest.fixture(params=sorted(COLOURS))
def svs(request: pytest.FixtureRequest, tmp_path: Path, tissue_like) -> Path:
    """Aperio's layout: two levels of JPEG tiles, the thumbnail between them."""
    image = tissue_like(WIDTH, HEIGHT)
    common = {"compression": "jpeg", "description": ABOUT, "metadata": None, "software": False}
    path = tmp_path / "plain.svs"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(image, tile=(TILE, TILE), **COLOURS[request.param], **common)
        tiff.write(np.ascontiguousarray(image[::8, ::8]), photometric="rgb", rowsperstrip=16, **common)
        tiff.write(np.ascontiguousarray(image[::4, ::4]), tile=(TILE, TILE), **COLOURS[request.param], **common)
    return path


def by_openslide(path: Path, x: int, y: int, side: int) -> NDArray[np.uint8]:
    with openslide.OpenSlide(path) as slide:
        return np.asarray(slide.read_region((x, y), 0, (side, side)).convert("RGB"))


def tiles_of(slide: Slide, side: int) -> list[tuple[int, int]]:
    """Whole tiles of level 0."""
    width, height = slide.dimensions
    return [(column, row) for row in range(height // side) for column in range(width // side)]


def test_every_whole_tile_is_openslides_pixel_by_pixel(svs: Path) -> None:
    with open_slide(svs) as slide:
        out = np.zeros((TILE, TILE, 3), np.uint8)
        for column, row in tiles_of(slide, TILE):
            assert slide.read_tile(0, column, row, out)
            np.testing.assert_array_equal(out, by_openslide(svs, column * TILE, row * TILE, TILE))


@pytest.mark.real
def test_every_whole_tile_of_a_scan_is_openslides_pixel_by_pixel(shared_data: Path) -> None:
    path, side = shared_data / "slides" / "CMU-1-Small-Region.svs", 240
    with open_slide(path) as slide:
        out = np.zeros((side, side, 3), np.uint8)
        for column, row in tiles_of(slide, side):
            assert slide.read_tile(0, column, row, out)
            np.testing.assert_array_equal(out, by_openslide(path, column * side, row * side, side))


@pytest.mark.parametrize("shift", [0, 100])
def test_patches_are_openslides_on_tiles_and_across_them(svs: Path, shift: int) -> None:
    rows, columns = np.mgrid[: (HEIGHT - shift) // TILE, : (WIDTH - shift) // TILE]
    coords = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.int64) * TILE + shift
    grid = PatchGrid(coords, TILE, TILE, to_mpp(0.5), np.ones(len(coords), np.float32))
    with open_slide(svs) as slide:
        patches = np.concatenate([batch for _, batch in iter_patches(slide, grid, batch_size=3)])
    for (x, y), patch in zip(coords, patches, strict=True):
        np.testing.assert_array_equal(patch, by_openslide(svs, int(x), int(y), TILE))


@pytest.mark.parametrize(("column", "row", "side"), [(5, 0, TILE), (0, 3, TILE), (0, 0, 128)])
def test_cut_tiles_and_other_sizes_go_the_ordinary_way(svs: Path, column: int, row: int, side: int) -> None:
    with open_slide(svs) as slide:
        assert not slide.read_tile(0, column, row, np.zeros((side, side, 3), np.uint8))


@pytest.mark.parametrize("compression", ["lzw", "deflate", "jpeg2000"])
def test_other_codecs_go_the_ordinary_way(write_pyramid, tissue_like, compression: str) -> None:
    with open_slide(write_pyramid(tissue_like(512, 512), mpp=0.5, compression=compression)) as slide:
        assert not slide.read_tile(0, 0, 0, np.zeros((TILE, TILE, 3), np.uint8))


def test_a_damaged_tile_is_an_error_in_words(svs: Path) -> None:
    grid = PatchGrid(np.array([[0, 0], [256, 0]]), TILE, TILE, to_mpp(0.5), np.ones(2, np.float32))
    with tifffile.TiffFile(svs) as tiff:
        page = tiff.series[0].levels[0].keyframe
        offset, count = page.dataoffsets[1], page.databytecounts[1]
    with open_slide(svs) as slide, svs.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(count))
        file.flush()
        with pytest.raises(SlideError, match="damaged"):
            list(iter_patches(slide, grid))
