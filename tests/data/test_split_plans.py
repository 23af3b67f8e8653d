"""Plans of splits, published files in three formats, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from survviz.data.cohort import Cohort
from survviz.data.site_folds import site_folds
from survviz.data.split_file import read_split_file, write_split_file
from survviz.data.split_plans import SplitPlan, protocol_of
from survviz.data.splits import NamedSplit, Split
from survviz.errors import InputError
from survviz.types import Notice

PLANS = [
    SplitPlan(n_folds=3, repeats=2),
    SplitPlan(n_folds=3, stratify="Sex"),
    SplitPlan(kind="monte-carlo", n_splits=4),
    SplitPlan(kind="site", n_folds=3, repeats=2, site="Stage"),
]


def barcode_cohort(n: int = 60, sites: int = 12) -> Cohort:
    """Every third case has the event; sites of uneven size."""
    rng = np.random.default_rng(0)
    ids = [f"TCGA-{chr(65 + rng.integers(sites))}1-{i:04d}" for i in range(n)]
    index = pd.Index(ids, name="case_id", dtype=object)
    clinical = pd.DataFrame({"Cancer type": ["A", "B", "C"] * (n // 3)}, index=index)
    time = pd.Series(np.arange(1.0, n + 1), index=index)
    event = pd.Series([i % 3 == 0 for i in range(n)], index=index)
    return Cohort(name="barcodes", folder=Path(), clinical=clinical, time=time, event=event)


def known_sites(cohort: Cohort) -> Cohort:
    """Without the missing values of the column that stands for the site."""
    return replace(cohort, clinical=cohort.clinical.assign(Stage=[f"S{i % 8}" for i in range(len(cohort))]))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.kind}{plan.stratify or ''}")
def test_every_plan_places_everybody_but_the_holdout(plan: SplitPlan, cohort: Cohort) -> None:
    cohort = known_sites(cohort)
    everybody = set(cohort.case_ids) - cohort.holdout
    made = plan.splits(cohort)
    names = [(named.repeat, named.fold) for named in made]
    assert names == sorted(set(names))
    for named in made:
        split = named.split
        assert {*split.train, *split.val, *split.test} == everybody
        assert all(cohort.event.loc[list(part)].any() for part in (split.train, split.val, split.test))
    if plan.kind != "monte-carlo":
        for repeat in range(plan.repeats):
            tested = [case for named in made if named.repeat == repeat for case in named.split.test]
            assert Counter(tested) == Counter(everybody)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.kind}{plan.stratify or ''}")
def test_the_order_of_the_cohort_has_no_influence_and_the_seed_has(plan: SplitPlan, cohort: Cohort) -> None:
    cohort = known_sites(cohort)
    turned = cohort.subset(cohort.case_ids[::-1])
    assert plan.splits(turned) == plan.splits(cohort)
    assert plan.splits(cohort, list(cohort.case_ids)[::-1]) == plan.splits(cohort)
    assert plan.model_copy(update={"seed": 1}).splits(cohort) != plan.splits(cohort)


def test_repeats_differ(cohort: Cohort) -> None:
    made = SplitPlan(n_folds=3, repeats=2).splits(cohort)
    first, second = made[0].split.test, made[3].split.test
    assert first != second


def test_a_plan_can_be_restricted_to_cases(cohort: Cohort) -> None:
    some = cohort.case_ids[:30]
    for named in SplitPlan(n_folds=3).splits(cohort, some):
        assert {*named.split.train, *named.split.val, *named.split.test} == set(some)
    with pytest.raises(InputError, match="no case NOBODY"):
        SplitPlan(n_folds=3).splits(cohort, ["NOBODY"])


def test_monte_carlo_tests_the_asked_share_of_events_and_cases() -> None:
    cohort = barcode_cohort(90)
    made = SplitPlan(kind="monte-carlo", n_splits=15, test_share=0.2).splits(cohort)
    assert len(made) == 15
    for named in made:
        assert len(named.split.test) == 18
        assert cohort.event.loc[list(named.split.test)].sum() == 6


def test_stratified_folds_have_every_cancer_type_in_equal_numbers() -> None:
    cohort = barcode_cohort(90)
    for plan in (SplitPlan(stratify="Cancer type"), SplitPlan(kind="monte-carlo", stratify="Cancer type", n_splits=3)):
        for named in plan.splits(cohort):
            for part in (named.split.test, named.split.train):
                counts = cohort.clinical.loc[list(part), "Cancer type"].value_counts()
                assert counts.max() - counts.min() <= 3
    assert {named.split.test for named in SplitPlan().splits(cohort)} != {
        named.split.test for named in SplitPlan(stratify="Cancer type").splits(cohort)
    }


def test_no_site_is_both_trained_on_and_tested() -> None:
    cohort = barcode_cohort()
    for named in SplitPlan(kind="site", n_folds=4).splits(cohort):
        seen = {case.split("-")[1] for case in (*named.split.train, *named.split.val)}
        assert not seen & {case.split("-")[1] for case in named.split.test}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=12, max_size=40), st.integers(2, 5), st.integers(0, 5))
def test_site_folds_are_as_even_as_the_sites_allow(sizes: list[int], n_folds: int, seed: int) -> None:
    """No single site could be moved to make the events and cases more even; and no site is divided."""
    sites = np.array([f"S{i}" for i, size in enumerate(sizes) for _ in range(size)], dtype=object)
    event = np.arange(len(sites)) % 2 == 0
    fold = site_folds(sites, event, n_folds, np.random.default_rng(seed))
    assert all(len(set(fold[sites == site])) == 1 for site in set(sites))
    events = np.bincount(fold[event], minlength=n_folds)
    assert events.max() - events.min() <= 2 * max(sizes)
    assert events.min() > 0


def test_too_few_sites_are_refused(cohort: Cohort) -> None:
    with pytest.raises(InputError, match="cannot be divided into 5 folds"):
        SplitPlan(kind="site").splits(barcode_cohort(60, sites=3))
    with pytest.raises(InputError, match="no TCGA barcodes"):
        SplitPlan(kind="site").splits(cohort)
    with pytest.raises(InputError, match="no clinical column 'Hospital'"):
        SplitPlan(kind="site", site="Hospital").splits(cohort)
    with pytest.raises(InputError, match="have no Stage"):
        SplitPlan(kind="site", site="Stage").splits(cohort)


def test_a_plan_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="split file"):
        SplitPlan(kind="file")
    with pytest.raises(ValidationError, match="split file"):
        SplitPlan(file="splits/a.csv")
    with pytest.raises(ValidationError, match="site column"):
        SplitPlan(site="Hospital")


def test_a_split_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    splits = (NamedSplit(0, 0, Split(("A", "B"), ("C",), ("D",))), NamedSplit(1, 2, Split(("A",), (), ("B", "C"))))
    assert read_split_file(write_split_file(tmp_path / "splits" / "mine.csv", splits)) == splits


def test_validation_is_drawn_from_training_cases_where_a_file_has_none(cohort: Cohort, tmp_path: Path) -> None:
    ids = cohort.case_ids
    both = (Split(ids[10:39], (), ids[:10]), Split(ids[10:30], ids[30:39], ids[:10]))
    file = write_split_file(tmp_path / "mine.csv", [NamedSplit(i, 0, split) for i, split in enumerate(both)])
    notices: list[Notice] = []
    drawn, given = SplitPlan(kind="file", file=str(file)).splits(cohort, notices=notices)
    assert (drawn.split.test, set(drawn.split.train + drawn.split.val)) == (ids[:10], set(ids[10:39]))
    assert cohort.event.loc[list(drawn.split.val)].sum() == 2
    assert given.split.val == ids[30:39], "what was published stays"
    assert notices == []


def test_patients_of_a_file_that_the_cohort_lacks_are_counted(cohort: Cohort, tmp_path: Path) -> None:
    file = write_split_file(
        tmp_path / "s.csv", [NamedSplit(0, 0, Split((*cohort.case_ids[:20], "X1"), (), ("C030", "X2")))]
    )
    notices: list[Notice] = []
    SplitPlan(kind="file", file=str(file)).splits(cohort, notices=notices)
    assert [notice.code for notice in notices] == ["split.unknown_cases", "split.cases_left_out"]
    assert notices[0].text.startswith("s.csv: 2 of 23 names belong to no case of the cohort")
    assert notices[1].text.startswith("s.csv places 21 of 39 cases")
    with pytest.raises(InputError, match="Is it the split of another cohort"):
        read_split_file(file, case_ids=["Y"])


def test_a_folder_of_clam_files_is_one_fold_per_file_by_patient(tmp_path: Path) -> None:
    """Slides become patients; without a test column, val is what was reported."""
    slides = {case: f"TCGA-AA-000{case}-01Z-00-DX1" for case in range(6)}
    (tmp_path / "splits_0.csv").write_text(
        f",train,val,test\n0,{slides[0]},{slides[2]},{slides[3]}\n1,{slides[1]},,\n2,{slides[0][:-1]}2,,\n"
    )
    (tmp_path / "splits_1.csv").write_text(f",train,val\n0,{slides[0]},{slides[4]}\n1,{slides[1]},{slides[5]}\n")
    (tmp_path / "splits_0_bool.csv").write_text("nothing of ours")
    first, second = read_split_file(tmp_path)
    assert first == NamedSplit(0, 0, Split(("TCGA-AA-0000", "TCGA-AA-0001"), ("TCGA-AA-0002",), ("TCGA-AA-0003",)))
    assert second == NamedSplit(0, 1, Split(("TCGA-AA-0000", "TCGA-AA-0001"), (), ("TCGA-AA-0004", "TCGA-AA-0005")))


def test_two_slides_of_a_patient_in_two_parts_are_an_overlap(tmp_path: Path) -> None:
    file = tmp_path / "splits_0.csv"
    file.write_text("train,val\nTCGA-AA-0001-01Z-00-DX1,TCGA-AA-0001-01Z-00-DX2\nTCGA-AA-0002-01Z-00-DX1,\n")
    with pytest.raises(InputError, match="1 cases are in train and in test: TCGA-AA-0001"):
        read_split_file(file)


def test_randomisations_are_one_split_per_column(tmp_path: Path) -> None:
    file = tmp_path / "splits_15.csv"
    file.write_text("case_id,Randomization - 1,Randomization - 2\nA,Train,Test\nB,Test,Train\nC,Train,NA\n")
    assert read_split_file(file) == (
        NamedSplit(0, 0, Split(("A", "C"), (), ("B",))),
        NamedSplit(1, 0, Split(("B",), (), ("A",))),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train,val,test\nA,C,C\nB,D,D\n", "2 cases are in validation and in test"),
        ("train,val\nA,B\nB,\n", "1 cases are in train and in test"),
        ("train,val\nA,B\nA,\n", "1 names are in train twice"),
        ("case_id,one\nA,Train\nB,Maybe\n", "says 'Maybe' of B"),
        ("case_id,repeat,fold,part\nA,0,first,train\n", "1 bad rows"),
        ("case_id,repeat,fold,part\nA,0,0,holdout\n", "1 bad rows"),
        ("patient,where\nA,here\n", "no split file"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "split.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_split_file(file)


def test_a_split_without_test_cases_is_no_plan(cohort: Cohort, tmp_path: Path) -> None:
    file = write_split_file(
        tmp_path / "s.csv", [NamedSplit(0, 0, Split(cohort.case_ids[:20], cohort.case_ids[20:30], ()))]
    )
    with pytest.raises(InputError, match="no case of the cohort is in its test part"):
        SplitPlan(kind="file", file=str(file)).splits(cohort)


def test_the_protocol_follows_from_the_settings() -> None:
    assert protocol_of("loss", 0.15) == "nested"
    assert protocol_of("last", 0.15) == protocol_of("last", 0.0) == "last-epoch"
