"""Shipped checkpoints on patients that they never saw: another cancer, another unit, a modality less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.real_cohorts import tcga
from survviz.data.cohort import Cohort, load_cohort
from survviz.data.cohort_writing import write_cohort
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.evaluation import Evaluation, evaluate
from survviz.types import Case

FOLDER = Path(__file__).parents[2] / "checkpoints"
PATIENT = {"Age": 64.0, "Sex": "female", "Stage": "Stage III", "Prior malignancy": "no"}


@pytest.fixture(scope="module")
def pan_cancer() -> Predictor:
    return Predictor.load(FOLDER / "tcga-pancan-bilayer", "cpu")


def test_a_cancer_type_that_training_never_saw_is_said_and_does_not_crash(pan_cancer: Predictor) -> None:
    new, known = (Case("new", clinical=PATIENT | {"Cancer type": name}) for name in ("XYZC", "LUAD"))
    texts = [notice.text for notice in pan_cancer.check(new)]
    assert any("Cancer type is 'XYZC', which no training case had" in text for text in texts)
    assert not any("which no training case had" in notice.text for notice in pan_cancer.check(known))
    found = pan_cancer.predict(new)
    assert np.isfinite(found.risk)
    assert found.risk != pan_cancer.predict(known).risk


@pytest.mark.parametrize("written", ["LUAD", "luad", "TCGA-LUAD", "Lung Adenocarcinoma"])
def test_a_cancer_type_is_known_however_it_is_written(pan_cancer: Predictor, written: str) -> None:
    risks = [
        pan_cancer.predict(Case("new", clinical=PATIENT | {"Cancer type": name})).risk for name in (written, "LUAD")
    ]
    assert risks[0] == risks[1]


@pytest.fixture(scope="module")
def stomach(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("stad")
    write_cohort(folder, tcga.build(shared_data, "stad"))
    return load_cohort(folder)


def scored(name: str, cohort: Cohort) -> Evaluation:
    return evaluate(Predictor.load(FOLDER / name, "cpu"), cohort, n_resamples=20)


@pytest.mark.real
def test_a_lung_model_is_validated_on_another_cancer(stomach: Cohort) -> None:
    found = scored("tcga-luad", stomach)
    assert found.protocol.startswith("External validation")
    assert len(found.predictions) == len(stomach)
    assert found.estimates["harrell_c"].value is not None
    assert 0.5 < found.estimates["harrell_c"].value < 0.75


@pytest.mark.real
def test_a_cohort_without_expression_is_scored_with_what_it_has(stomach: Cohort) -> None:
    found = scored("tcga-luad", replace(stomach, rna=None))
    assert found.missing["genomic"] == len(found.predictions) == len(stomach)


@pytest.mark.real
def test_patients_of_the_training_cohort_are_found_under_their_barcode_and_units_are_converted(stomach: Cohort) -> None:
    found = scored("tcga-pancan-bilayer", stomach)
    assert found.converted == (("miRNA", "RPM", "log2(RPM+1)"),)
    assert {one.kind for one in found.not_scored} == {"training"}
    assert len(found.predictions) + len(found.not_scored) == len(stomach)
