"""The case with a change beside the case as it is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError, OutOfDistributionError, UnknownNameError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.what_if import (
    Change,
    as_json,
    changed,
    programme_levels,
    refusals,
    removable,
    settable_values,
    what_if,
)
from survviz.types import Case


@pytest.fixture(scope="module")
def case(cohort: Cohort, held_out: str) -> Case:
    return cohort.case(held_out)


def test_no_change_is_no_difference(predictor: Predictor, case: Case) -> None:
    found = what_if(predictor, case, Change())
    assert not found.change
    np.testing.assert_array_equal(found.risk_per_fold, 0)
    assert [(one.months, one.change) for one in found.differences] == [(12, 0), (36, 0), (60, 0)]


def test_another_age_and_stage_is_the_prediction_of_a_record_that_says_so(predictor: Predictor, case: Case) -> None:
    found = what_if(predictor, case, Change(clinical={"Age": 45.0, "Stage": "I"}))
    by_hand = replace(case, clinical={**(case.clinical or {}), "Age": 45.0, "Stage": "I"})
    after = predictor.predict(by_hand, allow_unlike=True)
    assert found.after.risk == after.risk
    assert found.risk_per_fold.mean() < 0, "younger and of a lower stage is the lower risk"
    for one, old, new in zip(found.differences, found.before.horizons, after.horizons, strict=True):
        assert one.change == pytest.approx((new.survival or 0) - (old.survival or 0), abs=1e-12)
    json.dumps(as_json(found), allow_nan=False)


def test_a_shift_moves_the_genes_of_the_programme_by_z_and_no_others(predictor: Predictor, case: Case) -> None:
    preprocess = predictor.checkpoint.preprocess(0)
    scaler = preprocess.ood.rna
    assert scaler is not None
    before, _ = scaler.transform(dict(case.rna or {}))
    after, _ = scaler.transform(dict(changed(predictor, case, Change(programmes={"Hypoxia": 0.5})).rna or {}))
    inside = np.isin(np.arange(len(before)), preprocess.programmes["Hypoxia"])
    np.testing.assert_allclose(after[inside] - before[inside], 0.5, atol=1e-5)
    np.testing.assert_array_equal(after[~inside], before[~inside])
    levels = programme_levels(predictor, changed(predictor, case, Change(programmes={"Hypoxia": 0.5})))
    assert levels["Hypoxia"] == pytest.approx(programme_levels(predictor, case)["Hypoxia"] + 0.5, abs=1e-5)


def test_a_shift_there_and_back_is_no_change(predictor: Predictor, case: Case) -> None:
    there = changed(predictor, case, Change(programmes={"EMT": 0.4}))
    back = changed(predictor, there, Change(programmes={"EMT": -0.4}))
    for gene, value in (case.rna or {}).items():
        assert (back.rna or {})[gene] == pytest.approx(value, abs=1e-9)


def test_a_gene_that_the_case_lacks_starts_from_the_training_mean(predictor: Predictor, case: Case) -> None:
    preprocess = predictor.checkpoint.preprocess(0)
    scaler = preprocess.ood.rna
    assert scaler is not None
    column = preprocess.programmes["Hypoxia"][0]
    gene = scaler.genes[column]
    bare = replace(case, rna={name: value for name, value in (case.rna or {}).items() if name != gene})
    z, _ = scaler.transform(dict(changed(predictor, bare, Change(programmes={"Hypoxia": 1.0})).rna or {}))
    assert z[column] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["pathology", "clinical", "genomic"])
def test_a_modality_taken_away_is_one_that_was_never_measured(predictor: Predictor, case: Case, name: str) -> None:
    assert name in removable(predictor, case)
    found = what_if(predictor, case, Change(without=frozenset({name})))  # pyright: ignore[reportArgumentType]
    assert name not in found.after.present
    bare = {"pathology": {"bags": ()}, "clinical": {"clinical": None}, "genomic": {"rna": None}}[name]
    assert found.after.risk == predictor.predict(replace(case, **bare), allow_unlike=True).risk


def test_changes_combine(predictor: Predictor, case: Case) -> None:
    both = Change(clinical={"Age": 45.0}, programmes={"Hypoxia": -0.5}, without=frozenset({"pathology"}))
    other = changed(predictor, case, both)
    assert (other.bags, (other.clinical or {})["Age"]) == ((), 45.0)
    one_by_one = changed(predictor, case, Change(clinical={"Age": 45.0}))
    one_by_one = changed(predictor, one_by_one, Change(programmes={"Hypoxia": -0.5}))
    assert what_if(predictor, case, both).after.risk == pytest.approx(
        predictor.predict(replace(one_by_one, bags=()), allow_unlike=True).risk
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(clinical={"Age": 101.0}), "the training cases had .* to .*"),
        (Change(clinical={"Grade": "4"}), "Grade: 4 was asked for; the training cases had 1 "),
        (Change(programmes={"Hypoxia": 6.0}), "Hypoxia: a level of .* within 2.5 SD"),
    ],
)
def test_what_no_model_saw_in_training_is_refused_in_words(
    predictor: Predictor, case: Case, change: Change, words: str
) -> None:
    with pytest.raises(OutOfDistributionError, match=words):
        what_if(predictor, case, change)
    assert len(refusals(predictor, case, change)) == 1


def test_every_value_that_is_offered_is_accepted(predictor: Predictor, case: Case) -> None:
    offered = settable_values(predictor, case)
    assert set(offered) == set(predictor.checkpoint.preprocess(0).templates.tokens)
    assert offered["Stage"] == ("I", "II", "III", "IV")
    for name, values in offered.items():
        for value in (*values, None):
            assert refusals(predictor, case, Change(clinical={name: value})) == ()


def test_unknown_names_and_an_empty_case_are_refused_in_words(predictor: Predictor, case: Case) -> None:
    with pytest.raises(UnknownNameError, match="Hypoxia"):
        what_if(predictor, case, Change(programmes={"Hypoxya": 0.1}))
    with pytest.raises(UnknownNameError, match="Stage"):
        what_if(predictor, case, Change(clinical={"Stadium": "I"}))
    with pytest.raises(InputError, match="Leave one modality in"):
        what_if(predictor, case, Change(without=frozenset({"pathology", "clinical", "genomic"})))


def test_horizons_beyond_the_follow_up_say_why(predictor: Predictor, case: Case) -> None:
    found = what_if(predictor, case, Change(clinical={"Age": 50.0}))
    horizon = replace(found.before.horizons[2], survival=None, reason="beyond the follow-up")
    bare = replace(found.before, horizons=(*found.before.horizons[:2], horizon))
    last = replace(found, before=bare).differences[2]
    assert (last.change, last.reason) == (None, "beyond the follow-up")
