"""AUROC of maps against its definition; survival between bin edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, auroc, auroc_ci, survival_at

SCORED = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30)


@given(SCORED)
def test_auroc_equals_its_definition(patches: list) -> None:
    inside = [score for score, label in patches if label]
    outside = [score for score, label in patches if not label]
    scores, labels = zip(*patches, strict=True)
    if not inside or not outside:
        with pytest.raises(UndefinedMetricError, match="inside and outside"):
            auroc(scores, labels)
        return
    won = sum((a > b) + 0.5 * (a == b) for a in inside for b in outside)
    assert auroc(scores, labels) == pytest.approx(won / (len(inside) * len(outside)))


def test_cases_without_the_region_are_left_out_and_counted() -> None:
    result = auroc_ci([[1, 2], [2, 1], [1, 2]], [[False, True], [False, True], [False, False]])
    np.testing.assert_array_equal(result.per_case, [1, 0, np.nan])
    assert result.mean == 0.5
    assert result.n_undefined == 1
    assert (result.interval.low, result.interval.high) == (0, 1)


def test_localisation_over_no_usable_case_is_undefined() -> None:
    with pytest.raises(UndefinedMetricError, match="None of the 1 cases"):
        auroc_ci([[1, 2]], [[True, True]])


def test_survival_is_linear_between_edges_and_unknown_beyond() -> None:
    times = [0, 5, 10, 15, 20, 20.1]
    np.testing.assert_allclose(survival_at(times, [0.5, 10, 20], [0.8, 0.4]), [1, 0.9, 0.8, 0.6, 0.4, np.nan])


def test_survival_of_many_cases_keeps_their_order() -> None:
    curves = np.array([[0.9, 0.5], [0.2, 0.1]])
    np.testing.assert_allclose(survival_at([12.0], [0, 12, 24], curves), [[0.9], [0.2]])


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6))
def test_interpolated_survival_never_rises(hazards: list[float]) -> None:
    survival = np.cumprod(1 - np.array(hazards))
    edges = np.linspace(1e-6, 60, len(hazards) + 1)
    curve = survival_at(np.linspace(0, 60, 200), edges, survival)
    assert curve[0] == 1
    assert (np.diff(curve) <= 1e-12).all()


@pytest.mark.parametrize("edges", [[0, 10], [0, 10, 10], [0, 20, 10], [-2, -1, 4]])
def test_edges_that_do_not_fit_are_refused(edges: list[float]) -> None:
    with pytest.raises(InputError, match="edges"):
        survival_at([1.0], edges, [0.5, 0.4])
