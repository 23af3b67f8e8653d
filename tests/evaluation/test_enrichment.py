"""Regions under a map: closed forms, and tests against chance that hold their level on autocorrelated noise."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError
from survviz.evaluation.coverage import coverage
from survviz.evaluation.enrichment import enrichment
from survviz.evaluation.region_scores import cover_regions, score_regions
from survviz.evaluation.spatial_null import Lattice, grid_step, p_value, shift_test, shuffle_test

SIDE = 256


def grid(columns: int, rows: int) -> NDArray[np.int64]:
    return np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2) * SIDE


# ---- coverage


def test_cover_is_the_area_of_polygon_and_patch() -> None:
    triangle = shapely.Polygon([(0, 0), (SIDE, 0), (0, SIDE)])
    ring = shapely.Polygon(
        shapely.box(0, 0, 2 * SIDE, 2 * SIDE).exterior, [shapely.box(64, 64, 192, 192).exterior.coords]
    )
    found = coverage(grid(2, 2), SIDE, [triangle, ring]).toarray()
    np.testing.assert_allclose(found, [[0.5, 0, 0, 0], [0.75, 1, 1, 1]], rtol=1e-12)


def pixels(low: int, high: int) -> st.SearchStrategy[float]:
    """Places in steps of 1/64 pixel: at 1e-300 pixels GEOS gives up."""
    return st.integers(64 * low, 64 * high).map(lambda steps: steps / 64)


@given(st.lists(st.tuples(pixels(-100, 2100), pixels(-100, 1600)), min_size=3, max_size=12, unique=True))
@settings(max_examples=40, deadline=None)
def test_cover_adds_up_to_the_area_inside_the_grid(points: list[tuple[float, float]]) -> None:
    area = shapely.make_valid(shapely.Polygon(points))
    inside = shapely.intersection(area, shapely.box(0, 0, 8 * SIDE, 6 * SIDE)).area
    assert coverage(grid(8, 6), SIDE, [shapely.Polygon(points)]).sum() * SIDE**2 == pytest.approx(inside, abs=1e-3)


def test_cutting_a_large_outline_changes_no_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    angle = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    radius = 2000 * (1 + 0.2 * np.sin(60 * angle))
    star = shapely.Polygon(np.stack([2500 + radius * np.cos(angle), 2500 + radius * np.sin(angle)], axis=1))
    cut = coverage(grid(20, 20), SIDE, [star]).toarray()
    boxes = [shapely.box(x, y, x + SIDE, y + SIDE) for x, y in grid(20, 20)]
    slow = [star.intersection(box).area / SIDE**2 for box in boxes]
    np.testing.assert_allclose(cut[0], slow, atol=1e-9)


def test_regions_of_a_class_that_overlap_count_once() -> None:
    areas = [shapely.box(0, 0, 512, 256), shapely.box(256, 0, 768, 256), shapely.box(768, 0, 1024, 256)]
    found = cover_regions(grid(4, 1), SIDE, areas, ["a", "a", "b"])
    assert found.levels == ("region", "region", "region", "class", "class", "all")
    np.testing.assert_allclose(found.cover.toarray()[3:], [[1, 1, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]])


# ---- statistics


def test_closed_form_of_shares_and_enrichment() -> None:
    found = enrichment([4, 2, 1, 1], [1, 0.5, 0, 0])
    assert found.share_of_area == 1.5 / 4
    assert found.share_of_map == 5 / 8
    assert found.enrichment == pytest.approx((5 / 8) / (1.5 / 4))
    assert found.mean_inside == pytest.approx(5 / 1.5)
    assert found.mean_outside == pytest.approx(3 / 2.5)


def test_a_flat_map_is_enriched_nowhere() -> None:
    assert enrichment(np.full(10, 0.3), np.linspace(0, 1, 10)).enrichment == pytest.approx(1)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.floats(0.001, 1000), st.randoms())
@settings(max_examples=50, deadline=None)
def test_enrichment_does_not_depend_on_the_unit_of_the_map(values: list[float], unit: float, random) -> None:
    share = np.array([random.random() for _ in values]) + 0.01
    if sum(values) < 1e-3:
        return
    cover = np.minimum(share, 1)
    one, other = enrichment(values, cover), enrichment(np.array(values) * unit, cover)
    assert one.enrichment == pytest.approx(other.enrichment, rel=1e-9)
    assert one.share_of_map == pytest.approx(other.share_of_map, rel=1e-9)


def test_signed_map_is_compared_by_means() -> None:
    found = enrichment([-2, 1, 3], [1, 0, 0], signed=True)
    assert (found.share_of_map, found.enrichment) == (None, None)
    assert found.difference == pytest.approx(-2 - 2)


def test_patches_without_a_value_are_left_out() -> None:
    assert enrichment([1, np.nan, 1], [1, 1, 0]).n_without_value == 1
    assert enrichment([1, np.nan, 1], [1, 1, 0]).share_of_area == 0.5


def test_undefined_cases_raise_in_words() -> None:
    with pytest.raises(UndefinedMetricError, match="covers no patch"):
        enrichment([1, 2], [0, 0])
    with pytest.raises(UndefinedMetricError, match="zero on every patch"):
        enrichment([0, 0], [1, 0])
    with pytest.raises(InputError, match="negative values"):
        enrichment([-1, 0], [1, 0])
    with pytest.raises(InputError, match="shares, 0 to 1"):
        enrichment([1, 0], [1, 2])


# ---- tests against chance


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> NDArray[np.float64]:
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return smooth / smooth.std()


def blob(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    hills = noise(rng, shape, 4)
    return (hills > np.quantile(hills, 0.8)).astype(float)


def tissue(shape: tuple[int, int]) -> NDArray[np.bool_]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - 20) ** 2 / 18**2 + (x - 20) ** 2 / 14**2 < 1) | ((y - 8) ** 2 + (x - 32) ** 2 < 36)


@pytest.mark.parametrize("where", ["torus", "tissue"])
@pytest.mark.parametrize("signed", [False, True])
def test_shifts_hold_their_level_on_autocorrelated_noise_and_shuffling_does_not(where: str, signed: bool) -> None:
    shape = (40, 40)
    mask = np.ones(shape, bool) if where == "torus" else tissue(shape)
    coords = np.argwhere(mask)[:, ::-1] * SIDE
    rng = np.random.default_rng(3)
    shifted, shuffled = [], []
    for trial in range(200):
        hills = noise(rng, shape, 3)[mask]
        values, cover = hills if signed else np.exp(hills), csr_array(blob(rng, shape)[mask][None])
        shifted.append(shift_test(values, coords, SIDE, cover, n_permutations=99, seed=trial, signed=signed)[0].p)
        shuffled.append(shuffle_test(values, cover, n_permutations=99, seed=trial, signed=signed)[0].p)
    # a binomial with 200 trials of chance 0.05 exceeds 0.095 in 0.4 %
    assert np.mean(np.array(shifted) <= 0.05) <= 0.095
    assert np.mean(np.array(shuffled) <= 0.05) > 0.5


def test_shifts_find_what_was_planted() -> None:
    shape = (40, 40)
    mask = tissue(shape)
    coords = np.argwhere(mask)[:, ::-1] * SIDE
    rng = np.random.default_rng(4)
    found = []
    for trial in range(50):
        region = blob(rng, shape)[mask]
        values = np.exp(noise(rng, shape, 1.5)[mask] + 1.5 * region)
        found.append(shift_test(values, coords, SIDE, csr_array(region[None]), n_permutations=199, seed=trial)[0].p)
    assert np.mean(np.array(found) <= 0.05) > 0.9


def test_shift_equals_moving_the_map_by_hand() -> None:
    rng = np.random.default_rng(5)
    columns, rows = 8, 6  # sizes that a fast transform takes as they are
    values, share = rng.random((rows, columns)), (rng.random((rows, columns)) < 0.3).astype(float)
    by_hand = [
        (np.roll(values, (dy, dx), (0, 1)) * share).sum() / share.sum() / values.mean()
        for dy in range(rows)
        for dx in range(columns)
    ]
    expected = p_value(by_hand[0], np.array(by_hand[1:]), "greater")
    got = shift_test(values.ravel(), grid(columns, rows), SIDE, csr_array(share.reshape(1, -1)), alternative="greater")[
        0
    ]
    assert (got.p, got.n_permutations) == (pytest.approx(expected), rows * columns - 1)
    assert got.statistic == pytest.approx(by_hand[0])


def test_quarter_turns_equal_turning_the_map_by_hand() -> None:
    rng = np.random.default_rng(6)
    values, share = rng.random((6, 6)), (rng.random((6, 6)) < 0.3).astype(float)
    by_hand = [
        (np.roll(np.rot90(values, turn), (dy, dx), (0, 1)) * share).sum() / share.sum() / values.mean()
        for turn in range(4)
        for dy in range(6)
        for dx in range(6)
    ]
    got = shift_test(
        values.ravel(), grid(6, 6), SIDE, csr_array(share.reshape(1, -1)), alternative="less", rotations=True
    )[0]
    assert got.n_permutations == 4 * 36 - 1
    assert got.p == pytest.approx(p_value(by_hand[0], np.array(by_hand[1:]), "less"))


def test_same_seed_same_p_and_a_flat_map_has_p_one() -> None:
    rng = np.random.default_rng(7)
    values, cover = rng.random(1600), csr_array(blob(rng, (40, 40)).reshape(1, -1))
    one, two = (shift_test(values, grid(40, 40), SIDE, cover, n_permutations=99, seed=1)[0] for _ in range(2))
    assert one == two
    assert shift_test(np.ones(1600), grid(40, 40), SIDE, cover, n_permutations=99)[0].p == 1


def test_a_region_that_cannot_be_tested_says_why() -> None:
    cover = csr_array(np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]))
    few, none = shift_test([1, 2, 3, 4], grid(2, 2), SIDE, cover)
    assert few.p is None
    assert "Only 3 shifts" in few.reason
    assert "covers no patch" in none.reason
    with pytest.raises(InputError, match="expected greater, less, two-sided"):
        p_value(1.0, np.ones(3), "both")  # pyright: ignore[reportArgumentType]


def test_patches_of_several_origins_share_one_torus() -> None:
    coords = np.concatenate([grid(4, 4), grid(4, 4) + np.array([5 * SIDE + 37, 101])])
    assert grid_step(coords, SIDE) == SIDE
    lattice = Lattice.of(coords, SIDE)
    assert len(set(lattice.cells.tolist())) == len(coords)
    assert grid_step(grid(4, 4) // 2, SIDE) == SIDE / 2  # patches that overlap by half


def test_scores_have_a_row_per_region_class_and_all() -> None:
    rng = np.random.default_rng(8)
    areas = [shapely.box(0, 0, 2000, 2000), shapely.box(5000, 0, 7000, 2000), shapely.box(90000, 0, 90500, 500)]
    cover = cover_regions(grid(30, 30), SIDE, areas, ["tumour", "tumour", ""])
    rows = score_regions(rng.random(900), grid(30, 30), SIDE, cover, n_permutations=99)
    assert [(row.level, row.name, row.count) for row in rows] == [
        ("region", "tumour", 1), ("region", "tumour", 1), ("region", "", 1),
        ("class", "tumour", 2), ("class", "", 1), ("all", "all", 3),
    ]  # fmt: skip
    assert rows[2].found is None
    assert "covers no patch" in rows[2].reason
    assert rows[3].found is not None
    assert rows[3].found.area == pytest.approx(2 * 2000**2 / SIDE**2)
