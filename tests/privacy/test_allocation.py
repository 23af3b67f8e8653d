"""Shares of epsilon, the relevance they follow, and what has no epsilon."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.errors import PrivacyError
from survviz.privacy.allocation import WHOLE, Allocation, proportional, two_thirds, uniform
from survviz.privacy.gaussian import analytic_sigma, gaussian_plan
from survviz.privacy.lattice import Numeric
from survviz.privacy.plausible import plausible_records
from survviz.privacy.published import PublishedRecipe, delta_needed, log_ratio
from survviz.privacy.release import ReleasePlan, Releaser
from survviz.privacy.relevance import Relevance, grouped, release_relevance, spread
from survviz.privacy.spec import NO_FINITE_EPSILON, PrivacySpec, odds_in_words

weights = st.lists(st.floats(0, 1e6), min_size=1, max_size=8)


def public(values: list[float]) -> Relevance:
    names = {f"f{number}": value for number, value in enumerate(values)}
    return Relevance(values=names, source="public", where="a published signature")


@settings(max_examples=30, deadline=None)
@given(weights, st.floats(0.01, 1))
def test_shares_add_up_to_one_exactly_and_none_is_zero(values: list[float], mix: float) -> None:
    relevance = public(values)
    for made in (
        uniform(list(relevance.values)),
        proportional(relevance, list(relevance.values), mix=mix),
        two_thirds(relevance, dict.fromkeys(relevance.values, 2.0), mix=mix),
    ):
        assert sum(made.share(name) for name in made.parts) == 1
        assert min(made.parts.values()) >= 1


def error(allocation: Allocation, relevance: Relevance, widths: dict[str, float]) -> float:
    """Relevance-weighted variance of Laplace noise, up to a factor."""
    shares = {name: float(allocation.share(name)) for name in allocation.parts}
    return sum((relevance.values[name] * widths[name] / shares[name]) ** 2 for name in shares)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=6), st.integers(0, 10**6))
def test_two_thirds_power_has_the_least_error(values: list[float], seed: int) -> None:
    relevance, random = public(values), np.random.default_rng(seed)
    widths = {name: float(random.uniform(0.1, 10)) for name in relevance.values}
    best = error(two_thirds(relevance, widths, mix=1e-9), relevance, widths)
    assert best <= error(uniform(list(widths)), relevance, widths) * (1 + 1e-3)
    assert best <= error(proportional(relevance, list(widths), mix=1e-9), relevance, widths) * (1 + 1e-3)
    raw = {name: (relevance.values[name] * widths[name]) ** (2 / 3) for name in widths}
    total = sum(raw.values())
    moved = {name: value / total * math.exp(random.normal(0, 0.2)) for name, value in raw.items()}
    shares = {name: value / sum(moved.values()) for name, value in moved.items()}
    other = sum((relevance.values[name] * widths[name] / shares[name]) ** 2 for name in shares)
    assert best <= other * (1 + 1e-3)


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(PrivacyError, match="add up"):
        Allocation(parts={"a": WHOLE, "b": 1}, rule="uniform")


def test_relevance_of_one_patient_moves_the_sum_by_at_most_two_shares() -> None:
    """The worst pair has all relevance on one name each; so the scale of the noise is 2 / (n epsilon)."""
    random = np.random.default_rng(0)
    relevance = np.zeros((4000, 3))
    relevance[:, 0] = random.choice([-5.0, 1e-3, 70.0], 4000)  # its size does not matter
    found = [release_relevance(relevance, "abc", 0.5).values for _ in range(400)]
    off = np.array([value["b"] for value in found])
    assert off.max() < 30 * 2 / (4000 * 0.5)
    assert off.mean() == pytest.approx(0.5 * 2 / (4000 * 0.5), rel=0.5)  # half of Laplace(scale) is above 0
    assert sum(found[0].values()) == pytest.approx(1.0)


def test_released_relevance_carries_its_price_and_private_does_not() -> None:
    released = release_relevance(np.ones((50, 2)), ["rna", "clinical"], 0.25, neighbour="add or remove one")
    assert released.source == "released"
    assert released.spec is not None
    assert (released.spec.ledger, released.spec.epsilon) == ("training", 0.25)
    with pytest.raises(PrivacyError, match="carries the guarantee"):
        Relevance(values={"a": 1.0}, source="released", where="somewhere")
    with pytest.raises(PrivacyError, match="missing numbers"):
        release_relevance(np.full((5, 1), np.nan), ["a"], 1.0)
    with pytest.raises(PrivacyError, match="one patient replaced"):
        release_relevance(np.ones((5, 1)), ["a"], 1.0, neighbour="any two records")


def test_groups_are_summed_and_dealt_back() -> None:
    summed, names = grouped(np.array([[1.0, -2.0, 4.0]]), ["rna", "rna", "cnv"])
    assert names == ("rna", "cnv")
    assert summed.tolist() == [[3.0, 4.0]]
    of_groups = Relevance(values={"rna": 3.0, "cnv": 4.0}, source="private", where="this cohort")
    dealt = spread(of_groups, {"rna": ["a", "b"], "cnv": ["c"]})
    assert dealt.values == {"a": 1.5, "b": 1.5, "c": 4.0}
    assert dealt.source == "private"


def test_published_recipe_has_no_finite_epsilon_and_says_why() -> None:
    private = Relevance(values={"a": 3.0, "b": 1.0}, source="private", where="gradients of the patient")
    coordinates = tuple(Numeric(name=name, lower=0, upper=1) for name in "ab")
    recipe = PublishedRecipe(coordinates, proportional(private, ["a", "b"]), nominal_epsilon=1.0)
    assert set(recipe.draw({"a": 0.2, "b": 0.9})) == {"a", "b"}
    assert recipe.spec.epsilon is None
    assert NO_FINITE_EPSILON in recipe.spec.words
    assert "far out" in recipe.spec.words
    with pytest.raises(PrivacyError, match="run them as a release plan"):
        PublishedRecipe(coordinates, uniform(["a", "b"]), nominal_epsilon=1.0)


def test_different_scales_lose_without_end() -> None:
    """Numbers of the example: nominal epsilon 1, rates 0.8 and 1.25."""
    rates = (0.8, 1.25)
    assert [round(log_ratio(output, rates), 1) for output in (10, 20, 40)] == [2.8, 7.3, 16.3]
    assert delta_needed(1.0, rates) == pytest.approx(0.128, abs=5e-4)
    assert delta_needed(4.0, rates) == pytest.approx(6.2e-4, rel=0.01)
    assert delta_needed(8.0, rates) == pytest.approx(5e-7, rel=0.05)
    assert delta_needed(1.0, (1.0, 1.0)) == pytest.approx(0.0, abs=1e-12)


def test_gaussian_noise_is_certified_and_follows_relevance() -> None:
    coordinates = [Numeric(name=f"f{number}", lower=0, upper=width) for number, width in enumerate((1.0, 2.0, 4.0))]
    even = gaussian_plan(coordinates, 2.0, 1e-5)
    expected = analytic_sigma(2.0, 1e-5) * math.sqrt(3)
    for coordinate in coordinates:
        scale = even.noise_scale[coordinate.name] / coordinate.width
        assert expected <= scale < 1.01 * expected
    dealt = gaussian_plan(coordinates, 2.0, 1e-5, relevance=public([4.0, 1.0, 1.0])).noise_scale
    assert dealt["f1"] ** 2 / dealt["f0"] ** 2 == pytest.approx((2 / 1.0) / (1 / 4.0))  # width / relevance
    assert set(even.draw({"f0": 0.5, "f1": 1.0, "f2": 3.0})) == {"f0", "f1", "f2"}
    assert even.spec.delta == 1e-5
    with pytest.raises(PrivacyError, match="infinite noise"):
        gaussian_plan(coordinates, 2.0, 1e-5, relevance=public([4.0, 0.0, 1.0]))
    private = public([1.0, 1.0, 1.0]).model_copy(update={"source": "private"})
    with pytest.raises(PrivacyError, match="no finite epsilon"):
        gaussian_plan(coordinates, 2.0, 1e-5, relevance=private)


def test_plausible_records_are_the_posterior_of_the_release(plan: ReleasePlan, record: dict[str, object]) -> None:
    view = Releaser.draw(plan, record).at(4.0)
    drawn = plausible_records(view, 4000, seed=1)
    assert drawn == plausible_records(view, 4000, seed=1)
    assert all(20 <= float(one["age"]) <= 90 for one in drawn)
    same = np.mean([one["stage"] == view.values["stage"] for one in drawn])
    assert same == pytest.approx(math.exp(2) / (math.exp(2) + 4), abs=0.04)


def test_a_guarantee_is_said_whole_or_not_at_all() -> None:
    whole = {
        "ledger": "session",
        "unit": "one record",
        "neighbour": "any two records",
        "mechanism": "noise",
        "epsilon": 1.0,
        "delta": 0.0,
        "composition": "Alone.",
        "protects": "the record",
        "does_not_protect": ("anything else",),
    }
    assert "any two possible records" in PrivacySpec.model_validate(whole).words
    for part in whole:
        with pytest.raises(ValueError):
            PrivacySpec.model_validate({name: value for name, value in whole.items() if name != part})
    with pytest.raises(PrivacyError, match="never both or neither"):
        PrivacySpec.model_validate(whole | {"epsilon": None})
    with pytest.raises(PrivacyError, match="never both or neither"):
        PrivacySpec.model_validate(whole | {"reason": "because"})


def test_odds_are_said_in_words() -> None:
    assert "at most 73 times in 100" in odds_in_words(1.0)
    assert "99.97" in odds_in_words(8.0)
    assert "almost nothing" in odds_in_words(8.0)
    assert odds_in_words(None).startswith("No bound")
