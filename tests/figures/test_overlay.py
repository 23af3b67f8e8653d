from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survviz.errors import InputError
from survviz.figures.colours import SIGNED_TABLE, colour_table
from survviz.figures.overlay import bar_length_um, blend, greyed, paint
from survviz.figures.patch_map import PatchMap
from survviz.figures.scaling import Look

RAW = Look(scale="raw")


def test_each_patch_is_painted_on_its_own_pixels(patch_map: PatchMap) -> None:
    picture = paint(patch_map, (96, 64), (96, 64), RAW)
    assert (picture[32:64, 0:32, :3] == colour_table()[255]).all()
    assert not (picture[:32, :32, :3] == colour_table()[255]).all()


@pytest.mark.parametrize("size", [(96, 64), (48, 32), (144, 96), (71, 47), (9, 6)])
def test_neighbouring_patches_abut_at_every_size(patch_map: PatchMap, size: tuple[int, int]) -> None:
    assert (paint(patch_map, (96, 64), size)[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("slide_size", "size"), [((10007, 6011), (1600, 961)), ((4443, 3567), (1600, 1285)), ((1003, 777), (301, 233))]
)
def test_hot_square_lies_where_it_is_on_the_slide(slide_size: tuple[int, int], size: tuple[int, int]) -> None:
    corner, side = (slide_size[0] // 2 + 13, slide_size[1] // 3 + 7), 97
    coords = np.array([corner], dtype=np.int32)
    hot = PatchMap("attention", "a", "b", "all", "s", np.ones(1, np.float32), coords, side)
    rows, columns = np.nonzero(paint(hot, slide_size, size)[..., 3])
    for first, last, edge, whole, pixels in (
        (columns.min(), columns.max() + 1, corner[0], slide_size[0], size[0]),
        (rows.min(), rows.max() + 1, corner[1], slide_size[1], size[1]),
    ):
        assert abs(first - edge * pixels / whole) <= 0.5
        assert abs(last - (edge + side) * pixels / whole) <= 0.5


def test_smooth_map_keeps_its_place_and_its_mean_but_blends_neighbours(patch_map: PatchMap) -> None:
    size = (192, 128)
    sharp = paint(patch_map, (96, 64), size, RAW)
    soft = paint(patch_map, (96, 64), size, replace(RAW, smooth=True))
    assert (soft[..., 3] == 255).all()
    assert len(np.unique(soft.reshape(-1, 4), axis=0)) > len(np.unique(sharp.reshape(-1, 4), axis=0))
    np.testing.assert_allclose(soft[96, 32].astype(int), sharp[96, 32], atol=1)  # the middle of the hot patch
    np.testing.assert_allclose(soft[..., :3].mean(axis=(0, 1)), sharp[..., :3].mean(axis=(0, 1)), atol=2)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("opacity", [0.0, 0.2, 0.55, 1.0])
@pytest.mark.parametrize("size", [(200, 100), (71, 47), (9, 6), (3, 2)])
def test_pictures_are_the_mean_of_slide_and_map_by_opacity(
    patch_map: PatchMap, size: tuple[int, int], opacity: float, smooth: bool
) -> None:
    thumbnail = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    look = Look(opacity=opacity, smooth=smooth, threshold=0.4)
    layer = paint(patch_map, (200, 100), size, look).astype(float)
    weight = np.rint(layer[..., 3:] * opacity) / 255
    expected = thumbnail * (1 - weight) + layer[..., :3] * weight
    out = blend(thumbnail, patch_map, (200, 100), look)
    np.testing.assert_allclose(out, expected, atol=0.5 + 1e-9)


def test_outside_the_patches_the_slide_is_untouched(patch_map: PatchMap) -> None:
    thumbnail = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)
    out = blend(thumbnail, patch_map, (200, 100), Look(opacity=0.5))
    np.testing.assert_array_equal(out[64:], thumbnail[64:])
    np.testing.assert_array_equal(out[:, 96:], thumbnail[:, 96:])
    assert (out[:64, :96] != thumbnail[:64, :96]).any()


def test_opacity_zero_shows_the_slide_and_one_the_map(patch_map: PatchMap) -> None:
    thumbnail = np.full((64, 96, 3), 200, dtype=np.uint8)
    np.testing.assert_array_equal(blend(thumbnail, patch_map, (96, 64), Look(opacity=0)), thumbnail)
    np.testing.assert_array_equal(
        blend(thumbnail, patch_map, (96, 64), Look(opacity=1)), paint(patch_map, (96, 64), (96, 64))[..., :3]
    )


def test_signed_map_is_painted_violet_and_orange_over_a_grey_slide(signed_map: PatchMap) -> None:
    thumbnail = np.full((100, 200, 3), (230, 120, 200), dtype=np.uint8)
    out = blend(thumbnail, signed_map, (200, 100), Look(opacity=1))
    assert (out[80, 150] == round(230 * 0.2126 + 120 * 0.7152 + 200 * 0.0722)).all()
    np.testing.assert_array_equal(out[40, 10], colour_table(SIGNED_TABLE)[255])
    assert out[10, 10, 2] > out[10, 10, 1]


def test_grey_keeps_luminance() -> None:
    assert greyed(np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8))[0, :, 0].tolist() == [255, 0, 54]


def test_hidden_patches_show_the_slide(patch_map: PatchMap) -> None:
    thumbnail = np.full((64, 96, 3), 200, dtype=np.uint8)
    out = blend(thumbnail, patch_map, (96, 64), Look(scale="raw", threshold=0.5, opacity=1))
    assert (out[:32] == 200).all()
    assert (out[32:, :32] != 200).any()


def test_a_slide_of_no_patch_is_painted_empty(patch_map: PatchMap) -> None:
    nothing = replace(patch_map, values=np.empty(0, np.float32), coords=np.empty((0, 2), np.int32))
    assert paint(nothing, (96, 64), (96, 64)).max() == 0
    assert paint(nothing, (96, 64), (96, 64), Look(smooth=True)).max() == 0


def test_a_grey_thumbnail_is_refused(patch_map: PatchMap) -> None:
    with pytest.raises(InputError, match="height, width, 3"):
        blend(np.zeros((4, 6), np.uint8), patch_map, (96, 64))


@pytest.mark.parametrize(("room", "length"), [(1.0, 1.0), (1.9, 1.0), (4999.0, 2000.0), (5000.0, 5000.0), (0.3, 0.2)])
def test_scale_bar_is_the_longest_round_length_that_fits(room: float, length: float) -> None:
    assert bar_length_um(room) == pytest.approx(length)


@pytest.mark.parametrize("room", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_bar_without_room_is_refused(room: float) -> None:
    with pytest.raises(InputError):
        bar_length_um(room)
