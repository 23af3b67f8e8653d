"""Shares of modalities and sizes of features over patients: reference values by hand, and the bundled cohort."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.attribution import attribute_cohort, features_over, modality_shares
from survviz.pipeline.explanation.attribution import CaseAttribution
from survviz.pipeline.explanation.pieces import Piece
from survviz.types import Modality

N_CASES = 2


def attribution(case_id: str, **values: float) -> CaseAttribution:
    """A case to which its modalities add these values, and a gene half of what genomic adds."""
    names: list[Modality] = [name for name in ("pathology", "clinical", "genomic") if name in values]
    pieces = [Piece.of((name, "modality", name), np.array([values[name]]), "") for name in names]
    if "genomic" in values:
        pieces.append(Piece.of(("genomic", "gene", "TP53"), np.array([values["genomic"] / 2]), "z = +1.0"))
    total = sum(values.values())
    return CaseAttribution(
        case_id=case_id,
        checkpoint="by hand",
        method="integrated-gradients",
        target="risk",
        target_words="risk score",
        baseline="zero",
        baseline_words="",
        output=total,
        reference=0.0,
        output_per_fold=np.array([total]),
        reference_per_fold=np.zeros(1),
        pieces=tuple(pieces),
        patches=(),
        gap=0.0,
        folds=(0,),
        seconds=0.0,
    )


def test_share_is_the_mean_over_cases_of_sizes_and_not_of_signed_values() -> None:
    cases = [
        attribution("a", clinical=-3.0, genomic=1.0),
        attribution("b", clinical=1.0),
        attribution("c", genomic=-2.0),
    ]
    clinical, genomic = modality_shares(cases)
    assert (clinical.modality, genomic.modality) == ("clinical", "genomic")
    assert clinical.share == pytest.approx((0.75 + 1 + 0) / 3)
    assert genomic.share == pytest.approx((0.25 + 0 + 1) / 3)
    assert (clinical.mean, genomic.mean) == pytest.approx((-1.0, -0.5))
    assert (clinical.n_cases, clinical.n_driven, genomic.n_cases, genomic.n_driven) == (2, 2, 2, 1)


def test_interval_is_over_patients_and_one_patient_has_none() -> None:
    (alone,) = modality_shares([attribution("a", clinical=2.0)])
    assert alone.interval is None
    cases = [attribution(str(i), clinical=1.0, genomic=float(i % 2)) for i in range(40)]
    clinical, genomic = modality_shares(cases)
    assert clinical.interval is not None
    assert clinical.interval.low < clinical.share < clinical.interval.high
    assert clinical.share + genomic.share == pytest.approx(1)


def test_case_to_which_nothing_adds_counts_as_no_share_and_drives_nothing() -> None:
    (clinical,) = modality_shares([attribution("a", clinical=0.0), attribution("b", clinical=1.0)])
    assert (clinical.share, clinical.n_driven) == (0.5, 1)


def test_features_are_sorted_by_mean_size_over_the_cases_that_have_them() -> None:
    cases = [attribution("a", genomic=4.0), attribution("b", genomic=-2.0), attribution("c", clinical=1.0)]
    (gene,) = features_over(cases, "gene")
    assert (gene.name, gene.size, gene.case_ids) == ("TP53", 1.5, ("a", "b"))
    np.testing.assert_allclose(gene.values, [2.0, -1.0])


def test_cases_of_a_cohort_are_explained_by_models_that_never_saw_them(
    predictor: Predictor, cohort: Cohort, held_out: str, member: str
) -> None:
    found = attribute_cohort(predictor, cohort.subset([held_out, member]), method="shapley")
    assert {case.case_id: len(case.folds) for case in found.cases} == {
        held_out: predictor.checkpoint.n_folds,
        member: 1,
    }
    shares = modality_shares(found.cases)
    assert sum(one.share for one in shares) == pytest.approx(1)
    assert sum(one.n_driven for one in shares) == N_CASES
    assert found.strata == ()


def test_cohort_of_nobody_is_refused_in_words(predictor: Predictor, cohort: Cohort) -> None:
    with pytest.raises(InputError, match="can be explained by demo-survpgc"):
        attribute_cohort(predictor, cohort.subset([]))
