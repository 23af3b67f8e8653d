"""Every number that a result carries, against the definition; mutants had shown that some were never looked at."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from survviz.errors import InputError
from survviz.evaluation.breslow import BreslowBaseline
from survviz.evaluation.concordance import concordance_index, within_strata_concordance
from survviz.evaluation.dynamic_auc import cumulative_dynamic_auc
from survviz.evaluation.kaplan_meier import kaplan_meier, risk_table
from survviz.evaluation.logrank import logrank, pairwise_logrank
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.paired import corrected_resampled_t, over_cohorts, paired_bootstrap
from survviz.evaluation.rmst import common_end, restricted_mean, restricted_mean_difference

LEVEL = 0.9
TIME, EVENT = [2.0, 3.0, 5.0, 7.0, 8.0], [True, True, False, True, False]


def test_an_interval_of_resampled_differences_lies_around_their_mean() -> None:
    values = np.array([0.02, 0.05, -0.01, 0.03])
    found = corrected_resampled_t(values, n_train=80, n_test=20, level=LEVEL)
    error = np.sqrt((1 / 4 + 20 / 80) * values.var(ddof=1))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(LEVEL, 3, values.mean(), error))
    assert (found.n, found.degrees) == (4, 3)


def test_an_interval_over_cohorts_lies_around_the_mean_of_their_means() -> None:
    tests = [corrected_resampled_t(values, n_train=80, n_test=20) for values in ([0.02, 0.05, 0.01], [0.03, 0.0])]
    found = over_cohorts(tests)
    mean, error = np.mean([one.mean for one in tests]), np.sqrt(sum(one.variance for one in tests)) / 2
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, found.degrees, mean, error))
    assert found.n == 2


def test_two_splits_are_enough_and_one_training_patient_is_a_size() -> None:
    assert corrected_resampled_t([0.1, 0.2], n_train=1, n_test=1).n == 2
    for sizes in ({"n_train": 0, "n_test": 1}, {"n_train": 1, "n_test": 0}):
        with pytest.raises(InputError, match="expected above 0"):
            corrected_resampled_t([0.1, 0.2], **sizes)


def test_a_paired_difference_says_what_it_is_of() -> None:
    first, second = [0.9, 0.8, 0.3, 0.2, 0.1], [0.1, 0.9, 0.5, 0.4, 0.3]
    found = paired_bootstrap(first, second, TIME, EVENT, n_resamples=200)
    expected = [concordance_index(risk, TIME, EVENT) for risk in (first, second)]
    assert found.difference == pytest.approx(expected[0] - expected[1])
    assert expected[0] != expected[1]
    assert (found.n, found.n_events) == (5, 3)
    assert 0 < found.n_resamples <= 200


def test_a_restricted_mean_has_an_interval_and_an_end() -> None:
    found = restricted_mean(kaplan_meier(TIME, EVENT), 7.5, level=LEVEL)
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(LEVEL, found.value, found.error))
    assert found.until == 7.5
    default = restricted_mean(kaplan_meier(TIME, EVENT), 7.5)
    assert default.high - default.low == pytest.approx(2 * stats.norm.ppf(0.975) * default.error)


def test_a_restricted_mean_ends_before_a_death_at_its_end_and_after_the_first_time() -> None:
    curve = kaplan_meier([2.0, 4.0], [True, True])
    assert restricted_mean(curve, 4.0).value == pytest.approx(2 + 2 * 0.5)
    assert restricted_mean(curve, 5.0).value == pytest.approx(3), "the curve has come down to 0"
    with pytest.raises(UndefinedMetricError, match="until 0"):
        restricted_mean(curve, 0.0)


def test_a_difference_of_restricted_means_is_the_difference() -> None:
    first, second = (restricted_mean(kaplan_meier(TIME, EVENT), until) for until in (6.0, 7.0))
    other = restricted_mean(kaplan_meier([1.0, 2.0, 3.0, 9.0], [True] * 4), 6.0)
    found = restricted_mean_difference(first, other)
    assert found.difference == pytest.approx(first.value - other.value)
    assert found.until == 6.0
    with pytest.raises(UndefinedMetricError, match="until 6 and 7"):
        restricted_mean_difference(first, second)
    alive = restricted_mean(kaplan_meier([8.0, 9.0], [False, False]), 6.0)
    with pytest.raises(UndefinedMetricError, match="nobody dies"):
        restricted_mean_difference(alive, alive)


def test_the_common_end_is_that_of_the_group_that_is_followed_least() -> None:
    assert common_end([1, 9, 2, 4, 7], ["a", "a", "b", "b", "c"]) == 4


def test_a_curve_gives_back_the_outcomes_that_it_was_made_of() -> None:
    times, events = kaplan_meier([3, 1, 3, 2, 3], [True, False, False, True, True]).outcomes()
    np.testing.assert_array_equal(times, [1, 2, 3, 3, 3])
    np.testing.assert_array_equal(events, [False, True, True, True, False])
    again = kaplan_meier(times, events)
    np.testing.assert_array_equal(again.outcomes()[0], times)


@pytest.mark.parametrize("limits", ["log", "log-log"])
def test_limits_are_one_before_the_first_death_and_nothing_after_the_last(limits) -> None:
    curve = kaplan_meier([1.0, 2.0, 3.0], [False, True, True], limits=limits)
    np.testing.assert_array_equal(curve.survival, [1, 1, 0.5, 0])
    np.testing.assert_array_equal(curve.ci_low[[0, 1, 3]], [1, 1, np.nan])
    np.testing.assert_array_equal(curve.ci_high[[0, 1, 3]], [1, 1, np.nan])
    assert 0 < curve.ci_low[2] < 0.5 < curve.ci_high[2] <= 1


def test_the_median_is_reached_at_exactly_one_half() -> None:
    assert kaplan_meier([1.0, 2.0, 3.0, 4.0], [True] * 4).median == 2


def test_a_risk_table_says_its_times() -> None:
    np.testing.assert_array_equal(risk_table(TIME, EVENT, [0, 4]).times, [0, 4])


def test_a_log_rank_test_says_its_groups_and_degrees() -> None:
    found = logrank(TIME, EVENT, [1, 0, 1, 0, 2])
    assert (found.groups, found.degrees) == (("0", "1", "2"), 2)


@pytest.mark.parametrize("test", [logrank, pairwise_logrank])
def test_groups_of_another_length_are_refused(test) -> None:
    with pytest.raises(InputError, match="group"):
        test(TIME, EVENT, [0, 1])


def test_pairs_with_delayed_entry_are_the_tests_of_two_groups() -> None:
    entry, group = np.array([0.5, 0.0, 3.0, 1.0, 0.0, 2.5]), np.array(["a", "a", "a", "b", "b", "c"])
    time, event = np.array([2.0, 3.0, 5.0, 7.0, 8.0, 6.0]), np.array([1, 1, 1, 1, 0, 1], bool)
    pairs = pairwise_logrank(time, event, group, entry=entry)
    for pair in pairs:
        rows = np.isin(group, [pair.first, pair.second])
        expected = logrank(time[rows], event[rows], group[rows], entry=entry[rows]).p_value
        assert pair.p_value == pytest.approx(expected)
    assert [one.p_value for one in pairs] != [one.p_value for one in pairwise_logrank(time, event, group)]


def test_a_pair_without_a_test_says_why() -> None:
    (pair,) = pairwise_logrank([1.0, 2.0, 3.0], [False] * 3, [0, 0, 1])
    assert pair.p_value is None
    assert "no event" in pair.reason


def test_strata_say_their_events_and_refuse_another_length() -> None:
    found = within_strata_concordance([0.9, 0.1, 0.4, 0.6], [1, 2, 1, 2], [True, True, True, False], list("aabb"))
    assert [one.n_events for one in found.strata] == [2, 1]
    with pytest.raises(InputError, match="strata"):
        within_strata_concordance([0.9, 0.1], [1, 2], [True, True], ["a"])


def test_lengths_are_compared_where_a_baseline_and_a_paired_test_begin() -> None:
    with pytest.raises(InputError, match="log_hazard"):
        BreslowBaseline.fit([0.1], [1.0, 2.0], [True, True])
    with pytest.raises(InputError, match="strata"):
        paired_bootstrap([0.1, 0.2], [0.2, 0.1], [1.0, 2.0], [True, True], strata=[0])


def test_a_risk_of_its_own_at_each_of_two_times_is_ranked_at_each() -> None:
    risk = np.array([[5.0, 1.0], [4.0, 2.0], [3.0, 3.0], [2.0, 4.0], [1.0, 5.0]])
    both, *alone = (
        cumulative_dynamic_auc(one, TIME, EVENT, at, train_time=TIME, train_event=EVENT).values
        for one, at in ((risk, [2.5, 6.0]), (risk[:, 0], [2.5]), (risk[:, 1], [6.0]))
    )
    np.testing.assert_allclose(both, np.concatenate(alone))
    assert both[0] != both[1]
