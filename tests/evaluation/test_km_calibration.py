"""The published mapping replayed on its own numbers, and ours, which never ties what the risk tells apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.errors import InputError
from survviz.evaluation import KaplanMeierCalibrator, UndefinedMetricError, concordance_index, kaplan_meier

COHORT = st.lists(
    st.tuples(st.integers(-40, 40).map(lambda n: n / 4), st.integers(1, 12), st.booleans()), min_size=1, max_size=30
).filter(lambda cases: any(event for _, _, event in cases))


def columns(cases: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    risk, time, event = zip(*cases, strict=True)
    return np.array(risk), np.array(time, float), np.array(event)


def published_by_loop(train: np.ndarray, time: np.ndarray, event: np.ndarray, risk: float) -> float:
    curve = kaplan_meier(time, event)
    rank = 1 + sum(other >= risk for other in train)
    p = 1 - (rank - 1) / (len(train) + 1)
    best, nearest = np.inf, 0.0
    for t, s in zip(curve.times, curve.survival, strict=True):
        if abs(s - p) < best:
            best, nearest = abs(s - p), t
    return max(0.0, nearest)


def chimera(shared_data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    """Risks, times and events of the 148 training patients, and the stored curve.

    The risks carry no ids; they are in the order of `labels.csv`, the only one in which their C-index is the known one.
    """
    folder = shared_data / "chimera_calibration"
    labels = pd.read_csv(folder / "labels.csv")
    train = labels[labels["slide_id"].isin(pd.read_csv(folder / "published_split.csv")["train"])]
    risk = pd.read_csv(folder / "train_risks.csv")["train_risk"].to_numpy()
    event = train["event"].to_numpy() == 1
    return risk, train["time_months"].to_numpy(dtype=float), event, pd.read_csv(folder / "km_curve.csv")


@pytest.mark.real
def test_the_published_numbers_come_out(shared_data: Path) -> None:
    """CHIMERA task 3, commit 46c95e42: 148 risks, 35 distinct times, 87 of them at 138 months, the lowest 0."""
    risk, time, event, curve = chimera(shared_data)
    calibrator = KaplanMeierCalibrator.fit(risk, time, event)
    np.testing.assert_array_equal(calibrator.curve.times, curve["time_months"])
    np.testing.assert_allclose(calibrator.curve.survival, curve["km_probability"], rtol=1e-12)
    months = calibrator.published(risk)
    assert len(months) == 148
    assert len(np.unique(months)) == 35
    assert (months == 138).sum() == 87
    assert months.min() == 0
    assert concordance_index(risk, time, event) == pytest.approx(0.882, abs=5e-4)
    assert concordance_index(-months, time, event) == pytest.approx(0.846, abs=5e-4)


@pytest.mark.real
def test_ours_keeps_the_published_patients_apart(shared_data: Path) -> None:
    risk, time, event, _ = chimera(shared_data)
    calibrator = KaplanMeierCalibrator.fit(risk, time, event)
    months = calibrator.monotone(risk)
    assert len(np.unique(months)) == 148
    assert concordance_index(-months, time, event) == concordance_index(risk, time, event)
    published = calibrator.published(risk)
    near = months < 138  # where the curve still falls, both say the same up to a step of it
    assert np.abs(months - published)[near].max() < 20
    assert (published[months > 138] == 138).all()


@settings(deadline=None)
@given(COHORT, st.lists(st.integers(-60, 60).map(lambda n: n / 4), min_size=1, max_size=8))
def test_the_published_mapping_equals_its_loop_for_old_and_new_risks(cases: list, new: list) -> None:
    risk, time, event = columns(cases)
    asked = np.concatenate([risk, new])
    expected = [published_by_loop(risk, time, event, r) for r in asked]
    np.testing.assert_array_equal(KaplanMeierCalibrator.fit(risk, time, event).published(asked), expected)


@settings(deadline=None)
@given(COHORT)
def test_ours_falls_strictly_with_risk_within_and_beyond_the_training_risks(cases: list) -> None:
    risk, time, event = columns(cases)
    far = np.array([-1e6, -1e4, -1e3, -100, -50, 50, 100, 1e3, 1e4, 1e6])
    asked = np.unique(np.concatenate([risk, far, np.arange(-120, 121) / 8]))
    months = KaplanMeierCalibrator.fit(risk, time, event).monotone(asked)
    assert (np.diff(months) < 0).all()
    assert (months > 0).all()
    assert np.isfinite(months).all()


@settings(deadline=None)
@given(COHORT)
def test_ours_loses_no_ranking(cases: list) -> None:
    risk, time, event = columns(cases)
    months = KaplanMeierCalibrator.fit(risk, time, event).monotone(risk)
    try:
        expected = concordance_index(risk, time, event)
    except UndefinedMetricError:
        return
    assert concordance_index(-months, time, event) == expected


def test_ours_equals_values_worked_by_hand() -> None:
    """Three deaths of four: S = 3/4, 1/2, 1/4 at months 2, 4, 6 and to the end at 10; ranks give shares of 1/5.

    Shares lost 1/5, 2/5, 3/5 lie 4/5, 8/5 and 12/5 knots of 2 months along; share 4/5 lies in the tail, whose
    exponential curve is 4^(-t/10), so 1/5 is left at 10 log 5 / log 4.
    """
    calibrator = KaplanMeierCalibrator.fit([4.0, 3, 2, 1], [2.0, 4, 6, 10], [True, True, True, False])
    tail = 10 * np.log(5) / np.log(4)
    np.testing.assert_allclose(calibrator.monotone([4.0, 3, 2, 1]), [1.6, 3.2, 4.8, tail])
    np.testing.assert_allclose(calibrator.monotone([3.5]), [2.4])
    spread = np.std([1, 2, 3, 4])
    np.testing.assert_allclose(calibrator.monotone([4 + spread]), [0.8])
    np.testing.assert_allclose(calibrator.monotone([1 - 4 * spread]), [10 * np.log(25) / np.log(4)])


def test_new_risks_beyond_tied_training_risks_differ() -> None:
    """Both training patients share one risk, whose share of 2/3 lies in the tail already."""
    calibrator = KaplanMeierCalibrator.fit([0.0, 0.0], [1.0, 1.0], [False, True])
    assert (np.diff(calibrator.monotone([-2.0, -0.1, 0, 0.1, 0.2, 0.4, 3])) < 0).all()


def test_times_come_in_the_order_of_the_question() -> None:
    calibrator = KaplanMeierCalibrator.fit([4.0, 3, 2, 1], [2.0, 4, 6, 10], [True, True, True, False])
    one_by_one = [calibrator.monotone([risk])[0] for risk in (1.0, 9.0, 2.5)]
    assert calibrator.monotone([1.0, 9.0, 2.5]).tolist() == one_by_one
    assert calibrator.published([1.0, 9.0]).tolist() == [6, 0]
    assert calibrator.monotone([]).shape == calibrator.published([]).shape == (0,)


def test_neither_the_order_of_the_training_cases_nor_the_scale_of_risk_has_influence() -> None:
    random = np.random.default_rng(0)
    risk, time, event = random.normal(size=30), random.integers(1, 60, 30), random.random(30) < 0.5
    asked, order = np.linspace(-4, 4, 50), random.permutation(30)
    plain = KaplanMeierCalibrator.fit(risk, time, event)
    mixed = KaplanMeierCalibrator.fit(3 * risk[order] + 7, time[order], event[order])
    np.testing.assert_allclose(mixed.monotone(3 * asked + 7), plain.monotone(asked))
    np.testing.assert_array_equal(mixed.published(3 * asked + 7), plain.published(asked))


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(UndefinedMetricError, match="None of the 2 cases has an event"):
        KaplanMeierCalibrator.fit([0.0, 1.0], [1.0, 2.0], [False, False])
    with pytest.raises(InputError, match="An event at time 0"):
        KaplanMeierCalibrator.fit([0.0, 1.0], [0.0, 2.0], [True, True])
    with pytest.raises(InputError, match="risk has 1 missing"):
        KaplanMeierCalibrator.fit([0.0, np.nan], [1.0, 2.0], [True, True])
    with pytest.raises(InputError, match="differ in length"):
        KaplanMeierCalibrator.fit([0.0], [1.0, 2.0], [True, True])
    with pytest.raises(InputError, match="risk has 1 missing"):
        KaplanMeierCalibrator.fit([0.0, 1.0], [1.0, 2.0], [True, True]).published([np.nan])
