"""The censoring distribution against scikit-survival."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sksurv.nonparametric import CensoringDistributionEstimator
from sksurv.util import Surv

from survviz.errors import InputError
from survviz.evaluation import CensoringDistribution, UndefinedMetricError, kaplan_meier

CASES = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=40)


@given(CASES)
def test_it_equals_scikit_survival_with_ties(cases: list) -> None:
    time, event = np.array([one[0] for one in cases], float), np.array([one[1] for one in cases])
    assume(event.any())  # theirs refuses to fit without
    ours = CensoringDistribution.fit(time, event)
    theirs = CensoringDistributionEstimator().fit(Surv.from_arrays(event, time))
    asked = np.arange(0.5, time.max() + 0.1, 0.5)
    expected = theirs.predict_proba(asked)
    np.testing.assert_allclose(ours.at(asked), np.where(expected > 0, expected, np.nan), atol=1e-12)


@pytest.mark.real
def test_weights_equal_r(shared_data: Path) -> None:
    """R's survival::survfit of the censoring, printed with four digits."""
    for entry in json.loads(gzip.decompress((shared_data / "reference_values" / "r_ipcw.json.gz").read_bytes())):
        ours = 1 / CensoringDistribution.fit(entry["time"], entry["status"]).at(entry["times"])
        np.testing.assert_allclose(ours, entry["ipcw_times"], atol=6e-5)


def test_events_come_before_censorings_of_the_same_time() -> None:
    """Five at risk, one dies and one is censored at 1: four could have been censored, one was."""
    distribution = CensoringDistribution.fit([1, 1, 2, 3, 3], [True, False, True, False, True])
    np.testing.assert_allclose(distribution.at([0, 1, 2]), [1, 0.75, 0.75])


def test_nobody_is_weighted_beyond_training_follow_up_or_where_g_is_zero() -> None:
    ends_in_death = CensoringDistribution.fit([1, 2, 3], [False, True, True])
    assert ends_in_death.end == 3
    assert np.isnan(ends_in_death.at(3.1))
    ends_censored = CensoringDistribution.fit([1, 2, 3], [False, True, False])
    assert ends_censored.end == 2
    assert np.isnan(ends_censored.at(3))


def test_without_censoring_all_weights_are_one() -> None:
    time, event = np.array([1.0, 2.0, 2.0]), np.ones(3, dtype=bool)
    np.testing.assert_array_equal(CensoringDistribution.fit(time, event).weights(time, event), 1)


def test_a_stored_curve_gives_the_same_distribution() -> None:
    random = np.random.default_rng(0)
    time, event = random.integers(1, 9, 50).astype(float), random.random(50) < 0.5
    stored = CensoringDistribution.of(kaplan_meier(time, event))
    np.testing.assert_array_equal(stored.survival, CensoringDistribution.fit(time, event).survival)


def test_no_patient_and_missing_times_are_refused() -> None:
    with pytest.raises(UndefinedMetricError, match="at least one case"):
        CensoringDistribution.fit([], [])
    with pytest.raises(InputError, match="missing"):
        CensoringDistribution.fit([np.nan], [True])
