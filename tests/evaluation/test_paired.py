"""Paired comparisons: published figures, closed forms, and error rates under no difference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from survviz.errors import InputError
from survviz.evaluation import (
    UndefinedMetricError,
    concordance_index,
    corrected_resampled_t,
    holm,
    over_cohorts,
    paired_bootstrap,
    within_strata_concordance,
)


def test_bootstrap_equals_resampling_of_arrays_patient_by_patient(simulate: Callable) -> None:
    study = simulate(40, 0, decimals=1)
    other = study.risk + np.random.default_rng(1).normal(size=40).round(1)
    found = paired_bootstrap(study.risk, other, *study.outcomes, n_resamples=100, seed=3)
    counts = np.random.default_rng(3).multinomial(40, np.full(40, 1 / 40), size=100)
    picks = [np.repeat(np.arange(40), row) for row in counts]
    values = [
        concordance_index(study.risk[pick], study.time[pick], study.event[pick])
        - concordance_index(other[pick], study.time[pick], study.event[pick])
        for pick in picks
    ]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=1e-12)
    assert found.difference == pytest.approx(
        concordance_index(study.risk, *study.outcomes) - concordance_index(other, *study.outcomes)
    )


def test_a_model_does_not_differ_from_itself(simulate: Callable) -> None:
    study = simulate(60, 1)
    found = paired_bootstrap(study.risk, study.risk, *study.outcomes, n_resamples=200)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_the_true_risk_beats_noise(simulate: Callable) -> None:
    study = simulate(200, 2)
    noise = np.random.default_rng(0).normal(size=200)
    found = paired_bootstrap(study.risk, noise, *study.outcomes, n_resamples=999)
    assert found.low > 0
    assert found.p_value == pytest.approx(2 / 1000)


def test_within_strata_compares_only_patients_of_the_same_stratum(simulate: Callable) -> None:
    study = simulate(120, 3)
    strata = np.arange(120) % 3
    shifted = study.risk + 100 * strata
    found = paired_bootstrap(study.risk, shifted, *study.outcomes, strata=strata, n_resamples=50)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    within = within_strata_concordance(shifted, *study.outcomes, strata)
    assert within.value == within_strata_concordance(study.risk, *study.outcomes, strata).value
    assert within.value != pytest.approx(concordance_index(shifted, *study.outcomes))
    weighted = sum((one.value or 0) * one.n_pairs for one in within.strata)
    assert within.value == pytest.approx(weighted / within.n_pairs)
    assert sum(one.n for one in within.strata) == 120


def test_a_stratum_without_pairs_has_no_value_and_no_weight() -> None:
    found = within_strata_concordance([2.0, 1.0, 5.0], [1.0, 2.0, 1.0], [True, True, False], ["a", "a", "b"])
    assert found.value == 1
    assert [(one.name, one.value, one.n_pairs) for one in found.strata] == [("a", 1.0, 1), ("b", None, 0)]
    with pytest.raises(UndefinedMetricError, match="none of 2 has a pair"):
        within_strata_concordance([1.0, 2.0], [1.0, 2.0], [True, True], ["a", "b"])


def test_corrected_t_is_the_plain_one_with_a_wider_variance() -> None:
    differences = np.array([0.02, 0.05, -0.01, 0.03, 0.04, 0.02])
    found = corrected_resampled_t(differences, n_train=80, n_test=20)
    plain = stats.ttest_1samp(differences, 0).statistic
    assert found.statistic == pytest.approx(plain * np.sqrt((1 / 6) / (1 / 6 + 0.25)))
    assert found.degrees == 5
    assert found.p_value == pytest.approx(2 * stats.t.sf(found.statistic, 5))
    assert found.low == pytest.approx(found.mean - stats.t.ppf(0.975, 5) * np.sqrt(found.variance))
    nearly_plain = corrected_resampled_t(differences, n_train=1e12, n_test=1)
    assert nearly_plain.p_value == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-6)


def test_corrected_t_keeps_its_level_on_overlapping_splits_and_the_plain_one_does_not() -> None:
    """Means over random 20 % test parts of one fixed set of differences around 0."""
    random = np.random.default_rng(0)
    corrected = plain = 0
    for _ in range(300):
        patients = random.normal(size=100)
        splits = [patients[random.permutation(100)[:20]].mean() for _ in range(15)]
        corrected += corrected_resampled_t(splits, n_train=80, n_test=20).p_value < 0.05
        plain += stats.ttest_1samp(splits, 0).pvalue < 0.05
    assert corrected / 300 < 0.08
    assert plain / 300 > 0.2


def test_over_cohorts_is_the_mean_with_the_summed_variance() -> None:
    one = corrected_resampled_t([0.02, 0.05, -0.01], n_train=80, n_test=20)
    two = corrected_resampled_t([0.03, 0.01, 0.06, 0.02], n_train=400, n_test=100)
    both = over_cohorts([one, two])
    assert both.mean == pytest.approx((one.mean + two.mean) / 2)
    assert both.variance == pytest.approx((one.variance + two.variance) / 4)
    assert min(one.degrees, two.degrees) <= both.degrees <= one.degrees + two.degrees
    alone = over_cohorts([one])
    assert (alone.mean, alone.p_value, alone.degrees) == pytest.approx((one.mean, one.p_value, one.degrees))
    with pytest.raises(UndefinedMetricError, match="at least one cohort"):
        over_cohorts([])


def test_tests_without_spread_or_splits_are_undefined() -> None:
    with pytest.raises(UndefinedMetricError, match=r"All 3 splits differ by 0\.1"):
        corrected_resampled_t([0.1, 0.1, 0.1], n_train=8, n_test=2)
    with pytest.raises(UndefinedMetricError, match="at least two splits; 1 given"):
        corrected_resampled_t([0.1], n_train=8, n_test=2)
    with pytest.raises(InputError, match="expected above 0"):
        corrected_resampled_t([0.1, 0.2], n_train=0, n_test=2)
    with pytest.raises(UndefinedMetricError, match="none of the 2 cases has an event"):
        paired_bootstrap([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [False, False])


def test_holm_equals_its_textbook_example() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([]).size == 0
    with pytest.raises(InputError, match="missing"):
        holm([0.1, np.nan])
    with pytest.raises(InputError, match="expected 0 to 1"):
        holm([1.1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_the_given_values_and_bonferroni(p_values: list) -> None:
    adjusted = holm(p_values)
    assert (adjusted >= np.array(p_values)).all()
    assert (adjusted <= np.minimum(1, np.array(p_values) * len(p_values)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
