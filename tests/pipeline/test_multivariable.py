"""Cox of risk and covariates over a scored cohort, against lifelines on the same table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError
from survviz.pipeline.cohort.multivariable import RISK, CoxPlan, fit_cox
from tests.pipeline.scored_cohorts import scored_cohort


def test_model_equals_lifelines_with_dummies_and_units() -> None:
    results = scored_cohort(300)
    found = fit_cox(results, CoxPlan(covariates=("Age", "Sex", "Race")))
    risk = results.table["risk"]
    clinical = results.clinical
    common = clinical["Sex"].value_counts().index[0]
    races = list(clinical["Race"].value_counts().index)
    table = pd.DataFrame({
        "risk": risk / risk.std(ddof=0), "age": clinical["Age"].astype(float) / 10,
        "sex": (clinical["Sex"] != common).astype(float),
        **{race: (clinical["Race"] == race).astype(float) for race in races[1:]},
        "time": results.outcomes["OS"]["time"], "event": results.outcomes["OS"]["event"],
    })  # fmt: skip
    theirs = CoxPHFitter().fit(table, "time", "event").summary
    ours = np.array([one.adjusted for one in found.terms])
    np.testing.assert_allclose(ours[:, 0], theirs["exp(coef)"], rtol=1e-4)
    np.testing.assert_allclose(ours[:, 1], theirs["exp(coef) lower 95%"], rtol=1e-4)
    np.testing.assert_allclose(ours[:, 3], theirs["p"], rtol=1e-3, atol=1e-9)
    assert [one.variable for one in found.terms] == [RISK, "Age", "Sex", "Race", "Race"]
    assert found.references == {"Sex": (common, (clinical["Sex"] == common).sum()),
                                "Race": (races[0], (clinical["Race"] == races[0]).sum())}  # fmt: skip


def test_risk_adds_and_noise_does_not() -> None:
    strong = fit_cox(scored_cohort(300), CoxPlan(covariates=("Age",)))
    none = fit_cox(scored_cohort(300, effect=0.0), CoxPlan(covariates=("Age",)))
    assert strong.without_risk_p is not None
    assert strong.without_risk_p < 1e-6
    assert none.without_risk_p is not None
    assert none.without_risk_p > 0.01
    assert fit_cox(scored_cohort(100), CoxPlan()).without_risk_p is None


def test_who_lacks_a_covariate_is_left_out_and_named() -> None:
    results = scored_cohort(200)
    found = fit_cox(results, CoxPlan(covariates=("Stage", "Age"), endpoint="PFI"))
    unknown = results.clinical.index[results.clinical["Stage"].isna()]
    assert {case for case, why in found.left_out.items() if why == "Stage is not recorded."} == set(unknown) - {
        case for case, why in found.left_out.items() if "PFI" in why
    }
    assert found.n == 200 - len(found.left_out)


def test_what_cannot_be_fitted_says_why() -> None:
    results = scored_cohort(60)
    with pytest.raises(InputError, match="at least one variable"):
        fit_cox(results, CoxPlan(risk=False))
    same = replace(results, clinical=results.clinical.assign(Sex="female"))
    with pytest.raises(UndefinedMetricError, match="'Sex' is 'female' for all 60"):
        fit_cox(same, CoxPlan(covariates=("Sex",)))
    few = {"OS": results.outcomes["OS"].assign(event=np.arange(60) < 2)}
    with pytest.raises(UndefinedMetricError, match="more events than terms"):
        fit_cox(replace(results, outcomes=few), CoxPlan(covariates=("Age", "Race")))
