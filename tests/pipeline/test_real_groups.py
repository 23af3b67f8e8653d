"""Groups of the TCGA's own outcome table: every endpoint, real spellings, real gaps; lifelines says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from survviz.pipeline.cohort.multivariable import CoxPlan, fit_cox
from survviz.pipeline.cohort.observation import Observation
from survviz.pipeline.cohort.results import CohortResults
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify
from survviz.pipeline.cohort.stratification_words import group_table, methods
from survviz.pipeline.cohort.validation import subgroups
from survviz.units import DAYS_PER_MONTH

pytestmark = pytest.mark.real
ENDPOINTS = ("OS", "DSS", "PFI")
CANCERS = ("LUAD", "STAD", "BLCA")


@pytest.fixture(scope="module")
def results(shared_data: Path) -> CohortResults:
    """Three cancers of the CDR; the risk is the age, with noise. Nothing is cleaned."""
    table = pd.read_csv(shared_data / "tcga" / "clinical" / "tcga_cdr.csv.gz").set_index("case_id")
    table = table[table["cancer"].isin(CANCERS)]
    clinical = pd.DataFrame({
        "Age": table["age_at_initial_pathologic_diagnosis"], "Sex": table["gender"], "Race": table["race"],
        "Stage": table["ajcc_pathologic_tumor_stage"], "Cancer type": table["cancer"],
    }).astype(object)  # fmt: skip
    outcomes = {}
    for name in ENDPOINTS:
        known = table[[name, f"{name}.time"]].apply(pd.to_numeric, errors="coerce").dropna()
        outcomes[name] = pd.DataFrame({"time": known[f"{name}.time"] / DAYS_PER_MONTH, "event": known[name] == 1})
    risk = pd.to_numeric(clinical["Age"]).fillna(65) / 10 + np.random.default_rng(0).normal(size=len(table))
    return CohortResults(
        folder=Path(), checkpoint="age", checkpoint_sha256="", cohort=Path(), cohort_name="CDR",
        table=pd.DataFrame({"risk": risk, "standing": "unseen"}, index=table.index),
        survival=np.ones((len(table), 2)), times=np.array([0.0, 120]), not_scored=pd.DataFrame(),
        clinical=clinical, fields=tuple(clinical), outcomes=outcomes, document={"cutoff": 6.5, "tertiles": None},
    )  # fmt: skip


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("groups", ["trained cut-off", "Stage", "Cancer type"])
def test_curves_and_tests_equal_lifelines(results: CohortResults, endpoint: str, groups: str) -> None:
    by = {"groups": groups} if groups == "trained cut-off" else {"groups": "clinical", "column": groups}
    found = stratify(results, StratifyPlan.model_validate({"endpoint": endpoint, **by}))
    outcome = results.outcomes[endpoint]
    member = {case: one.name for one in found.groups for case in one.cases}
    rows = outcome.loc[list(member)]
    tested = multivariate_logrank_test(rows["time"], list(member.values()), rows["event"])
    assert found.logrank is not None
    assert found.logrank.statistic == pytest.approx(tested.test_statistic, rel=1e-6)
    for one in found.groups:
        own = outcome.loc[list(one.cases)]
        theirs = KaplanMeierFitter().fit(own["time"], own["event"])
        np.testing.assert_allclose(one.curve.at(own["time"]), theirs.predict(own["time"]), atol=1e-9)
        at_risk = [(own["time"] >= tick).sum() for tick in one.counts.times]
        assert one.counts.at_risk.tolist() == at_risk
    assert found.n + len(found.left_out) == len(results.table)
    assert len(group_table(found)) == len(found.groups)
    assert endpoint in methods(found)


def test_stages_of_many_spellings_are_four_and_the_unknown_are_listed(results: CohortResults) -> None:
    found = stratify(results, StratifyPlan(groups="clinical", column="Stage"))
    assert [one.name for one in found.groups] == ["Stage I", "Stage II", "Stage III", "Stage IV"]
    assert "Stage is not recorded." in set(found.left_out.values())


def test_cox_on_real_covariates_equals_lifelines(results: CohortResults) -> None:
    found = fit_cox(results, CoxPlan(covariates=("Age", "Sex", "Stage")))
    kept = results.table.index.difference(pd.Index(list(found.left_out)), sort=False)
    clinical = results.clinical.loc[kept]
    stage = clinical["Stage"].str.extract(r"Stage (IV|III|II|I)", expand=False)
    common = clinical["Sex"].value_counts().index[0]
    risk = results.table.loc[kept, "risk"]
    table = pd.DataFrame({
        "risk": risk / risk.std(ddof=0), "age": pd.to_numeric(clinical["Age"]) / 10,
        "sex": (clinical["Sex"] != common).astype(float),
        **{name: (stage == name).astype(float) for name in ("II", "III", "IV")},
        "time": results.outcomes["OS"].loc[kept, "time"], "event": results.outcomes["OS"].loc[kept, "event"],
    })  # fmt: skip
    theirs = CoxPHFitter().fit(table, "time", "event").summary["exp(coef)"]
    np.testing.assert_allclose([one.adjusted[0] for one in found.terms], theirs, rtol=1e-4)


def test_subgroups_of_real_values_all_have_a_number_or_a_reason(results: CohortResults) -> None:
    for one in subgroups(results, Observation(), ("Sex", "Race", "Age", "Stage", "Cancer type"), 36.0):
        assert (one.c_index.value is None) == bool(one.c_index.reason)
        assert one.c_index.n > 0
