"""What tokens look at: effect sizes of known sets, overlaps of known sets."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.token_tissue import n_top, overlap, tokens_on_tissue, top_patches, why_no_names
from survviz.types import Bag, PatchScores
from survviz.units import Mpp
from survviz.wsi.encoders.meanings import descriptor_meanings


def scores_of(values: np.ndarray, slide: str = "S") -> PatchScores:
    coords = np.zeros((len(values), 2), dtype=np.int64)
    return PatchScores("attention", "clinical", "pathology", "all", slide, values, values[None], coords, 8, 1, "")


def bag_of(features: np.ndarray, slide: str = "S", encoder: str = "he-descriptor") -> Bag:
    return Bag(slide, features, np.zeros((len(features), 2), dtype=np.int64), 8, Mpp(0.5), encoder)


@pytest.fixture
def bag() -> Bag:
    rng = np.random.default_rng(0)
    return bag_of(rng.gamma(2.0, size=(200, len(descriptor_meanings()))).round(1).astype(np.float32))


def test_delta_is_the_share_of_pairs_with_more_minus_the_share_with_less(bag: Bag) -> None:
    attention = np.random.default_rng(1).random(200)
    (found,) = tokens_on_tissue({"clinical": {"Stage": [scores_of(attention)]}}, [bag])
    top = attention >= np.sort(attention)[-40]
    assert (found.n_top, found.n_patches) == (40, 200)
    names = [meaning.name for meaning in descriptor_meanings()]
    for row in found.descriptors:
        column = bag.features[:, names.index(row.meaning.name)]
        pairs = np.sign(column[top][:, None] - column[~top][None])
        assert row.delta == pytest.approx(pairs.mean(), abs=1e-12)
        assert row.top == pytest.approx(row.meaning.natural(float(np.median(column[top]))), rel=1e-6)
    sizes = [abs(row.delta) for row in found.descriptors]
    assert sizes == sorted(sizes, reverse=True)


def test_a_token_that_follows_a_number_is_found_out_with_its_sign(bag: Bag) -> None:
    at = next(i for i, meaning in enumerate(descriptor_meanings()) if meaning.headline)
    number = bag.features[:, at].astype(np.float64) + np.linspace(0, 1e-6, 200)
    up, down = tokens_on_tissue({"clinical": {"A": [scores_of(number)], "B": [scores_of(-number)]}}, [bag])
    assert up.descriptors[0].meaning is descriptor_meanings()[at]
    assert up.descriptors[0].delta > 0.95
    assert down.descriptors[0].delta < -0.95


def test_chance_is_exceeded_by_five_percent_of_random_tops(bag: Bag) -> None:
    rng = np.random.default_rng(2)
    maps = {f"t{i}": [scores_of(rng.random(200))] for i in range(100)}
    found = tokens_on_tissue({"clinical": maps}, [bag])
    share = np.mean([abs(row.delta) > one.chance for one in found for row in one.descriptors])
    assert 0.035 < share < 0.065


def test_slides_count_as_one_case(bag: Bag) -> None:
    attention = np.random.default_rng(3).random(200)
    halves = [replace(bag, slide_id=name, features=bag.features[at]) for name, at in slides().items()]
    maps = {"clinical": {"A": [scores_of(attention[at], name) for name, at in slides().items()]}}
    whole = tokens_on_tissue({"clinical": {"A": [scores_of(attention)]}}, [bag])
    assert tokens_on_tissue(maps, [replace(half, coords=half.coords[:100]) for half in halves]) == whole


def slides() -> dict[str, slice]:
    return {"one": slice(0, 100), "two": slice(100, 200)}


def test_overlap_and_its_chance_are_those_of_all_pairs_of_sets() -> None:
    values = np.zeros(30)
    values[:6] = 1
    other = np.zeros(30)
    other[4:10] = 1
    found = overlap([scores_of(values)], [scores_of(other)], names=("Clinic", "Genomic"))
    assert (found.n_top, found.shared, found.share) == (6, 2, pytest.approx(1 / 3))
    assert found.jaccard == pytest.approx(2 / 10)
    shared = np.array([len(set(one) & set(range(6))) for one in combinations(range(30), 6)])
    assert found.expected == pytest.approx(shared.mean())
    assert found.p == pytest.approx((shared >= 2).mean())
    assert found.low <= np.quantile(shared, 0.025)
    assert found.high >= np.quantile(shared, 0.975)


def test_a_map_shares_all_with_itself_and_nothing_with_its_opposite() -> None:
    scores = scores_of(np.random.default_rng(0).random(500))
    same = overlap([scores], [scores], names=("a", "b"))
    assert (same.shared, same.jaccard, same.n_top) == (50, 1, 50)
    assert same.p < 1e-50
    apart = overlap([scores], [replace(scores, values=-scores.values)], names=("a", "b"))
    assert (apart.shared, apart.jaccard, apart.p) == (0, 0, 1)


def test_ties_go_to_the_first_patch() -> None:
    assert top_patches([scores_of(np.ones(50))]).tolist() == [True] * 10 + [False] * 40


def test_small_cases_have_a_smaller_top_and_tiny_ones_none() -> None:
    assert [n_top(count) for count in (25, 100, 250, 10_000)] == [5, 20, 50, 50]
    with pytest.raises(InputError, match="24 patches"):
        n_top(24)


def test_an_encoder_without_names_is_said_in_words(bag: Bag) -> None:
    foreign = replace(bag, encoder="uni")
    with pytest.raises(InputError, match="uni have no names"):
        tokens_on_tissue({"clinical": {"A": [scores_of(np.ones(200))]}}, [foreign])
    assert "one" in why_no_names([bag, foreign])
    assert why_no_names([bag]) == ""


def test_maps_of_other_slides_are_refused_in_words(bag: Bag) -> None:
    with pytest.raises(InputError, match="the case has"):
        tokens_on_tissue({"clinical": {"A": [scores_of(np.ones(100))]}}, [bag])
    with pytest.raises(InputError, match="same slides"):
        overlap([scores_of(np.ones(100))], [scores_of(np.ones(200))], names=("a", "b"))


def test_tokens_of_the_demo_case_look_at_tissue_unlike_the_rest(
    predictor: Predictor, cohort: Cohort, held_out: str
) -> None:
    case = cohort.case(held_out)
    maps = {group: predictor.explain_tokens(case, query=group) for group in ("clinical", "genomic")}
    found = tokens_on_tissue(maps, case.bags)
    names = [(one.group, one.token) for one in found]
    assert names[0] == ("clinical", "all")
    assert len(names) == sum(1 + len(predictor.tokens(group)) for group in maps)
    assert all(abs(one.descriptors[0].delta) > one.chance for one in found)
