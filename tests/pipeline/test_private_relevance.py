"""Relevance of a cohort: the same numbers as for one case, and a release that costs what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError, PrivacyError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.attribution import attribute
from survviz.pipeline.private.relevance import RelevanceTable, released, released_by_stratum, relevance_table
from survviz.privacy.accountant import Training
from survviz.privacy.spec import PrivacySpec

BILAYER = Path(__file__).parents[2] / "checkpoints" / "demo-bilayer"


@pytest.fixture(scope="module")
def bilayer() -> Predictor:
    return Predictor.load(BILAYER, device="cpu")


@pytest.fixture(scope="module")
def table(bilayer: Predictor, cohort: Cohort) -> RelevanceTable:
    return relevance_table(bilayer, cohort, cohort.case_ids[:12])


@pytest.fixture(scope="module")
def network() -> PrivacySpec:
    return Training(2.0, 0.05, 20).spec(1e-5, patients=400)


def test_fields_and_modalities_are_those_of_single_cases(
    bilayer: Predictor, cohort: Cohort, table: RelevanceTable
) -> None:
    assert {"Age", "expression", "miRNA"} <= set(table.names)
    for case_id, row in zip(table.case_ids[:3], table.values[:3], strict=True):
        case = attribute(bilayer, cohort.case(case_id), method="relevance", baseline="zero")
        everything = sum(piece.value for piece in case.of("modality"))
        assert row.sum() == pytest.approx(everything, abs=1e-6)
        age = next(piece.value for piece in case.of("clinical") if piece.name == "Age")
        assert row[table.names.index("Age")] == pytest.approx(age, abs=1e-6)


def test_a_patient_counts_as_much_as_any_other(table: RelevanceTable) -> None:
    larger = RelevanceTable(table.case_ids, table.names, 1e6 * table.values, table.strata, table.model)
    assert larger.shares == pytest.approx(table.shares)
    assert table.shares.sum(axis=1) == pytest.approx(np.ones(12))


def test_names_do_not_tell_who_lacks_what(bilayer: Predictor, cohort: Cohort, table: RelevanceTable) -> None:
    lacks = next(name for name in cohort.case_ids if cohort.case(name, bags=False).mirna is None)
    assert relevance_table(bilayer, cohort, [lacks]).names == table.names


def test_released_shares_carry_their_price_and_approach_the_mean(table: RelevanceTable, network: PrivacySpec) -> None:
    found = released(table, 1e4, network)
    assert list(found.values.values()) == pytest.approx(table.shares.mean(axis=0), abs=1e-3)
    assert found.source == "released"
    assert found.spec is not None
    assert (found.spec.epsilon, found.spec.ledger, found.spec.neighbour) == (1e4, "training", "add or remove one")


def test_noise_of_the_release_is_that_of_one_patient(table: RelevanceTable, network: PrivacySpec) -> None:
    one = [released(table, 0.5, network).values for _ in range(2)]
    assert one[0] != one[1]


def test_cancer_types_are_released_apart_at_one_price(table: RelevanceTable, network: PrivacySpec) -> None:
    types = tuple("AB"[i % 2] for i in range(12))
    apart = RelevanceTable(table.case_ids, table.names, table.values, types, table.model)
    found = released_by_stratum(apart, 1e4, network)
    assert set(found) == {"A", "B"}
    assert list(found["A"].values.values()) == pytest.approx(table.shares[::2].mean(axis=0), abs=2e-3)
    with pytest.raises(PrivacyError, match="no cancer type"):
        released_by_stratum(RelevanceTable(table.case_ids, table.names, table.values, (), ""), 1.0, network)


def test_a_network_without_a_guarantee_is_refused(table: RelevanceTable) -> None:
    with pytest.raises(PrivacyError, match="survviz privacy train"):
        released(table, 0.25, None)


def test_a_patient_whom_the_cohort_lacks_is_named(bilayer: Predictor, cohort: Cohort) -> None:
    with pytest.raises(InputError, match="lacks nobody-17"):
        relevance_table(bilayer, cohort, ["nobody-17"])
    with pytest.raises(InputError, match="0 patients"):
        relevance_table(bilayer, cohort, [])
