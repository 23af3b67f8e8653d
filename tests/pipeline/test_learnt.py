"""Whether shares were learnt: the numbers of the test, and its words."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.attribution import attribute
from survviz.pipeline.explanation.learnt import LearntShares, learnt_shares


def of(own: list[float], shuffled: list[list[float]], n_cases: int = 1) -> LearntShares:
    return LearntShares(("clinical", "mirna"), np.array(own), np.array(shuffled), n_cases)


def test_p_counts_the_model_among_its_shuffled_copies() -> None:
    found = of([3.0, 1.0], [[1.0, 1.0]] * 18 + [[2.0, 2.0]])
    assert found.p == pytest.approx(2 / 20)
    assert not found.learnt
    assert found.fold == pytest.approx(2.0)
    assert found.shares == {"clinical": 0.75, "mirna": 0.25}
    assert "look at a cohort" in found.words
    assert of([3.0, 1.1], [[1.0, 1.0]] * 18 + [[2.0, 2.0]]).p == pytest.approx(1 / 20)


def test_a_model_that_does_not_move_has_learnt_nothing() -> None:
    found = of([0.0, 0.0], [[0.0, 0.0]] * 19, n_cases=4)
    assert found.p == 1
    assert found.shares == {"clinical": 0.0, "mirna": 0.0}
    assert "4 cases" in found.words
    assert "look at a cohort" not in found.words


def test_what_is_compared_are_the_modality_pieces(predictor: Predictor, cohort: Cohort, member: str) -> None:
    case, told = cohort.case(member), []
    found = learnt_shares(predictor, [case], method="shapley", n_shuffled=2, progress=lambda *at: told.append(at))
    pieces = {piece.modality: abs(piece.value) for piece in attribute(predictor, case, method="shapley").of("modality")}
    assert dict(zip(found.modalities, found.own, strict=True)) == pytest.approx(pieces)
    assert found.shuffled.shape == (2, len(pieces))
    assert told == [(0, 3), (1, 3), (2, 3)]


def test_shuffling_leaves_the_model_alone_and_is_the_same_again(
    predictor: Predictor, cohort: Cohort, member: str
) -> None:
    case = cohort.case(member)
    before = predictor.predict(case, allow_unlike=True).risk
    first, again, other = (predictor.shuffled(seed).predict(case, allow_unlike=True).risk for seed in (1, 1, 2))
    assert first == again != other
    assert predictor.predict(case, allow_unlike=True).risk == before


def test_nothing_to_compare_is_an_error(predictor: Predictor, cohort: Cohort, member: str) -> None:
    with pytest.raises(InputError, match="0 cases and 19 shufflings"):
        learnt_shares(predictor, [])
    with pytest.raises(InputError, match="1 cases and 0 shufflings"):
        learnt_shares(predictor, [cohort.case(member)], n_shuffled=0)
