"""Checkpoints on the same patients: the numbers, and everything that must not be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.errors import InputError
from survviz.evaluation import concordance_index, corrected_resampled_t, holm, paired_bootstrap
from survviz.pipeline.cohort.comparison import compare, why_not
from survviz.pipeline.cohort.results import CohortResults

N = 120


def results(name: str, seed: int, *, standing: str = "out of fold", folds: int = 5, cohort: str = "a") -> CohortResults:
    """A checkpoint with some skill on patients whose outcomes are always the same."""
    random = np.random.default_rng(0)
    hazard, cases = random.normal(size=N), pd.Index([f"P{i:03d}" for i in range(N)], name="case_id")
    time, event = random.exponential(np.exp(-hazard)) * 20, random.random(N) < 0.6
    risk = hazard + np.random.default_rng(seed).normal(size=N)
    fold = [str(1 + i % folds) if standing == "out of fold" else "1 2 3 4 5" for i in range(N)]
    table = pd.DataFrame({"risk": risk, "standing": standing, "folds": fold}, index=cases)
    return CohortResults(
        folder=Path(name), checkpoint=name, checkpoint_sha256=name, cohort=Path("cohort"), cohort_name="By hand",
        table=table, survival=np.ones((N, 1)), times=np.zeros(1), not_scored=pd.DataFrame(),
        clinical=pd.DataFrame(index=cases), fields=(),
        outcomes={"OS": pd.DataFrame({"time": time, "event": event}, index=cases)},
        document={"model": "cox", "identity": {"cohort": cohort}},
    )  # fmt: skip


def parts(one: CohortResults) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    outcome = one.outcomes["OS"]
    return one.table["risk"].to_numpy(), outcome["time"].to_numpy(), outcome["event"].to_numpy()


def test_numbers_are_those_of_the_statistics() -> None:
    a, b = results("a", 1), results("b", 2)
    found = compare([a, b], n_resamples=200)
    assert [one.c_index.value for one in found.contestants] == [concordance_index(*parts(one)) for one in (a, b)]
    (contest,) = found.contests
    assert contest.difference == paired_bootstrap(parts(a)[0], *parts(b), n_resamples=200)
    gaps = []
    for fold in "12345":
        rows = (a.table["folds"] == fold).to_numpy()
        first, second = (concordance_index(*(array[rows] for array in parts(one))) for one in (a, b))
        gaps.append(first - second)
    assert contest.over_folds == corrected_resampled_t(gaps, n_train=0.8 * N, n_test=0.2 * N)


def test_p_is_adjusted_for_all_pairs() -> None:
    found = compare([results(name, seed) for seed, name in enumerate("abc")], n_resamples=200)
    assert [(one.first, one.second) for one in found.contests] == [("a", "b"), ("a", "c"), ("b", "c")]
    plain = [one.difference.p_value for one in found.contests]
    np.testing.assert_allclose([one.adjusted for one in found.contests], holm(plain))


def test_a_model_does_not_differ_from_itself() -> None:
    (contest,) = compare([results("a", 1), results("b", 1)], n_resamples=100).contests
    assert (contest.difference.difference, contest.difference.p_value) == (0, 1)
    assert contest.over_folds is None


def test_folds_under_other_names_are_the_same_folds() -> None:
    b, others = results("b", 2), dict(zip("12345", "34512", strict=True))
    renamed = replace(b, table=b.table.assign(folds=[others[fold] for fold in b.table["folds"]]))
    assert why_not(results("a", 1), renamed) == ""


@pytest.mark.parametrize("folds", [4, 10], ids=["other folds", "each fold in two"])
def test_other_splits_are_refused_and_counted(folds: int) -> None:
    found = compare([results("a", 1), results("b", 2, folds=folds), results("c", 3)], n_resamples=50)
    assert list(found.refused) == ["b"]
    assert "splits differ" in found.refused["b"]
    assert f"of {N} patients" in found.refused["b"]
    assert [one.name for one in found.contestants] == ["a", "c"]


def test_own_cohort_and_foreign_one_are_not_compared() -> None:
    why = why_not(results("a", 1), results("b", 2, standing="unseen"))
    assert f"{N} out of fold by a, {N} unseen by b" in why


def test_another_version_of_the_cohort_is_refused() -> None:
    assert "another version" in why_not(results("a", 1), results("b", 2, cohort="b"))


def test_only_common_patients_on_equal_terms_count() -> None:
    a, b = results("a", 1, standing="unseen"), results("b", 2, standing="unseen")
    fewer = replace(b, table=b.table.iloc[10:])
    mixed = fewer.table.assign(standing=["out of fold"] * 5 + ["unseen"] * (N - 15))
    found = compare([a, replace(b, table=mixed)], n_resamples=50)
    assert (found.n, found.left_out) == (N - 15, 15)
    assert "No checkpoint was trained on any" in found.standing


def test_too_few_events_in_common_are_refused() -> None:
    a, b = results("a", 1), results("b", 2)
    with pytest.raises(InputError, match="at least 5 events"):
        compare([a, replace(b, table=b.table.iloc[:4])])
