"""A case's evidence by name: every method, target and baseline on the shipped checkpoint, one fold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survviz.checkpoint import Checkpoint
from survviz.cli.attribution import as_csv, as_document
from survviz.data.cohort import Cohort
from survviz.errors import InputError, UnknownNameError
from survviz.explain.shapley import shapley
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.attribution import METHODS, CaseAttribution, attribute, modality_subsets, over_time
from survviz.pipeline.explanation.baseline_points import BASELINES, fit_baselines, reference, why_no_baseline
from survviz.pipeline.explanation.target_names import TargetName
from survviz.types import Case

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def case(cohort: Cohort, member: str) -> Case:
    """Of the training cohort: one fold alone may score it. A few patches are enough."""
    full = cohort.case(member)
    bag = full.bags[0]
    return replace(full, bags=(replace(bag, features=bag.features[:40], coords=bag.coords[:40]),))


@pytest.fixture(scope="module")
def found(predictor: Predictor, case: Case) -> CaseAttribution:
    return attribute(predictor, case, patches=True)


def test_levels_are_views_of_the_same_change(found: CaseAttribution, predictor: Predictor, case: Case) -> None:
    assert found.gap < 0.01
    assert found.output == pytest.approx(predictor.predict(case, allow_unlike=True).risk, abs=1e-6)
    of = {level: sum(piece.value for piece in found.of(level)) for level in found.levels}
    by_name = {piece.name: piece.value for piece in found.of("modality")}
    assert of["modality"] == pytest.approx(found.change, rel=0.01)
    assert of["embedding"] == pytest.approx(found.change, rel=0.02)
    assert of["sentence"] == pytest.approx(by_name["clinical"], abs=1e-6)
    assert of["gene"] == pytest.approx(by_name["genomic"], abs=1e-6)
    assert of["programme"] == pytest.approx(by_name["genomic"], abs=1e-5)
    assert sum(one.values.sum() for one in found.patches) == pytest.approx(by_name["pathology"], abs=1e-6)


def test_pieces_carry_the_patients_own_values(found: CaseAttribution, case: Case, predictor: Predictor) -> None:
    own = {piece.name: piece.own for piece in found.of("sentence")}
    assert case.clinical is not None
    codes = predictor.checkpoint.preprocess(0).templates.codes(case.clinical)
    assert own["Age"] == f"{codes['Age']:g}"
    assert all(piece.own.startswith("z = ") for piece in found.of("gene"))
    assert found.of("modality")[0].own
    sizes = [abs(piece.value) for piece in found.of("gene")]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("target", ["survival:36", "logit:2"])
def test_other_targets_add_up_too(predictor: Predictor, case: Case, target: str) -> None:
    found = attribute(predictor, case, target=target)
    assert found.gap < 0.01
    assert sum(piece.value for piece in found.of("modality")) == pytest.approx(found.change, rel=0.01, abs=1e-5)
    if target == "survival:36":
        shown = next(one.survival for one in predictor.predict(case, allow_unlike=True).horizons if one.months == 36)
        assert found.output == pytest.approx(shown, abs=1e-6)


@pytest.mark.parametrize("baseline", [name for name in BASELINES if name != "training mean"])
def test_other_baselines_have_the_same_output(predictor: Predictor, case: Case, baseline: str) -> None:
    found, mean = (
        attribute(predictor, case, baseline=name, method="relevance") for name in (baseline, "training mean")
    )
    assert found.output == mean.output
    assert found.reference != mean.reference
    assert found.baseline_words == BASELINES[baseline]


def test_subsets_hold_the_whole_and_the_missing(predictor: Predictor, case: Case) -> None:
    values = modality_subsets(predictor, case)
    assert len(values) == 8
    whole = predictor.predict(case, allow_unlike=True)
    np.testing.assert_allclose(values[frozenset(whole.present)], whole.risk_per_fold, atol=1e-6)
    without = predictor.predict(replace(case, clinical=None), allow_unlike=True)
    np.testing.assert_allclose(values[frozenset({"pathology", "genomic"})], without.risk_per_fold, atol=1e-6)


def test_shapley_adds_up_to_the_subsets(predictor: Predictor, case: Case) -> None:
    found = attribute(predictor, case, method="shapley")
    expected = shapley(modality_subsets(predictor, case))
    assert {piece.name: piece.value for piece in found.pieces} == pytest.approx(
        {name: float(value.mean()) for name, value in expected.items()}
    )
    assert found.gap < 1e-6
    assert found.baseline == "no modality"


def test_removal_is_the_whole_minus_the_rest(predictor: Predictor, case: Case) -> None:
    values = modality_subsets(predictor, case)
    found = {piece.name: piece.value for piece in attribute(predictor, case, method="removal").pieces}
    gone = values[frozenset({"pathology", "clinical", "genomic"})] - values[frozenset({"pathology", "genomic"})]
    assert found["clinical"] == pytest.approx(float(gone.mean()))


def test_what_is_missing_has_no_piece(predictor: Predictor, case: Case) -> None:
    found = attribute(predictor, replace(case, rna=None), method="relevance")
    assert {piece.modality for piece in found.pieces} == {"pathology", "clinical"}


def test_every_bin_is_explained(predictor: Predictor, case: Case) -> None:
    steps: list[tuple[int, int]] = []
    bins = over_time(predictor, case, method="relevance", progress=lambda done, total: steps.append((done, total)))
    assert [one.target for one in bins] == ["logit:1", "logit:2", "logit:3", "logit:4"]
    assert bins[1].target_words.startswith("hazard logit of months ")
    assert steps[-1][0] == steps[-1][1]


def test_names_are_checked(predictor: Predictor, case: Case) -> None:
    with pytest.raises(UnknownNameError):
        attribute(predictor, case, method="magic")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError):
        attribute(predictor, case, baseline="median")
    for name in ("survival", "logit:0", "logit:x", "hazard", "survival:nan"):
        with pytest.raises(InputError, match="survival:MONTHS"):
            TargetName.parse(name)
    with pytest.raises(InputError, match="bins 1 to 4"):
        attribute(predictor, case, target="logit:9")
    with pytest.raises(InputError, match="500 months"):
        attribute(predictor, case, target="survival:500")
    assert METHODS[0] == "integrated-gradients"


def test_stored_baselines_are_those_of_the_training_cohort(predictor: Predictor, cohort: Cohort) -> None:
    """Fitted again on clinic and expression alone, the training means are those in the file."""
    checkpoint = predictor.checkpoint
    held = [name for name in cohort.case_ids if checkpoint.membership.tested_in(name) not in (None, 0)]
    preprocess = checkpoint.preprocess(0)
    rows = [preprocess.transform(cohort.case(name, bags=False)).tokens for name in held]
    mean = np.mean([row["clinical"] for row in rows if "clinical" in row], axis=0)
    stored = reference(checkpoint, 0, "training mean")
    np.testing.assert_allclose(stored.tokens["clinical"].numpy(), mean, atol=1e-5)
    assert stored.patches is None


def test_an_older_checkpoint_says_how_to_get_baselines(predictor: Predictor, cohort: Cohort) -> None:
    old: Checkpoint = replace(predictor.checkpoint, points=())
    assert "survviz baselines" in (why_no_baseline(old, "training mean") or "")
    assert why_no_baseline(old, "zero") is None
    with pytest.raises(InputError, match="trained on 194 cases; 0 of them"):
        fit_baselines(predictor, cohort.subset(sorted(cohort.holdout)))


def test_csv_and_json_hold_every_piece(found: CaseAttribution) -> None:
    lines = as_csv(found).splitlines()
    assert lines[0] == "level,modality,name,value,sd,own"
    assert len(lines) == 1 + len(found.pieces)
    document = json.loads(json.dumps(as_document(found)))
    assert document["change"] == pytest.approx(found.change)
    assert len(document["pieces"]) == len(found.pieces)
