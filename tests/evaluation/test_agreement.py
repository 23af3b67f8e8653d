"""Kappa against published examples and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError
from survviz.evaluation.agreement import agreement

FLEISS_TABLE = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""Ten subjects, fourteen raters, five categories: the worked example that textbooks and Wikipedia give, 0.210."""


def test_fleiss_worked_example() -> None:
    ratings = np.array([np.repeat(np.arange(5), row) for row in FLEISS_TABLE]).T
    found = agreement(ratings, 5, n_resamples=200)
    assert found.value == pytest.approx(0.20993, abs=5e-6)
    assert found.statistic == "Fleiss' kappa"
    assert (found.n_readers, found.n_cases) == (14, 10)


def test_cohen_grant_proposals() -> None:
    """Fifty proposals: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no; observed 0.70, expected 0.50."""
    pairs = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [20, 5, 10, 15], axis=0).T
    found = agreement(pairs, 2)
    assert found.value == pytest.approx(0.4, abs=1e-12)
    assert found.interval is not None
    assert found.interval.low < 0.4 < found.interval.high
    # the delta method's standard error of this table is 0.126 (Fleiss, Cohen and Everitt 1969)
    assert found.interval.high - found.interval.low == pytest.approx(2 * 1.96 * 0.126, rel=0.1)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6).flatmap(lambda k: st.tuples(st.just(k), st.lists(
    st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), min_size=2, max_size=40))))  # fmt: skip
def test_two_readers_as_scikit_learn(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    k, pairs = drawn
    ratings = np.array(pairs).T
    if len(np.unique(ratings)) < 2:
        return
    for weights in ("none", "linear", "quadratic"):
        theirs = cohen_kappa_score(*ratings, labels=list(range(k)), weights=None if weights == "none" else weights)
        ours = agreement(ratings, k, weights=weights, n_resamples=1)
        assert ours.value == pytest.approx(theirs, abs=1e-12)


def test_light_is_the_mean_of_all_pairs() -> None:
    ratings = np.random.default_rng(0).integers(0, 4, (3, 30))
    pairs = [cohen_kappa_score(ratings[a], ratings[b], weights="quadratic") for a, b in ((0, 1), (0, 2), (1, 2))]
    found = agreement(ratings, 4, weights="quadratic", n_resamples=10)
    assert found.value == pytest.approx(np.mean(pairs), abs=1e-12)
    assert found.statistic == "Light's kappa, quadratic weights"


def test_order_of_readers_and_cases_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    ratings = rng.integers(0, 3, (4, 25))
    turned = ratings[::-1][:, rng.permutation(25)]
    assert agreement(ratings, 3).value == pytest.approx(agreement(turned, 3).value, abs=1e-12)


def test_same_answers_agree_fully() -> None:
    ratings = np.tile(np.arange(5), (3, 1))
    assert agreement(ratings, 5).value == pytest.approx(1)
    assert agreement(ratings, 5, weights="linear").value == pytest.approx(1)


@pytest.mark.parametrize("readers", [2, 3])
def test_one_category_is_undefined_and_says_so(readers: int) -> None:
    with pytest.raises(UndefinedMetricError, match="only one category"):
        agreement(np.zeros((readers, 6), dtype=int), 3)


@pytest.mark.parametrize("ratings", [np.zeros((1, 4), int), np.zeros((2, 0), int), np.full((2, 3), 3), [[0.5], [1.0]]])
def test_what_are_no_ratings_is_refused(ratings: object) -> None:
    with pytest.raises(InputError):
        agreement(ratings, 3)
