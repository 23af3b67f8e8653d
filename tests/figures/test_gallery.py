"""Which patches a gallery shows; tests/e2e/test_patches.py compares the browser with this."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.errors import InputError
from survviz.figures.gallery import pick, shuffled
from survviz.types import PatchScores


def test_highest_lowest_and_a_repeatable_sample(scores: PatchScores) -> None:
    values, coords = scores.values, scores.coords
    assert pick(values, coords, "top", 2).tolist() == [3, 1]
    assert pick(values, coords, "bottom", 2).tolist() == [0, 2]
    assert sorted(pick(values, coords, "random", 99)) == list(range(6))
    np.testing.assert_array_equal(pick(values, coords, "random", 3), pick(values, coords, "random", 3))


def test_neighbours_of_what_is_shown_are_left_out(scores: PatchScores) -> None:
    assert pick(scores.values, scores.coords, "top", 6, min_distance=64).tolist() == [3, 5]


def test_an_empty_gallery_is_refused(scores: PatchScores) -> None:
    with pytest.raises(InputError, match="1 or more"):
        pick(scores.values, scores.coords, "top", 0)


def test_choice_leaves_out_patches_without_a_value() -> None:
    values = np.array([np.nan, 3.0, 1.0, np.nan, 2.0])
    coords = np.stack([np.arange(5) * 10, np.zeros(5, int)], axis=1)
    assert pick(values, coords, "top", 9).tolist() == [1, 4, 2]
    assert pick(values, coords, "bottom", 9).tolist() == [2, 4, 1]
    assert sorted(pick(values, coords, "random", 9)) == [1, 2, 4]
    assert pick(values, coords, "top", 9, min_distance=25).tolist() == [1, 4]


def test_shuffle_is_a_permutation_that_javascript_repeats() -> None:
    """The numbers are those of `shuffled(8, 0)` in survviz/server/web/gallery.js; the browser test compares more."""
    assert sorted(shuffled(1000)) == list(range(1000))
    assert shuffled(1000).tolist() != shuffled(1000, 1).tolist()
    assert abs(np.corrcoef(np.arange(5000), shuffled(5000))[0, 1]) < 0.05


def test_murmur_finaliser_has_its_published_values() -> None:
    """fmix32(1) = 0x514E28B7, fmix32(2) = 0x30F4C306, fmix32(3) = 0x85F0B427: so 0, 2, 1, 3 in ascending order."""
    assert shuffled(4).tolist() == [0, 2, 1, 3]
