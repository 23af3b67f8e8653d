"""Patches that look alike: equal to a slow, obvious search."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.errors import InputError
from survviz.types import Bag
from survviz.units import Mpp
from survviz.wsi import similarity
from survviz.wsi.similarity import Standard, most_alike, similarities


def grid_bag(n_side: int = 12, dim: int = 7, seed: int = 0, slide_id: str = "slide") -> Bag:
    """Patches of 256 px on a full grid, with features that share a large mean, as encoders' do."""
    rng = np.random.default_rng(seed)
    coords = np.mgrid[0:n_side, 0:n_side][::-1].reshape(2, -1).T * 256
    features = 5 + rng.normal(size=(n_side * n_side, dim)) * rng.uniform(0.1, 3, dim)
    return Bag(slide_id, features.astype(np.float32), coords.astype(np.int64), 256, Mpp(0.5), "none")


def brute_force(bag: Bag, index: int, count: int) -> list[int]:
    """Every pair in float64, one after the other."""
    values = bag.features.astype(np.float64)
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    cosine = [float(row @ z[index] / np.linalg.norm(row) / np.linalg.norm(z[index])) for row in z]
    chosen: list[int] = []
    for candidate in sorted(range(len(bag)), key=lambda i: -cosine[i]):
        far = [np.abs(bag.coords[candidate] - bag.coords[other]).max() >= 512 for other in [index, *chosen]]
        if all(far) and len(chosen) < count:
            chosen.append(candidate)
    return chosen


@pytest.mark.parametrize("index", [0, 65, 143])
def test_result_is_that_of_brute_force(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "CHUNK_ROWS", 10)
    bag = grid_bag()
    found = most_alike(bag, bag.features[index], Standard.of(bag.features), 12, without=index)
    assert [one.index for one in found] == brute_force(bag, index, 12)


def test_no_two_results_touch_each_other_or_the_patch() -> None:
    bag = grid_bag()
    found = most_alike(bag, bag.features[20], Standard.of(bag.features), 50, without=20)
    places = bag.coords[[20, *(one.index for one in found)]]
    distance = np.abs(places[:, None] - places[None]).max(axis=2)
    assert distance[~np.eye(len(places), dtype=bool)].min() >= 512


def test_a_patch_is_most_like_itself_when_nothing_is_left_out() -> None:
    bag = grid_bag()
    (first,) = most_alike(bag, bag.features[7], Standard.of(bag.features), 1)
    assert (first.index, first.similarity) == (7, pytest.approx(1, abs=1e-6))


def test_unit_and_offset_of_a_feature_do_not_matter() -> None:
    bag = grid_bag()
    other = bag.features * np.float32(40) - np.float32(1000)
    standard = Standard.of(bag.features)
    before = similarities(bag.features, bag.features[3], standard)
    np.testing.assert_allclose(similarities(other, other[3], Standard.of(other)), before, atol=1e-3)


def test_a_feature_that_never_changes_has_no_influence() -> None:
    bag = grid_bag()
    constant = np.concatenate([bag.features, np.full((len(bag), 1), 3.7, np.float32)], axis=1)
    np.testing.assert_allclose(
        similarities(constant, constant[3], Standard.of(constant)),
        similarities(bag.features, bag.features[3], Standard.of(bag.features)),
        atol=1e-6,
    )


def test_half_precision_gives_nearly_the_same() -> None:
    bag = grid_bag()
    half = bag.features.astype(np.float16)
    exact = similarities(bag.features, bag.features[3], Standard.of(bag.features))
    np.testing.assert_allclose(similarities(half, half[3], Standard.of(half)), exact, atol=0.02)


def test_other_width_is_refused() -> None:
    bag = grid_bag()
    with pytest.raises(InputError, match="same encoder"):
        similarities(bag.features, np.zeros(5), Standard.of(bag.features))
