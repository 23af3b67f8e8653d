"""Statistics of lines: paired differences, pooling over folds, the mean of risks, published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.benchmark.derived import mean_of_risks
from survviz.benchmark.predictions import FoldPredictions
from survviz.benchmark.published import published
from survviz.benchmark.scores import Outcomes, fold_scores, paired_difference, pooled_scores
from survviz.evaluation import UndefinedMetricError, concordance_index
from survviz.models import list_models

N = 60
RANDOM = np.random.default_rng(4)
HAZARD = RANDOM.normal(size=N)
TIME = RANDOM.exponential(20 * np.exp(-HAZARD)) + 0.1
EVENT = RANDOM.random(N) < 0.7
IDS = tuple(f"C{index:02d}" for index in range(N))
OUTCOMES = Outcomes(dict(zip(IDS, TIME, strict=True)), dict(zip(IDS, EVENT.tolist(), strict=True)))


def folds(noise: float, *, n_folds: int = 3, scale: float = 1.0, drop: int = 0) -> list[FoldPredictions]:
    """Risks of one repeat, each fold on a scale and an origin of its own; of each test part `drop` are unknown."""
    risk = HAZARD + np.random.default_rng(9).normal(scale=noise, size=N) if noise else HAZARD.copy()
    made = []
    for fold in range(n_folds):
        test = np.arange(N) % n_folds == fold
        chosen, seen = np.flatnonzero(test)[drop:], np.flatnonzero(~test)
        values = scale * (fold + 1) * risk + 100 * fold
        made.append(
            FoldPredictions(
                repeat=0,
                fold=fold,
                case_ids=tuple(IDS[i] for i in chosen),
                risk=values[chosen],
                times=np.zeros(0),
                survival=np.zeros((len(chosen), 0)),
                seen_ids=tuple(IDS[i] for i in seen),
                seen_risk=values[seen],
                seconds=1.0,
                epoch=1,
                protocol="nested",
            )
        )
    return made


def test_fold_c_is_the_mean_of_the_folds_with_the_corrected_interval() -> None:
    made = folds(1.0)
    each = [concordance_index(one.risk, *OUTCOMES.arrays(one.case_ids)) for one in made]
    score = fold_scores(made, OUTCOMES)["harrell_c"]
    error = np.sqrt((1 / 3 + 20 / 40) * np.var(each, ddof=1))
    assert score.value == pytest.approx(np.mean(each))
    assert score.low == pytest.approx(max(np.mean(each) - 4.302652729911275 * error, 0))  # t, 2 degrees of freedom
    assert score.n == 3


def test_pooled_c_does_not_care_for_the_scale_of_a_fold() -> None:
    same_scale = [one for one in folds(0.0, n_folds=2)]
    score = pooled_scores(same_scale, OUTCOMES)["pooled_harrell_c"]
    raw = concordance_index(
        np.concatenate([one.risk for one in same_scale]),
        *OUTCOMES.arrays(case for one in same_scale for case in one.case_ids),
    )
    assert score.value is not None
    assert score.value > raw
    assert score.value == pytest.approx(concordance_index(HAZARD, TIME, EVENT), abs=0.03)
    assert score.low is not None
    assert score.low < score.value


def test_a_difference_is_taken_over_the_cases_that_both_have() -> None:
    full, partial = folds(0.0), folds(2.0, drop=5)
    test, n_common = paired_difference(full, partial, OUTCOMES)
    expected = []
    for one, other in zip(full, partial, strict=True):
        risk = dict(zip(one.case_ids, one.risk, strict=True))
        outcomes = OUTCOMES.arrays(other.case_ids)
        ours = concordance_index(np.array([risk[case] for case in other.case_ids]), *outcomes)
        expected.append(ours - concordance_index(other.risk, *outcomes))
    assert test.mean == pytest.approx(np.mean(expected))
    assert n_common == 15
    reverse, _ = paired_difference(partial, full, OUTCOMES)
    assert reverse.mean == pytest.approx(-test.mean)


def test_a_line_against_itself_is_undefined_not_significant() -> None:
    with pytest.raises(UndefinedMetricError):
        paired_difference(folds(1.0), folds(1.0), OUTCOMES)


def test_the_mean_of_risks_takes_z_scores_and_skips_who_does_not_know_a_case() -> None:
    first, second = folds(0.0)[1], folds(0.0, scale=50.0, drop=5)[1]
    mean = mean_of_risks([first, second])
    assert mean.case_ids == tuple(sorted(first.case_ids))
    expected = dict(zip(first.case_ids, first.z_score(first.risk), strict=True))  # the same z-scores on any scale
    np.testing.assert_allclose(mean.risk, [expected[case] for case in mean.case_ids])
    assert mean.survival.shape == (len(first.case_ids), 0)


def test_a_model_that_tells_nobody_apart_adds_nothing() -> None:
    one = folds(0.0)[0]
    np.testing.assert_array_equal(one.z_score(np.full(3, one.seen_risk.mean())), 0)


def test_published_numbers_name_models_of_the_registry_and_their_source() -> None:
    rows = published()
    assert len(rows) > 100
    assert {row.model for row in rows} - {""} <= set(list_models())
    assert all(row.source and row.splits for row in rows)
