"""Intervals without a bootstrap agree with R, and with the bootstrap that they stand in for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.evaluation import UndefinedMetricError, concordance_error, concordance_index, summarise
from survviz.evaluation.concordance import pair_shares

CASES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6), st.booleans()), min_size=2, max_size=25)


@settings(max_examples=60)
@given(CASES)
def test_pairs_of_every_case_are_counted(cases: list) -> None:
    risk, time, event = (np.array(column) for column in zip(*cases, strict=True))
    won, pairs = np.zeros(len(risk)), np.zeros(len(risk))
    for i in range(len(risk)):
        for j in range(len(risk)):
            if event[i] and (time[i] < time[j] or (time[i] == time[j] and not event[j])):
                score = float(risk[i] > risk[j]) + (risk[i] == risk[j]) / 2
                won[[i, j]] += score
                pairs[[i, j]] += 1
    if not pairs.any():
        with pytest.raises(UndefinedMetricError):
            pair_shares(risk.astype(float), time.astype(float), event.astype(bool))
        return
    found = pair_shares(risk.astype(float), time.astype(float), event.astype(bool))
    np.testing.assert_allclose(found, (won, pairs))


@pytest.mark.real
def test_concordance_error_is_near_that_of_survcomp(shared_data: Path) -> None:
    """survcomp takes Noether's variance, so close, not equal."""
    for entry in json.loads(gzip.decompress((shared_data / "reference_values" / "r_cindex.json.gz").read_bytes())):
        outcomes = entry["test_time"], np.asarray(entry["test_status"], bool)
        value, error = concordance_error(entry["estimate"], *outcomes)
        assert value == pytest.approx(concordance_index(entry["estimate"], *outcomes))
        assert value == pytest.approx(entry["c_Harrell_survival"][0], abs=5.1e-5)
        assert error == pytest.approx(entry["c_se_noether_survcomp"][0], rel=0.15)


def test_intervals_agree_with_the_bootstrap(simulate) -> None:
    study = simulate(400, 11)
    closed, drawn = (
        summarise(study.risk, *study.outcomes, survival=study.survival, times=study.times, **study.train, n_resamples=n)
        for n in (None, 500)
    )
    names = ["harrell_c", "auc_12", "auc_36", "auc_60", "brier_12", "brier_36", "brier_60", "ibs", "calibration"]
    for name in (*names, "observed_expected"):
        first, second = closed[name], drawn[name]
        assert first.value == second.value
        assert first.low is not None
        assert second.low is not None
        width = second.high - second.low
        assert first.high - first.low == pytest.approx(width, rel=0.25), name
        assert first.low == pytest.approx(second.low, abs=0.25 * width), name
    assert closed["iauc"].value == drawn["iauc"].value
    assert closed["iauc"].low is None


def test_what_is_undefined_stays_so(simulate) -> None:
    study = simulate(30, 2)
    found = summarise(study.risk, study.time, np.zeros(30, bool), **study.train, n_resamples=None)
    assert found["harrell_c"].value is None
    assert found["harrell_c"].low is None
