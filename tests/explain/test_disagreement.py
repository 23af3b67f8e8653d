"""Ranks of two maps against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from survviz.errors import InputError
from survviz.explain.disagreement import disagreement, percentile_ranks

MAPS = arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


@given(MAPS)
def test_ranks_are_those_of_scipy(values: np.ndarray) -> None:
    np.testing.assert_allclose(percentile_ranks(values), (rankdata(values) - 0.5) / len(values))


@given(MAPS)
def test_a_map_agrees_with_itself_and_with_its_negative(values: np.ndarray) -> None:
    assert (disagreement(np.abs(values), values) == 0).all()
    assert (disagreement(np.abs(values), -values) == 0).all()


def test_looked_at_without_effect_is_above_zero_and_effect_unseen_below() -> None:
    found = disagreement(np.array([0.7, 0.2, 0.1]), np.array([0.01, 0.5, -0.9]))
    np.testing.assert_allclose(found, [2 / 3, 0, -2 / 3])


def test_every_row_is_ranked_by_itself() -> None:
    rows = np.array([[3.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(percentile_ranks(rows), [[0.75, 0.25], [0.25, 0.75]])


def test_maps_of_different_patches_are_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        disagreement(np.zeros(3), np.zeros(4))
