"""The summary: each line equals its own function, each interval equals resampling of arrays, and nothing is silent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.errors import InputError
from survviz.evaluation import (
    Estimate,
    UndefinedMetricError,
    bootstrap_ci,
    brier_score,
    calibration_at,
    concordance_index,
    cumulative_dynamic_auc,
    integrated_brier_score,
    kaplan_meier,
    logrank,
    summarise,
    uno_concordance,
    within_strata_concordance,
)
from survviz.evaluation.resampling import resampled_survival
from survviz.evaluation.summary_bootstrap import affordable

WITH_INTERVAL = (
    "harrell_c", "uno_c", "auc_12", "auc_36", "auc_60", "iauc", "brier_12", "brier_36", "brier_60", "ibs",
    "calibration", "observed_expected",
)  # fmt: skip
MONTHS = np.arange(1.0, 61.0)


def test_every_line_equals_its_own_function(simulate: Callable) -> None:
    study, train = simulate(200, 0), simulate(400, 1).train
    strata = np.arange(200) % 4
    found = summarise(
        study.risk, *study.outcomes, survival=study.survival, times=study.times, **train, cutoff=0.1, strata=strata,
        n_resamples=50,
    )  # fmt: skip
    curves = np.array([np.interp(MONTHS, study.times, curve) for curve in study.survival])
    aucs = cumulative_dynamic_auc(study.risk, *study.outcomes, MONTHS, **train)
    briers = brier_score(curves, *study.outcomes, MONTHS, **train)
    expected = {
        "harrell_c": concordance_index(study.risk, *study.outcomes),
        "uno_c": uno_concordance(study.risk, *study.outcomes, tau=60.0, **train),
        "iauc": aucs.mean,
        "ibs": integrated_brier_score(briers),
        "calibration": calibration_at(curves[:, 35], *study.outcomes, 36.0).slope,
        "observed_expected": calibration_at(curves[:, 35], *study.outcomes, 36.0).observed_over_expected,
        "logrank_p": logrank(*study.outcomes, study.risk > 0.1).p_value,
        "within_c": within_strata_concordance(study.risk, *study.outcomes, strata).value,
    }
    for months in (12, 36, 60):
        expected |= {f"auc_{months}": aucs.values[months - 1], f"brier_{months}": briers.values[months - 1]}
    assert found.keys() == expected.keys() | {"d_calibration_p"}
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-9), name
        assert found[name].reason == ""
    assert {(one.n, one.n_events) for one in found.values()} == {(200, int(study.event.sum()))}


def test_intervals_equal_resampling_of_arrays(simulate: Callable) -> None:
    """Censoring weights stay those of the training patients; the calibration slope is left out (copies tie there)."""
    study, train = simulate(60, 5, decimals=1), simulate(300, 6, decimals=1).train
    strata = np.arange(60) % 2
    found = summarise(
        study.risk, *study.outcomes, survival=study.survival, times=study.times, **train, cutoff=0.0, strata=strata,
        n_resamples=30, seed=4,
    )  # fmt: skip
    counts = np.random.default_rng(4).multinomial(60, np.full(60, 1 / 60), size=30)
    drawn: dict[str, list[float]] = {}
    for row in counts:
        pick = np.repeat(np.arange(60), row)
        one = summarise(
            study.risk[pick], study.time[pick], study.event[pick], survival=study.survival[pick], times=study.times,
            **train, cutoff=0.0, strata=strata[pick], n_resamples=1,
        )  # fmt: skip
        for name, estimate in one.items():
            if estimate.value is not None and not estimate.reason:
                drawn.setdefault(name, []).append(estimate.value)
    for name in (*WITH_INTERVAL, "within_c"):
        if name == "calibration" or len(drawn[name]) != found[name].n_resamples:
            continue
        limits = np.quantile(drawn[name], [0.025, 0.975])
        assert (found[name].low, found[name].high) == pytest.approx(tuple(limits), abs=1e-6), name
    interval = bootstrap_ci(study.risk, *study.outcomes, n_resamples=30, seed=4)
    assert (found["harrell_c"].low, found["harrell_c"].high) == (interval.low, interval.high)


def test_resampled_survival_equals_kaplan_meier_of_arrays(simulate: Callable) -> None:
    study = simulate(50, 7, decimals=1)
    counts = np.random.default_rng(0).multinomial(50, np.full(50, 1 / 50), size=10)
    at = np.array([0.0, 5.0, 20.0, 60.0, 119.0])
    ours = resampled_survival(*study.outcomes, counts.astype(np.float32), at)
    for row, survival in zip(counts, ours, strict=True):
        pick = np.repeat(np.arange(50), row)
        np.testing.assert_allclose(survival, kaplan_meier(study.time[pick], study.event[pick]).at(at), atol=1e-12)


def test_the_same_seed_gives_the_same_intervals(simulate: Callable) -> None:
    study = simulate(80, 8)
    first, second = (summarise(study.risk, *study.outcomes, **study.train, n_resamples=40, seed=1) for _ in range(2))
    assert first == second


def test_ninety_five_intervals_of_a_hundred_hold_the_truth(simulate: Callable) -> None:
    truth = concordance_index(simulate(20_000, 99).risk, *simulate(20_000, 99).outcomes)
    held = 0
    for seed in range(100):
        study = simulate(150, seed)
        one = summarise(study.risk, *study.outcomes, **study.train, n_resamples=200)["harrell_c"]
        assert one.low is not None
        assert one.high is not None
        held += one.low <= truth <= one.high
    assert 88 <= held <= 100


def test_without_curves_only_the_risk_is_judged_and_without_cut_off_no_groups(simulate: Callable) -> None:
    study = simulate(100, 2)
    found = summarise(study.risk, *study.outcomes, **study.train, n_resamples=10)
    for name in ("brier_36", "ibs", "calibration", "observed_expected", "d_calibration_p"):
        assert found[name].value is None
        assert "no survival curves" in found[name].reason
    assert "No cut-off" in found["logrank_p"].reason
    assert "within_c" not in found


def test_short_follow_up_shortens_the_integrals_and_says_so(simulate: Callable) -> None:
    study, train = simulate(200, 3, longest=120.0), simulate(300, 4, longest=40.0)
    curves = np.where(study.times < 30, study.survival, np.nan)
    found = summarise(study.risk, *study.outcomes, survival=curves, times=study.times, **train.train, n_resamples=10)
    assert "Up to 39 months" in found["iauc"].reason
    assert "Up to 29 months" in found["ibs"].reason
    assert "follow-up known for censoring ends" in found["uno_c"].reason
    assert found["auc_60"].value is None
    assert "censoring is known up to 39.9" in found["auc_60"].reason
    assert "no survival at 36 for 200 of 200" in found["brier_36"].reason


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 70), st.booleans()), min_size=1, max_size=12))
def test_every_line_has_a_value_or_a_reason(cases: list) -> None:
    risk, time, event = (np.array(column, dtype=float) for column in zip(*cases, strict=True))
    survival = np.linspace(0.9, 0.1, 10) ** np.exp(risk)[:, None]
    found = summarise(
        risk, time, event, survival=survival, times=np.linspace(5, 80, 10), train_time=time, train_event=event,
        cutoff=0.0, strata=risk > 0, n_resamples=5,
    )  # fmt: skip
    for name, one in found.items():
        assert one.value is not None or one.reason, name
        assert one.value is None or np.isfinite(one.value)
        assert (one.low is None) == (one.high is None)


def test_all_censored_and_nobody_at_all_are_undefined_everywhere() -> None:
    censored = summarise([1.0, 2.0], [70.0, 80.0], [False, False], train_time=[90.0], train_event=[True], cutoff=1.5)
    assert all(one.value is None and one.reason for one in censored.values())
    nobody = summarise([], [], [], train_time=[90.0], train_event=[True])
    assert nobody["harrell_c"] == Estimate(None, None, None, 0, 0, "The concordance index needs at least two cases; "
                                           "0 given.")  # fmt: skip
    with pytest.raises(UndefinedMetricError, match="at least one case"):
        summarise([1.0], [1.0], [True], train_time=[], train_event=[])


def test_unusable_input_is_refused() -> None:
    train = {"train_time": [90.0], "train_event": [True]}
    with pytest.raises(InputError, match="missing"):
        summarise([np.nan], [1.0], [True], **train)
    with pytest.raises(InputError, match="without its times"):
        summarise([1.0], [1.0], [True], survival=[[0.5]], **train)
    with pytest.raises(InputError, match="expected probabilities"):
        summarise([1.0], [1.0], [True], survival=[[1.5]], times=[1.0], **train)
    with pytest.raises(InputError, match="differ in length"):
        summarise([1.0], [1.0], [True], strata=["a", "b"], **train)


def test_large_cohorts_draw_fewer_resamples() -> None:
    assert affordable(500, 200, 1000) == 1000
    assert affordable(100_000, 40_000, 1000) == 100
