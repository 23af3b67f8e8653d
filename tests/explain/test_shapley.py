"""Exact Shapley values against the definition by orders, and axioms."""

from __future__ import annotations

from itertools import chain, combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survviz.errors import InputError
from survviz.explain.shapley import shapley


def subsets(players: str) -> list[frozenset[str]]:
    return [frozenset(one) for one in chain.from_iterable(combinations(players, n) for n in range(len(players) + 1))]


def game(players: str, numbers: list[float]) -> dict[frozenset[str], np.ndarray]:
    return {one: np.array([number]) for one, number in zip(subsets(players), numbers, strict=True)}


@given(st.lists(st.floats(-5, 5), min_size=16, max_size=16))
def test_mean_over_all_orders(numbers: list[float]) -> None:
    values = game("abcd", numbers)
    for player, found in shapley(values).items():
        gains = []
        for order in permutations("abcd"):
            before = frozenset(order[: order.index(player)])
            gains.append(values[before | {player}] - values[before])
        np.testing.assert_allclose(found, np.mean(gains, axis=0), atol=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=8))
def test_they_add_up_to_all_minus_none(numbers: list[float]) -> None:
    values = game("abc", numbers)
    total = sum(shapley(values).values())
    np.testing.assert_allclose(total, values[frozenset("abc")] - values[frozenset()], atol=1e-9)


def test_who_adds_nothing_gets_nothing_and_worth_is_shared_alike() -> None:
    values = {one: np.array([float({"a", "b"} <= one), 2.0 * len(one)]) for one in subsets("abc")}
    found = shapley(values)
    np.testing.assert_allclose(found["a"], [0.5, 2])
    np.testing.assert_allclose(found["b"], [0.5, 2])
    np.testing.assert_allclose(found["c"], [0, 2])


def test_a_missing_subset_is_refused() -> None:
    values = game("ab", [0, 1, 2, 3])
    del values[frozenset("a")]
    with pytest.raises(InputError, match="expected all 4"):
        shapley(values)
