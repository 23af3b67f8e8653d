"""The reference of a checkpoint is what its folds say of patients they never saw, beside clinic on the same folds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survviz.checkpoint import Reference, load_checkpoint
from survviz.data.cohort import Cohort
from survviz.evaluation import concordance_index, paired_bootstrap
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.evaluation import evaluate
from survviz.training import TrainConfig, TrainReport, cross_validate

COX = {"model": "cox", "modalities": ("clinical",), "n_folds": 2, "n_bins": 3, "ridges": (1.0, 0.1)}


@pytest.fixture(scope="module")
def beside(tiny: Cohort, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    """Cox on clinic and expression."""
    config = TrainConfig.model_validate(
        {**COX, "modalities": ("clinical", "genomic"), "preprocess": {"genes": "variable", "max_genes": 12}}
    )
    text = {"Source": "forty invented cases", "Licence": "none at all"}
    return cross_validate(tiny, config, tmp_path_factory.mktemp("out") / "cox", sections=text, beside_clinic=True)


def test_stored_estimates_are_what_evaluation_of_the_training_cases_finds(tiny: Cohort, beside: TrainReport) -> None:
    assert beside.folder is not None
    found = evaluate(Predictor.load(beside.folder, "cpu"), tiny, training_cases=True, n_resamples=20)
    stored = beside.reference.estimates
    assert stored.keys() == found.estimates.keys()
    for name, one in found.estimates.items():
        if name == "d_calibration_p":
            continue  # forty cases in ten bins: the finer grid of the predictor moves some to another bin
        if one.value is None:
            assert stored[name].value is None, name
        else:
            assert stored[name].value == pytest.approx(one.value, rel=1e-2, abs=1e-3), name


def test_clinic_is_cox_on_the_same_folds_and_the_same_cases(tiny: Cohort, beside: TrainReport) -> None:
    alone = cross_validate(tiny, TrainConfig.model_validate({**COX, "ridges": TrainConfig().ridges}))
    cases = alone.risks.index  # the case without clinical data is scored beside, not alone
    clinic, risks = beside.reference.clinic, beside.risks.loc[cases]
    assert clinic is not None
    assert clinic.n_cases == len(beside.risks) == len(cases) + 1
    assert clinic.fields == ("Age", "Sex", "Stage")
    assert clinic.pooled.clinic == pytest.approx(
        concordance_index(alone.risks["risk"], risks["time"], risks["event"]), abs=0.05
    )
    together = concordance_index(*(beside.risks[name] for name in ("risk", "time", "event")))
    assert clinic.pooled.clinic + clinic.pooled.difference == pytest.approx(together)
    assert clinic.pooled.low < clinic.pooled.difference < clinic.pooled.high


def test_clinic_against_itself_shows_nothing(tiny: Cohort) -> None:
    config = TrainConfig.model_validate({**COX, "ridges": TrainConfig().ridges})
    clinic = cross_validate(tiny, config, beside_clinic=True).reference.clinic
    assert clinic is not None
    assert (clinic.pooled.difference, clinic.pooled.low, clinic.pooled.high) == (0, 0, 0)
    assert clinic.pooled.words == "not shown to be better than clinic"


def test_a_cohort_without_clinic_has_nothing_beside(tiny: Cohort) -> None:
    bare = replace(tiny, clinical=tiny.clinical.iloc[:, :0], fields=())
    config = TrainConfig.model_validate(
        {**COX, "modalities": ("genomic",), "preprocess": {"genes": "variable", "max_genes": 12}}
    )
    assert cross_validate(bare, config, beside_clinic=True).reference.clinic is None


def test_within_cancer_types_only_pairs_of_one_type_count(tiny: Cohort) -> None:
    clinical = tiny.clinical.assign(**{"Cancer type": np.where(np.arange(len(tiny)) % 2, "A", "B")})
    both = replace(tiny, clinical=clinical)
    report = cross_validate(both, TrainConfig.model_validate(COX), beside_clinic=True)
    clinic = report.reference.clinic
    assert clinic is not None
    assert clinic.within is not None
    risks, strata = report.risks, clinical.loc[report.risks.index, "Cancer type"]
    same = paired_bootstrap(risks["risk"], np.zeros(len(risks)), risks["time"], risks["event"], strata=strata)
    assert clinic.within.clinic + clinic.within.difference == pytest.approx(same.difference + 0.5)


def test_thirds_estimates_and_clinic_survive_the_file(beside: TrainReport) -> None:
    assert beside.folder is not None
    loaded = load_checkpoint(beside.folder).reference
    assert loaded.tertiles == beside.reference.tertiles
    assert loaded.estimates == beside.reference.estimates
    assert loaded.clinic == beside.reference.clinic


def test_a_reference_of_before_is_still_read(beside: TrainReport) -> None:
    document = beside.reference.to_dict()
    for name in ("tertiles", "estimates", "clinic"):
        del document[name]
    older = Reference.from_dict(document)
    assert (older.tertiles, dict(older.estimates), older.clinic) == (None, {}, None)


def test_the_card_holds_the_sections_of_the_recipe_and_what_was_computed(beside: TrainReport) -> None:
    assert beside.folder is not None
    assert beside.reference.clinic is not None
    text = Path(beside.folder / "card.md").read_text()
    assert "## Source\n\nforty invented cases" in text
    assert "## Licence\n\nnone at all" in text
    assert beside.reference.clinic.pooled.words.capitalize() in text
    assert "unit `log2(TPM+1)`. Take the logarithm before" in text
    assert "Age (a number in years; training" in text
    assert "Penalties were chosen by cross-validation inside the training and validation part" in text
