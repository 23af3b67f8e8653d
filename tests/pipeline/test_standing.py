"""Where a patient stands among the training cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.standing import standing


def test_ages_of_the_training_cases_stand_around_zero(predictor: Predictor, cohort: Cohort) -> None:
    ages = cohort.clinical["Age"].dropna()
    case = cohort.case(str(ages.index[0]))
    folds = predictor.folds_for(case)[0]
    mean, sd = predictor.checkpoint.preprocess(folds[0]).clinical.moments["Age"]
    assert standing(predictor, case)["sentence", "Age"] == pytest.approx((float(ages.iloc[0]) - mean) / sd)


def test_genes_and_programmes_stand_where_the_model_reads_them(
    predictor: Predictor, cohort: Cohort, held_out: str
) -> None:
    case = cohort.case(held_out)
    preprocess = predictor.checkpoint.preprocess(0)
    assert preprocess.ood.rna is not None
    z = predictor.inputs(0, case).vectors["rna"][0].numpy()
    found = standing(predictor, case)
    assert found["gene", preprocess.ood.rna.genes[3]] == pytest.approx(float(z[3]))
    columns = list(preprocess.programmes["Hypoxia"])
    assert found["programme", "Hypoxia"] == pytest.approx(float(np.mean(z[columns])))
    assert ("sentence", "Stage") not in found


def test_what_was_not_measured_stands_nowhere(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    bare = replace(cohort.case(held_out), rna=None, clinical={"Age": None})
    assert standing(predictor, bare) == {}
