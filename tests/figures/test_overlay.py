from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from survviz.errors import InputError
from survviz.figures.colours import colour_table
from survviz.figures.overlay import bar_length_um, blend, overlay_png, paint
from survviz.types import PatchScores


def test_each_patch_is_painted_on_its_own_pixels(scores: PatchScores) -> None:
    picture = paint(scores, (96, 64), (96, 64), scale="linear")
    assert (picture[32:64, 0:32, :3] == colour_table()[255]).all()
    assert not (picture[:32, :32, :3] == colour_table()[255]).all()


@pytest.mark.parametrize("size", [(96, 64), (48, 32), (144, 96), (71, 47), (9, 6)])
def test_neighbouring_patches_abut_at_every_size(scores: PatchScores, size: tuple[int, int]) -> None:
    assert (paint(scores, (96, 64), size)[..., 3] == 255).all()


def test_outside_the_patches_the_slide_is_untouched(scores: PatchScores) -> None:
    thumbnail = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)
    out = blend(thumbnail, scores, (200, 100), opacity=0.5, colours="viridis", scale="log2")
    np.testing.assert_array_equal(out[64:], thumbnail[64:])
    np.testing.assert_array_equal(out[:, 96:], thumbnail[:, 96:])
    assert (out[:64, :96] != thumbnail[:64, :96]).any()


def test_opacity_zero_shows_the_slide_and_one_the_map(scores: PatchScores) -> None:
    thumbnail = np.full((64, 96, 3), 200, dtype=np.uint8)
    np.testing.assert_array_equal(
        blend(thumbnail, scores, (96, 64), opacity=0, colours="viridis", scale="log2"), thumbnail
    )
    np.testing.assert_array_equal(
        blend(thumbnail, scores, (96, 64), opacity=1, colours="viridis", scale="log2"),
        paint(scores, (96, 64), (96, 64))[..., :3],
    )


def test_png_carries_slide_and_legend(scores: PatchScores) -> None:
    thumbnail = np.full((320, 480, 3), 230, dtype=np.uint8)
    image = Image.open(io.BytesIO(overlay_png(thumbnail, scores, (96, 64), mpp=0.5)))
    assert image.width == 480
    assert image.height > 320


def test_a_slide_of_one_patch_column_and_no_patch_is_painted_empty(scores_of: Callable[..., PatchScores]) -> None:
    assert paint(scores_of([]), (96, 64), (96, 64)).max() == 0


def test_wrong_opacity_and_grey_thumbnail_are_refused(scores: PatchScores) -> None:
    thumbnail = np.zeros((4, 6, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="0 to 1"):
        overlay_png(thumbnail, scores, (96, 64), opacity=1.5)
    with pytest.raises(InputError, match="height, width, 3"):
        overlay_png(thumbnail[..., 0], scores, (96, 64))


@pytest.mark.parametrize(("room", "length"), [(1.0, 1.0), (1.9, 1.0), (4999.0, 2000.0), (5000.0, 5000.0), (0.3, 0.2)])
def test_scale_bar_is_the_longest_round_length_that_fits(room: float, length: float) -> None:
    assert bar_length_um(room) == pytest.approx(length)


@pytest.mark.parametrize("room", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_bar_without_room_is_refused(room: float) -> None:
    with pytest.raises(InputError):
        bar_length_um(room)
