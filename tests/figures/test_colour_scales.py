from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from survviz.errors import UnknownNameError
from survviz.figures.colours import COLOUR_TABLES, colour_table, translucent
from survviz.figures.scaling import colour_bar_ticks, colour_positions, percentiles
from survviz.types import PatchScores


def test_uniform_map_sits_in_the_middle_of_the_log_scale(scores_of: Callable[..., PatchScores]) -> None:
    np.testing.assert_allclose(colour_positions(scores_of([0.25] * 4)), 0.5)


def test_log_scale_spans_a_sixteenth_to_sixteen_times_uniform(scores_of: Callable[..., PatchScores]) -> None:
    values = np.full(64, 1 / 64)
    values[:3] = np.array([1 / 16, 16, 4]) / 64
    np.testing.assert_allclose(colour_positions(scores_of(list(values)))[:4], [0, 1, 0.75, 0.5])


def test_zero_attention_is_the_lowest_colour_not_an_error(scores_of: Callable[..., PatchScores]) -> None:
    assert colour_positions(scores_of([0.0, 1.0]))[0] == 0


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=40))
def test_percentiles_are_average_ranks(values: list[float]) -> None:
    expected = (rankdata(values) - 1) / (len(values) - 1)
    np.testing.assert_allclose(percentiles(np.array(values)), expected)


@pytest.mark.parametrize("scale", ["log2", "linear", "percentile"])
def test_every_scale_keeps_the_order_of_patches_and_labels_its_bar(scores: PatchScores, scale: str) -> None:
    positions = colour_positions(scores, scale)  # type: ignore[arg-type]
    assert ((positions >= 0) & (positions <= 1)).all()
    assert (np.diff(positions[np.argsort(scores.values, kind="stable")]) >= 0).all()
    ticks = colour_bar_ticks(scores, scale)  # type: ignore[arg-type]
    assert [ticks[0][0], ticks[-1][0]] == [0, 1]


def test_an_unknown_scale_is_named(scores: PatchScores) -> None:
    with pytest.raises(UnknownNameError, match="log2"):
        colour_positions(scores, "log")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", COLOUR_TABLES)
def test_lightness_of_every_colour_table_rises(name: str) -> None:
    luminance = (colour_table(name) / 255.0) ** 2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > -1e-3).all()
    assert luminance[-1] - luminance[0] > 0.5


def test_an_unknown_colour_table_is_named() -> None:
    with pytest.raises(UnknownNameError, match="viridis"):
        colour_table("jet")


def test_hex_becomes_rgba() -> None:
    assert translucent("#D55E00", 0.5) == "rgba(213, 94, 0, 0.5)"
