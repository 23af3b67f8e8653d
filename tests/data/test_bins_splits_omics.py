"""Time bins, splits and expression scaling, against closed forms."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.data.bins import TimeBins
from survviz.data.omics import OmicsScaler, is_linear
from survviz.data.splits import Split, stratified_kfold
from survviz.errors import InputError


def test_edges_are_the_quartiles_of_the_observed_times() -> None:
    time = [1, 2, 3, 4, 5, 100, 0.5]
    event = [True, True, True, True, True, False, False]
    bins = TimeBins.fit(time, event, 4)
    assert bins.edges == pytest.approx((0.5 - 1e-6, 2, 3, 4, 100 + 1e-6), abs=1e-9)
    assert bins.labels([1, 1.999, 2, 3.5, 4, 99]).tolist() == [0, 0, 1, 2, 3, 3]


def test_edges_agree_with_pandas_qcut() -> None:
    rng = np.random.default_rng(0)
    time, event = rng.exponential(30, 200), rng.random(200) < 0.4
    _, edges = pd.qcut(time[event], 4, retbins=True)
    assert TimeBins.fit(time, event).edges[1:-1] == pytest.approx(edges[1:-1])


def test_times_outside_the_training_range_go_to_the_outer_bins() -> None:
    bins = TimeBins.fit([5, 6, 7, 8, 9], [True] * 5, 4)
    assert bins.labels([0.1, 1000]).tolist() == [0, 3]


@pytest.mark.parametrize(
    ("time", "event", "said"),
    [
        ([1, 2, 3, 4], [False] * 4, "only 0 of 4"),
        ([1, 2, 3, 4], [True, True, False, False], "Use at most 2 bins"),
        ([5, 5, 5, 5, 9], [True] * 5, "cannot be told apart"),
        ([1, 2, float("nan"), 4], [True] * 4, "1 times are missing"),
        ([1], [True], "at most 1 bins"),
    ],
)
def test_bins_that_cannot_be_fitted_say_why(time: list[float], event: list[bool], said: str) -> None:
    with pytest.raises(InputError, match=said):
        TimeBins.fit(time, event, 4)


def test_a_missing_time_has_no_bin() -> None:
    with pytest.raises(InputError, match="missing time"):
        TimeBins((0.0, 1.0, 2.0)).labels([np.nan])


@pytest.mark.parametrize("edges", [(1.0,), (1.0, 1.0), (2.0, 1.0), (0.0, float("inf"))])
def test_impossible_edges_are_refused(edges: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        TimeBins(edges)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 500), min_size=12, max_size=60, unique=True), st.integers(1, 5))
def test_bins_hold_the_events_evenly_and_survive_json(time: list[float], n_bins: int) -> None:
    bins = TimeBins.fit(time, [True] * len(time), n_bins)
    counts = np.bincount(bins.labels(time), minlength=n_bins)
    assert len(bins) == n_bins
    assert counts.sum() == len(time)
    assert counts.max() - counts.min() <= 2
    assert TimeBins.from_dict(json.loads(json.dumps(bins.to_dict()))) == bins


def test_an_overlap_of_parts_is_refused() -> None:
    with pytest.raises(InputError, match="validation and in test: B"):
        Split(("A",), ("B",), ("B", "C"))
    with pytest.raises(InputError, match="train and in test"):
        Split(("A",), (), ("A",))
    with pytest.raises(InputError, match="twice"):
        Split(("A", "A"), (), ("B",))
    with pytest.raises(InputError, match="empty"):
        Split((), ("A",), ("B",))


def folds(n: int, n_events: int, **options: object) -> list[Split]:
    ids = [f"C{i:03d}" for i in range(n)]
    event = pd.Series([i < n_events for i in range(n)], index=ids)
    return stratified_kfold(ids, event, **options)  # pyright: ignore[reportArgumentType]


@settings(max_examples=40, deadline=None)
@given(st.integers(12, 120), st.floats(0.1, 0.9), st.integers(2, 5), st.integers(0, 9))
def test_every_case_is_tested_once_and_events_are_spread(n: int, share: float, n_folds: int, seed: int) -> None:
    n_events = max(n_folds, int(share * n))
    splits = folds(n, n_events, n_folds=n_folds, seed=seed)
    tested = [case for split in splits for case in split.test]
    assert sorted(tested) == [f"C{i:03d}" for i in range(n)]
    counts = [sum(int(case[1:]) < n_events for case in split.test) for split in splits]
    assert max(counts) - min(counts) <= 1
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= 1
    for split in splits:
        assert len(split.train) + len(split.val) + len(split.test) == n
        if n_events >= 3 * n_folds:
            assert any(int(case[1:]) < n_events for case in split.val), "validation has an event"


def test_validation_has_the_asked_share_of_events() -> None:
    for split in folds(100, 40, n_folds=5, inner_val=0.25):
        events = sum(int(case[1:]) < 40 for case in split.val)
        assert (len(split.val), events) == (20, 8)


def test_the_order_of_cases_does_not_matter_and_the_seed_does() -> None:
    ids = [f"C{i:03d}" for i in range(50)]
    event = pd.Series([i % 3 == 0 for i in range(50)], index=ids)
    assert stratified_kfold(ids, event, seed=1) == stratified_kfold(ids[::-1], event, seed=1)
    assert stratified_kfold(ids, event, seed=1) != stratified_kfold(ids, event, seed=2)


def test_holdout_cases_are_in_no_part() -> None:
    for split in folds(30, 15, n_folds=3, holdout={"C001", "C020"}):
        assert not {"C001", "C020"} & {*split.train, *split.val, *split.test}


def test_too_few_events_are_refused() -> None:
    with pytest.raises(InputError, match="3 of 30 cases had the event"):
        folds(30, 3, n_folds=5)
    with pytest.raises(InputError, match="no event value"):
        stratified_kfold(["A", "B"], pd.Series([True], index=["A"]))


def test_scaling_is_the_z_score_of_training_cases() -> None:
    table = pd.DataFrame({"A": [1.0, 2, 3, 4], "B": [10.0, 10, 10, 10]}, index=list("wxyz"))
    scaler = OmicsScaler.fit(table)
    vector, match = scaler.transform({"A": 2.5 + np.sqrt(1.25), "B": 99})
    assert vector == pytest.approx([1, 0]), "a gene that was constant in training carries nothing"
    assert match.coverage == 1
    np.testing.assert_allclose(scaler.transform_table(table)[:, 0].mean(), 0, atol=1e-6)


def test_missing_genes_become_the_training_mean_and_are_reported() -> None:
    scaler = OmicsScaler.fit(pd.DataFrame({"AARS": [1.0, 3], "B": [1.0, 2], "C": [0.0, 5]}), genes=["AARS1", "B", "C"])
    vector, match = scaler.transform({"AARS1": 3.0, "B": np.nan})
    assert vector == pytest.approx([1, 0, 0])
    assert match.missing == ("C",)


def test_an_absurd_cell_does_not_flatten_its_gene() -> None:
    rng = np.random.default_rng(0)
    clean = rng.normal(size=300)
    dirty = np.append(clean, 36893.0)
    scaler = OmicsScaler.fit(pd.DataFrame({"A": dirty}))
    assert scaler.sd[0] == pytest.approx(clean.std(), rel=0.25)
    assert scaler.transform({"A": 36893.0})[0] == pytest.approx([6])


def test_linear_units_are_logged_and_negative_ones_refused() -> None:
    assert is_linear("TPM")
    assert not is_linear("log2(TPM+1)")
    scaler = OmicsScaler.fit(pd.DataFrame({"A": [0.0, 3.0]}), log2=True)
    assert scaler.mean == pytest.approx([1.0])
    with pytest.raises(InputError, match="negative"):
        scaler.transform({"A": -1.0})


def test_a_table_without_any_wanted_gene_is_refused() -> None:
    with pytest.raises(InputError, match="None of 1 wanted genes"):
        OmicsScaler.fit(pd.DataFrame({"ENSG1": [1.0]}), genes=["TP53"])


def test_a_gene_without_values_in_training_becomes_zero() -> None:
    scaler = OmicsScaler.fit(pd.DataFrame({"A": [np.nan, np.nan], "B": [1.0, 2.0]}))
    assert scaler.transform({"A": 5.0, "B": 2.0})[0] == pytest.approx([0, 1])


def test_scaler_survives_json_exactly() -> None:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 5)), columns=list("ABCDE"))
    scaler = OmicsScaler.fit(table)
    back = OmicsScaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    np.testing.assert_array_equal(back.transform_table(table), scaler.transform_table(table))
