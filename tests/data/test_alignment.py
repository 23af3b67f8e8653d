"""Patients are matched by id: the order of rows says nothing, and nothing without ids is accepted."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import load_cohort
from survviz.data.preprocess import Preprocess
from survviz.data.split_plans import SplitPlan
from survviz.data.splits import Outcomes, Split, stratified_kfold
from survviz.errors import InputError
from survviz.training import TrainConfig, cross_validate


def shuffle_rows(folder: Path, name: str) -> None:
    path = next(folder.glob(f"{name}.csv*"))
    before = pd.read_csv(path, dtype=str, keep_default_na=False)
    after = before.sample(frac=1, random_state=5)
    assert before.iloc[:, 0].tolist() != after.iloc[:, 0].tolist()
    after.to_csv(path, index=False)


def digest_of_everything(folder: Path) -> tuple[str, ...]:
    """What comes out of loading, splitting, preprocessing and training, to the last bit."""
    cohort = load_cohort(folder)
    plan = SplitPlan(n_folds=3, seed=1)
    splits = plan.splits(cohort)
    fitted = Preprocess.fit(cohort, splits[0].split.train)
    ids = splits[0].split.test
    inputs = fitted.collate([fitted.transform(cohort.case(case)) for case in ids])
    arrays = [inputs.patches, inputs.patch_mask, *inputs.tokens.values(), *inputs.vectors.values()]
    batch = b"".join(array.numpy().tobytes() for array in arrays if array is not None)
    config = TrainConfig.model_validate(
        {
            "model": "multisurv",
            "n_folds": 3,
            "epochs": 2,
            "max_patches": 8,
            "risk_set": 8,
            "modalities": ["pathology", "clinical", "genomic", "mirna", "cnv"],
        }
    )
    report = cross_validate(cohort, config)
    risks = report.risks.sort_index().to_csv()
    return (
        repr(splits),
        hashlib.sha256(batch).hexdigest(),
        repr(fitted.bins),
        hashlib.sha256(risks.encode()).hexdigest(),
    )


@pytest.mark.parametrize("name", ["clinical", "rna", "mirna", "cnv", "slides", "hif"])
def test_the_order_of_rows_changes_no_result(name: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue("region_folder" if name == "hif" else "assay_folder")
    found = digest_of_everything(folder)
    shuffle_rows(folder, name)
    assert digest_of_everything(folder) == found


@pytest.mark.parametrize("event", [[True, False, True], np.array([True, False, True]), (True, False, True)])
def test_events_without_case_ids_are_refused(event: object) -> None:
    with pytest.raises(InputError, match="without case ids"):
        stratified_kfold(["A", "B", "C"], event, n_folds=2)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="without case ids"):
        Outcomes.of(["A", "B", "C"], event)  # pyright: ignore[reportArgumentType]


def test_events_that_are_numbered_instead_of_named_are_refused() -> None:
    with pytest.raises(InputError, match="indexed by numbers"):
        stratified_kfold(["0", "1"], pd.Series([True, True]), n_folds=2)


def test_events_named_twice_are_refused() -> None:
    with pytest.raises(InputError, match="two event values"):
        stratified_kfold(["A", "B"], pd.Series([True, True, True], index=["A", "B", "B"]), n_folds=2)


@pytest.mark.parametrize("place", ["time", "event"])
def test_a_cohort_whose_outcome_names_other_cases_is_refused(place: str, cohort_folder: Path) -> None:
    cohort = load_cohort(cohort_folder)
    series = getattr(cohort, place)
    for wrong in (series.reset_index(drop=True), series.iloc[:-1], series.to_numpy()):
        with pytest.raises(InputError, match="case ids"):
            replace(cohort, **{place: wrong})


def test_a_cohort_lines_up_series_that_are_in_another_order(cohort_folder: Path) -> None:
    cohort = load_cohort(cohort_folder)
    turned = replace(cohort, time=cohort.time.iloc[::-1], event=cohort.event.sample(frac=1, random_state=1))
    pd.testing.assert_series_equal(turned.time.loc[list(cohort.case_ids)], cohort.time)
    assert {field.name for field in fields(cohort)} >= {"time", "event"}


def test_validation_that_equals_the_test_part_is_refused() -> None:
    with pytest.raises(InputError, match="in validation and in test"):
        Split(("A", "B"), ("C", "D"), ("C", "D"))
