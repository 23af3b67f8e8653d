"""Deep Zoom tiles lie exactly where level 0 says, at every zoom."""

from __future__ import annotations

import io

import numpy as np
import openslide.deepzoom
import pytest
from PIL import Image

from survviz.errors import InputError
from survviz.wsi.slide import Slide, open_slide
from survviz.wsi.tiles import DeepZoom, TileCache
from tests.leica import write_scn


def stitched(zoom: DeepZoom, level: int) -> np.ndarray:
    width, height = zoom.level_dimensions[level]
    out = np.zeros((height, width, 3), np.uint8)
    columns, rows = zoom.level_tiles[level]
    for row in range(rows):
        for col in range(columns):
            tile = np.asarray(Image.open(io.BytesIO(zoom.tile_jpeg(level, col, row))))
            x, y = col * zoom.tile_size, row * zoom.tile_size
            out[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return out


def hot_square(width: int, height: int, x: int, y: int, side: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[y : y + side, x : x + side] = 255
    return image


@pytest.mark.parametrize("compression", ["zlib", "jpeg2000"])
@pytest.mark.parametrize(("levels", "size"), [(1, (2500, 1700)), (3, (2500, 1700)), (4, (2047, 1501))])
def test_a_hot_square_lies_at_its_level_0_coordinates_at_every_zoom(write_pyramid, compression, levels, size) -> None:
    x, y, side = 1024, 512, 512
    image = hot_square(*size, x, y, side)
    with open_slide(write_pyramid(image, levels=levels, compression=compression), probe=False) as slide:
        zoom = DeepZoom(slide)
        for level in range(zoom.levels - 8, zoom.levels):
            factor = 2 ** (zoom.levels - 1 - level)
            shown = stitched(zoom, level)[..., 0] > 127
            expected = np.zeros_like(shown)
            expected[y // factor : (y + side) // factor, x // factor : (x + side) // factor] = True
            assert shown.any()
            wrong = np.argwhere(shown != expected)
            assert len(wrong) == 0, f"zoom {level}: {len(wrong)} pixels off, first {wrong[:3]}"


@pytest.mark.parametrize("width", [2047, 2048, 2049, 2500])
def test_levels_and_sizes_are_those_of_the_deep_zoom_format(write_pyramid, width) -> None:
    path = write_pyramid(hot_square(width, 1700, 0, 0, 9))
    with open_slide(path, probe=False) as slide, openslide.OpenSlide(path) as reference:
        zoom = DeepZoom(slide)
        other = openslide.deepzoom.DeepZoomGenerator(reference, tile_size=256, overlap=0, limit_bounds=False)
        assert zoom.levels == other.level_count
        assert zoom.level_dimensions == other.level_dimensions
        assert zoom.level_tiles == other.level_tiles
        assert 'TileSize="256"' in zoom.dzi()
        assert f'<Size Width="{width}" Height="1700"/>' in zoom.dzi()
        assert zoom.level_dimensions[0] == (1, 1)
        assert Image.open(io.BytesIO(zoom.tile_jpeg(0, 0, 0))).size == (1, 1)


@pytest.mark.parametrize("corner", [(1536, 512), (801, 333)])
def test_a_slide_with_bounds_is_shown_whole_with_everything_in_its_place(tmp_path, corner) -> None:
    glass, x, y, side = (5000, 4000), 640, 256, 512
    scan = np.full((2048, 2560, 3), 200, np.uint8)
    scan[y : y + side, x : x + side] = 20
    write_scn(tmp_path / "leica.scn", glass, corner, scan)
    with open_slide(tmp_path / "leica.scn", probe=False) as slide:
        assert (slide.vendor, slide.dimensions, float(slide.mpp)) == ("leica", glass, 0.5)
        zoom = DeepZoom(slide)
        for level in range(zoom.levels - 4, zoom.levels):
            factor = 2 ** (zoom.levels - 1 - level)
            dark = np.argwhere(stitched(zoom, level)[..., 1] < 110) * factor
            found = [*dark.min(axis=0), *(dark.max(axis=0) + factor)]
            expected = np.array([corner[1] + y, corner[0] + x, corner[1] + y + side, corner[0] + x + side])
            assert np.abs(found - expected).max() <= factor, f"{factor} times smaller"


def test_neighbouring_tiles_meet_without_a_seam(formula_slide) -> None:
    slide, _ = formula_slide(5000, 3000)
    zoom = DeepZoom(slide)
    level = zoom.levels - 3
    smooth = stitched(zoom, level)[:, :900, 0].astype(int)
    steps = np.abs(np.diff(smooth, axis=1)).max(axis=0)
    assert steps[255] <= steps.max()
    assert steps.max() <= 12


@pytest.mark.parametrize("tile", [(-1, 0, 0), (13, 0, 0), (99, 0, 0), (12, 10, 0), (12, 0, 7), (12, -1, 0)])
def test_a_tile_that_does_not_exist_is_refused(formula_slide, tile) -> None:
    slide, _ = formula_slide(2500, 1700)
    with pytest.raises(InputError, match=r"was asked for"):
        DeepZoom(slide).tile_jpeg(*tile)


def test_low_zooms_of_a_flat_slide_read_it_once(formula_slide) -> None:
    slide, backend = formula_slide(6000, 5000)
    zoom = DeepZoom(slide)
    for level in range(zoom.levels - 2):
        stitched(zoom, level)
    blocks = sum(1 for _ in backend.reads)
    assert blocks < 60, "every zoom but the two finest comes from the overview"


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["CMU-1-Small-Region.svs", "test3-DAPI-2-387.ndpi", "small_vectra.qptiff", "boxes_0.dcm", "small.svs"]
)
def test_real_slides_give_tiles_at_every_zoom(shared_data, name) -> None:
    with open_slide(shared_data / "slides" / name, probe=False) as slide:
        zoom = DeepZoom(slide, 256)
        finest = zoom.levels - 1
        columns, rows = zoom.level_tiles[finest]
        for col, row in {(0, 0), (columns // 2, rows // 2), (columns - 1, rows - 1)}:
            tile = Image.open(io.BytesIO(zoom.tile_jpeg(finest, col, row)))
            exact = Image.fromarray(slide.read_region(col * 256, row * 256, 0, *tile.size))
            grey = [np.asarray(image.convert("L")).astype(int) for image in (tile, exact)]
            assert np.abs(grey[0] - grey[1]).mean() < 6  # what JPEG at quality 80 changes; colour it halves
        for level in range(max(1, zoom.levels - 3)):
            assert stitched(zoom, level).shape[:2] == zoom.level_dimensions[level][::-1]


@pytest.mark.real
def test_real_tiles_agree_with_openslides_own(shared_data) -> None:
    path = shared_data / "slides" / "CMU-1-Small-Region.svs"
    with open_slide(path, probe=False) as slide, openslide.OpenSlide(path) as reference:
        other = openslide.deepzoom.DeepZoomGenerator(reference, tile_size=256, overlap=0, limit_bounds=False)
        zoom = DeepZoom(slide, 256)
        for level, col, row in ((12, 3, 5), (11, 2, 3), (10, 1, 1)):
            mine = np.asarray(Image.open(io.BytesIO(zoom.tile_jpeg(level, col, row)))).astype(int)
            theirs = np.asarray(other.get_tile(level, (col, row)).convert("RGB")).astype(int)
            assert np.abs(mine - theirs).mean() < 8


def inner_tiles(slide: Slide, zoom: DeepZoom) -> list[tuple[int, int, int, int]]:
    """(level of the slide, zoom, column, row) of tiles that lie wholly inside, at zooms that the file stores."""
    tops = {int(level.downsample): index for index, level in enumerate(slide.levels) if level.downsample.is_integer()}
    return [
        (tops[2**shift], zoom.levels - 1 - shift, column, row)
        for shift in range(zoom.levels)
        if 2**shift in tops
        for column in range(slide.levels[tops[2**shift]].width // zoom.tile_size)
        for row in range(slide.levels[tops[2**shift]].height // zoom.tile_size)
    ]


@pytest.mark.parametrize("photometric", ["ycbcr", "rgb"])
@pytest.mark.parametrize("tile", [240, 256, 512])
def test_stored_jpeg_tiles_are_handed_on_and_show_the_very_pixels(
    write_pyramid, tissue_like, photometric, tile
) -> None:
    image = tissue_like(2500, 1700)
    path = write_pyramid(image, compression="jpeg", photometric=photometric, tile=(tile, tile))
    with open_slide(path, probe=False) as slide:
        zoom = DeepZoom(slide)
        assert zoom.tile_size == tile
        tiles = inner_tiles(slide, zoom)
        assert len(tiles) > 8
        for level, top, column, row in tiles:
            stored = slide.stored_jpeg(level, column, row, tile)
            assert stored is not None
            assert stored == zoom.tile_jpeg(top, column, row)
            shown = np.asarray(Image.open(io.BytesIO(stored)))
            np.testing.assert_array_equal(shown, slide.read_level(level, column * tile, row * tile, tile, tile))


def test_tiles_of_the_last_column_and_row_are_cut(write_pyramid, tissue_like) -> None:
    with open_slide(write_pyramid(tissue_like(2500, 1700), compression="jpeg"), probe=False) as slide:
        zoom = DeepZoom(slide)
        assert slide.stored_jpeg(0, 9, 6, 256) is None
        assert Image.open(io.BytesIO(zoom.tile_jpeg(zoom.levels - 1, 9, 6))).size == (2500 - 9 * 256, 1700 - 6 * 256)


@pytest.mark.parametrize("compression", ["zlib", "jpeg2000"])
def test_tiles_that_are_no_jpeg_are_encoded(write_pyramid, tissue_like, compression) -> None:
    with open_slide(write_pyramid(tissue_like(1100, 900), compression=compression), probe=False) as slide:
        assert slide.stored_jpeg(0, 1, 1, 256) is None
        assert slide.stored_jpeg(0, 1, 1, 512) is None


def test_one_stored_tile_costs_one_read_of_it_and_no_margin(formula_slide) -> None:
    slide, backend = formula_slide(4096, 4096)
    DeepZoom(slide, 256).tile_jpeg(12, 3, 5)
    assert backend.reads == [(3 * 256, 5 * 256)]


@pytest.mark.real
def test_stored_tiles_of_a_real_slide_are_those_of_openslide(shared_data) -> None:
    path = shared_data / "slides" / "CMU-1-Small-Region.svs"
    with open_slide(path, probe=False) as slide, openslide.OpenSlide(path) as reference:
        zoom = DeepZoom(slide)
        assert zoom.tile_size == 240
        for level, top, column, row in inner_tiles(slide, zoom):
            shown = np.asarray(Image.open(io.BytesIO(zoom.tile_jpeg(top, column, row))))
            theirs = reference.read_region((column * 240, row * 240), level, (240, 240)).convert("RGB")
            np.testing.assert_array_equal(shown, np.asarray(theirs))


def test_an_encoded_tile_is_kept_for_the_next_who_asks(formula_slide) -> None:
    slide, backend = formula_slide(4096, 4096)
    zoom = DeepZoom(slide, 256)
    first = zoom.tile_jpeg(12, 3, 5)
    assert zoom.tile_jpeg(12, 3, 5) == first
    assert len(backend.reads) == 1
    other, _ = formula_slide(4096, 4096)
    assert DeepZoom(other, 256).tile_jpeg(12, 4, 5) != first, "tiles of another slide are not mistaken for these"


def test_kept_tiles_take_no_more_than_their_share_of_memory() -> None:
    kept = TileCache(100)
    for number in range(10):
        kept.put((0, 0, 0, number), bytes(40))
    assert [number for number in range(10) if kept.get((0, 0, 0, number))] == [8, 9]
    kept.put((0, 0, 0, 9), bytes(60))
    assert len(kept.get((0, 0, 0, 9)) or b"") == 60
