"""The montage: patches where they belong, and a true scale bar."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from survviz.errors import InputError
from survviz.figures.montage import CAPTION, FRAME, GAP, LINE, MARGIN, montage

SIDE = 64


def plain(level: int) -> NDArray[np.uint8]:
    return np.full((SIDE, SIDE, 3), level, np.uint8)


def read(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_patches_stand_row_by_row_with_their_own_pixels() -> None:
    sheet = read(montage([plain(30 * i) for i in range(7)], list("abcdefg"), columns=3))
    for i in range(7):
        row, column = divmod(i, 3)
        y, x = MARGIN + row * (SIDE + CAPTION + GAP), MARGIN + column * (SIDE + GAP)
        assert (sheet[y : y + SIDE, x : x + SIDE] == 30 * i).all()
        assert (sheet[y : y + SIDE, x - 1] == 255).all()


def test_size_is_that_of_grid_title_and_foot() -> None:
    sheet = read(montage([plain(0)] * 50, ["1 · 8.4×"] * 50, lines=["50 highest patches", "what it means"]))
    assert sheet.shape == (
        MARGIN + 2 * LINE + GAP + 5 * (SIDE + CAPTION + GAP) + 2 * LINE + MARGIN,
        2 * MARGIN + 10 * (SIDE + GAP) - GAP,
        3,
    )


def test_long_lines_are_broken_and_never_widen_the_picture() -> None:
    short, long = (read(montage([plain(0)] * 50, [""] * 50, lines=["title", "word " * n])) for n in (1, 90))
    assert long.shape[1] == short.shape[1]
    assert (long.shape[0] - short.shape[0]) % LINE == 0
    assert long.shape[0] > short.shape[0] + 2 * LINE


@pytest.mark.parametrize(("um_per_pixel", "length"), [(1.0, 50), (0.5, 40), (2.0, 50)])
def test_scale_bar_is_as_long_as_it_says(um_per_pixel: float, length: int) -> None:
    sheet = read(montage([plain(255)], [""], um_per_pixel=um_per_pixel))
    row = sheet[-MARGIN - LINE - 9, MARGIN:, 0] < 40  # through the bar, above the research-use line
    assert np.argmin(row) == length


def test_unknown_scale_is_said_and_not_drawn() -> None:
    known, unknown = (montage([plain(255)], [""], um_per_pixel=one) for one in (0.5, None))
    assert known != unknown
    assert (read(unknown)[-MARGIN - LINE - 10, MARGIN : MARGIN + 1] == 255).all()


def test_frame_has_the_colour_of_the_map_and_leaves_the_middle() -> None:
    sheet = read(montage([plain(7)], [""], frames=["rgb(253, 231, 37)"]))
    assert sheet[MARGIN, MARGIN].tolist() == [253, 231, 37]
    inner = sheet[MARGIN + FRAME : MARGIN + SIDE - FRAME, MARGIN + FRAME : MARGIN + SIDE - FRAME]
    assert (inner == 7).all()


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="one size"):
        montage([plain(0), plain(0)[1:]], ["a", "b"])
    with pytest.raises(InputError, match="0 pictures"):
        montage([], [])
    with pytest.raises(InputError, match="caption"):
        montage([plain(0)], [])
