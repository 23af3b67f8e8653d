"""Cox's model and its test of proportional hazards against R's printed output and lifelines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.datasets import load_gbsg2, load_lung, load_stanford_heart_transplants
from lifelines.statistics import proportional_hazard_test

from survviz.evaluation import UndefinedMetricError, cox, kaplan_meier, proportional_hazards


def test_coefficients_equal_coxph_on_lung() -> None:
    """`coxph(Surv(time, status) ~ age + sex + ph.ecog, lung)`, as printed in the package's vignette."""
    lung = load_lung()[["time", "status", "age", "sex", "ph.ecog"]].dropna()
    found = cox(lung[["age", "sex", "ph.ecog"]], lung["time"], lung["status"], terms=["age", "sex", "ph.ecog"])
    np.testing.assert_allclose(found.coefficients, [0.011067, -0.552612, 0.463728], atol=5e-7)
    np.testing.assert_allclose(found.errors, [0.009267, 0.167739, 0.113577], atol=5e-7)
    assert 2 * (found.log_likelihood - found.null_log_likelihood) == pytest.approx(30.50, abs=0.005)
    assert (found.n, found.n_events) == (227, 164)


def test_hazard_ratio_of_two_groups_equals_coxph() -> None:
    """`coxph(Surv(time, status) ~ sex, lung)`: 0.588 (0.4237, 0.816), p = 0.00149."""
    lung = load_lung()
    found = cox(lung[["sex"]], lung["time"], lung["status"], terms=["sex"])
    np.testing.assert_allclose(found.hazard_ratios[0], [0.588, 0.4237, 0.816], atol=5e-4)
    assert found.p_values[0] == pytest.approx(0.00149, abs=5e-6)


@pytest.mark.real
@pytest.mark.parametrize("name", ["r_cox_with_ties", "r_cox_without_ties"])
def test_likelihood_equals_r(shared_data: Path, name: str) -> None:
    for entry in json.loads(gzip.decompress((shared_data / "reference_values" / f"{name}.json.gz").read_bytes())):
        ties = "" if entry["no_ties"][0] else "_efron"
        eta = np.asarray(entry[f"log_hazard{ties}"], float).ravel()
        found = cox(eta[:, None], entry["time"], np.asarray(entry["status"], bool), terms=["eta"])
        assert found.log_likelihood == pytest.approx(entry[f"log_likelihood{ties}"][0], rel=1e-6)


@pytest.fixture(scope="module")
def breast() -> pd.DataFrame:
    table = load_gbsg2()[["age", "pnodes", "progrec", "time", "cens"]].astype(float)
    table["time"] = (table["time"] / 30).round()  # ties
    table = table[table["time"] > 0]
    return table.assign(entry=np.where(table["age"] > 50, np.minimum(table["time"] - 1, 6.0), 0.0))


@pytest.mark.parametrize("entry", [None, "entry"])
def test_fit_equals_lifelines_with_ties_and_late_entry(breast: pd.DataFrame, entry: str | None) -> None:
    terms = ["age", "pnodes", "progrec"]
    table = breast if entry else breast.drop(columns="entry")
    theirs = CoxPHFitter().fit(table, "time", "cens", entry_col=entry)
    late = None if entry is None else table[entry]
    ours = cox(table[terms], table["time"], table["cens"], terms=terms, entry=late)
    np.testing.assert_allclose(ours.coefficients, theirs.params_[terms], rtol=1e-5)
    np.testing.assert_allclose(ours.errors, theirs.standard_errors_[terms], rtol=1e-5)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood_, rel=1e-8)


def test_left_truncated_hearts_equal_r() -> None:
    """`coxph(Surv(start, stop, event) ~ age + year + surgery + transplant, heart)`, Kalbfleisch and Prentice's data."""
    hearts = load_stanford_heart_transplants()
    terms = ["age", "year", "surgery", "transplant"]
    found = cox(hearts[terms], hearts["stop"], hearts["event"], terms=terms, entry=hearts["start"])
    np.testing.assert_allclose(found.coefficients, [0.0272, -0.1463, -0.6372, -0.0103], atol=5e-5)


@pytest.mark.parametrize("decimals", [None, 1])
def test_proportional_hazards_test_equals_lifelines(simulate, decimals: int | None) -> None:
    study = simulate(150, 5, decimals=decimals)
    x = np.column_stack([study.risk, np.random.default_rng(0).normal(size=150)])
    ours = cox(x, study.time, study.event, terms=["risk", "noise"])
    table = pd.DataFrame(x, columns=["risk", "noise"]).assign(time=study.time, event=study.event)
    theirs = CoxPHFitter().fit(table, "time", "event")
    curve = kaplan_meier(study.time, study.event)

    def scale(durations: pd.Series, *_: object) -> pd.Series:
        """1 - Kaplan-Meier just before each time, as R takes it."""
        steps = np.searchsorted(curve.times, durations, side="left") - 1
        return pd.Series(1 - curve.survival[steps], durations.index)

    expected = proportional_hazard_test(theirs, table, time_transform=scale).summary
    found = proportional_hazards(ours, study.time, study.event)
    np.testing.assert_allclose(found.statistics, expected.loc[["risk", "noise"], "test_statistic"], rtol=1e-4)
    np.testing.assert_allclose(found.p_values, expected.loc[["risk", "noise"], "p"], rtol=1e-3)


def test_global_test_of_one_term_is_its_own(simulate) -> None:
    study = simulate(90, 8)
    found = proportional_hazards(cox(study.risk[:, None], *study.outcomes, terms=["risk"]), *study.outcomes)
    assert found.global_p == pytest.approx(found.p_values[0])


def test_effects_that_cross_are_noticed() -> None:
    """Hazard halves in one group and doubles later: proportional hazards do not hold."""
    random = np.random.default_rng(2)
    group = np.repeat([0.0, 1.0], 400)
    early = random.exponential(np.where(group == 1, 5, 20))
    time = np.where(early < 5, early, 5 + random.exponential(np.where(group == 1, 40, 10)))
    model = cox(group[:, None], time, np.ones(800, bool), terms=["group"])
    assert proportional_hazards(model, time, np.ones(800, bool)).global_p < 1e-6


def test_cutting_follow_up_in_two_changes_no_fit(simulate) -> None:
    """A patient seen from 0 to t is one seen until t / 2 and another seen from there: left truncation by definition."""
    study = simulate(100, 4, decimals=1)
    x, terms = study.risk[:, None], ["risk"]
    whole = cox(x, *study.outcomes, terms=terms)
    time, event = np.concatenate([study.time / 2, study.time]), np.concatenate([np.zeros(100, bool), study.event])
    entry = np.concatenate([np.zeros(100), study.time / 2])
    parts = cox(np.vstack([x, x]), time, event, terms=terms, entry=entry)
    np.testing.assert_allclose(parts.hazard_ratios, whole.hazard_ratios, rtol=1e-9)
    tests = [proportional_hazards(whole, *study.outcomes), proportional_hazards(parts, time, event, entry=entry)]
    assert tests[0].global_p == pytest.approx(tests[1].global_p)


@pytest.mark.parametrize(
    ("x", "event", "reason"),
    [
        ([[1.0], [1], [1], [1]], [1, 1, 1, 0], "the same for all"),
        ([[0.0], [0], [1], [1]], [1, 1, 0, 0], "separates"),
        ([[1.0, 2], [2, 4], [3, 6], [5, 10]], [1, 1, 1, 1], "sum of the covariates"),
        ([[1.0, 2], [2, 4.5], [3, 6], [5, 10]], [1, 0, 0, 0], "more events than terms"),
    ],
)
def test_what_cannot_be_fitted_says_which_term(x: list, event: list, reason: str) -> None:
    terms = ["first", "second"][: len(x[0])]
    with pytest.raises(UndefinedMetricError, match=reason):
        cox(x, [1.0, 2, 3, 4], np.array(event, bool), terms=terms)


def many_terms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """So many that the maximum is reached by gradients, and the information is computed near it only."""
    random = np.random.default_rng(0)
    n, p = 4000, 90
    x = random.normal(size=(n, p)) @ (np.eye(p) + 0.05 * random.normal(size=(p, p)))
    return x, random.exponential(size=n) * 40 * np.exp(-x[:, 0] / 2) + 1, random.random(n) < 0.7


@pytest.mark.slow
def test_many_terms_of_many_patients_equal_lifelines() -> None:
    x, time, event = many_terms()
    time, terms = time.round(1), [f"x{i}" for i in range(x.shape[1])]  # ties
    found = cox(x, time, event, terms=terms)
    theirs = CoxPHFitter().fit(pd.DataFrame(x, columns=terms).assign(time=time, event=event), "time", "event")
    np.testing.assert_allclose(found.coefficients, theirs.params_, atol=5e-6)  # lifelines stops earlier
    np.testing.assert_allclose(found.errors, theirs.standard_errors_, rtol=1e-5)
    assert found.log_likelihood == pytest.approx(theirs.log_likelihood_, rel=1e-9)


def test_many_terms_with_late_entry_solve_the_score_equation() -> None:
    x, time, event = many_terms()
    entry = np.random.default_rng(1).uniform(0, 1, len(time))
    found = cox(x, time, event, terms=[f"x{i}" for i in range(x.shape[1])], entry=entry)
    hazard, score = np.exp(x @ found.coefficients), np.zeros(x.shape[1])
    for row in np.flatnonzero(event):
        at_risk = np.flatnonzero((time >= time[row]) & (entry < time[row]))
        shares = hazard[at_risk] / hazard[at_risk].sum()
        score += x[row] - shares @ x[at_risk]
    np.testing.assert_allclose(found.covariance @ score, 0, atol=1e-9)


def test_a_sum_of_terms_is_named_among_many() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(500, 12))
    x[:, 9] = x[:, 2] - 2 * x[:, 7]
    with pytest.raises(UndefinedMetricError, match="'x9' is a sum of the covariates before it"):
        cox(x, random.exponential(size=500), random.random(500) < 0.6, terms=[f"x{i}" for i in range(12)])
