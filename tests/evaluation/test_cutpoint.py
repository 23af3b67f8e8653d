"""The best cut-off: its statistic by hand, its p by every permutation there is, and how often it cries wolf."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from lifelines import NelsonAalenFitter

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, best_cutoff
from survviz.evaluation.cutpoint import logrank_scores

TIME = np.array([2.0, 3, 5, 7, 11, 13, 17])
EVENT = np.array([1, 1, 0, 1, 1, 0, 1], bool)
VALUES = np.array([9.0, 7, 8, 4, 5, 2, 1])


def standardised(scores: np.ndarray, above: np.ndarray) -> float:
    n, m = len(scores), above.sum()
    variance = m * (n - m) / (n * (n - 1)) * ((scores - scores.mean()) ** 2).sum()
    return float((scores[above].sum() - m * scores.mean()) / np.sqrt(variance))


def test_scores_are_martingale_residuals(simulate) -> None:
    study = simulate(60, 3, decimals=1)
    hazard = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(*study.outcomes).cumulative_hazard_at_times(study.time)
    np.testing.assert_allclose(logrank_scores(*study.outcomes), study.event - hazard.to_numpy(), atol=1e-9)
    assert logrank_scores(*study.outcomes).sum() == pytest.approx(0)


def test_statistic_and_p_equal_every_cut_and_every_permutation() -> None:
    found = best_cutoff(VALUES, TIME, EVENT, smallest_share=0.25)
    scores = logrank_scores(TIME, EVENT)
    by_hand = [standardised(scores, cut < VALUES) for cut in found.cutoffs]
    np.testing.assert_allclose(found.statistics, by_hand)
    assert found.cutoffs.tolist() == [3.0, 4.5, 6.0, 7.5]  # at least 2 of 7 on each side
    assert found.statistic == pytest.approx(np.abs(by_hand).max())
    all_of_them = [
        max(abs(standardised(np.array(drawn), cut < VALUES)) for cut in found.cutoffs) for drawn in permutations(scores)
    ]
    exact = np.mean(np.array(all_of_them) >= found.statistic - 1e-9)
    assert found.p_value == pytest.approx(exact, abs=3 * np.sqrt(exact / found.n_permutations))
    assert found.naive_p < found.p_value


def test_noise_is_called_significant_as_often_as_promised() -> None:
    """Of 100 cohorts without any effect the naive p finds far more than 5 %, the corrected one does not."""
    corrected = naive = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        time, event = random.exponential(20, 50), random.random(50) < 0.7
        found = best_cutoff(random.normal(size=50), time, event, seed=seed)
        corrected, naive = corrected + (found.p_value <= 0.05), naive + (found.naive_p <= 0.05)
    assert corrected <= 12
    assert naive >= 20


def test_a_real_step_is_found_where_it_is() -> None:
    random = np.random.default_rng(7)
    values = random.uniform(size=600)
    time = random.exponential(np.where(values > 0.7, 8, 30))
    found = best_cutoff(values, time, np.ones(600, bool))
    assert found.cutoff == pytest.approx(0.7, abs=0.03)
    assert found.p_value == 1 / (found.n_permutations + 1)
    assert found.statistics[np.abs(found.statistics).argmax()] > 0


def test_rank_alone_counts(simulate) -> None:
    study = simulate(80, 9)
    first, second = (best_cutoff(values, *study.outcomes) for values in (study.risk, np.exp(study.risk)))
    assert first.p_value == second.p_value
    assert (study.risk > first.cutoff).tolist() == (np.exp(study.risk) > second.cutoff).tolist()


@pytest.mark.parametrize(
    ("values", "event", "reason"),
    [([1.0, 2, 3, 4], [0, 0, 0, 0], "no event"), ([1.0, 1, 1, 1], [1, 1, 0, 1], "none leaves 1 cases")],
)
def test_says_why_there_is_none(values: list, event: list, reason: str) -> None:
    with pytest.raises(UndefinedMetricError, match=reason):
        best_cutoff(values, [1.0, 2, 3, 4], np.array(event, bool))
    with pytest.raises(InputError, match="between 0 and"):
        best_cutoff(values, [1.0, 2, 3, 4], np.array(event, bool), smallest_share=0.5)
