"""Does the risk add to what the clinic knows? Cox's model of risk and covariates over a scored cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from survviz.errors import InputError
from survviz.evaluation import CoxModel, UndefinedMetricError, cox, proportional_hazards
from survviz.pipeline.cohort.observation import Observation, Observed, counted, observed
from survviz.pipeline.cohort.patient_groups import FEW_NUMBERS, as_numbers, by_clinical, categories, clinical_column
from survviz.pipeline.cohort.results import CohortResults

RISK = "Risk of the model"


class CoxPlan(Observation):
    """What a person chose; with the results of a cohort it gives the same model again.

    Attributes:
        covariates: clinical columns.
        risk: the model's risk is among the terms, per standard deviation.
    """

    covariates: tuple[str, ...] = ()
    risk: bool = True
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class CoxTerm:
    """One hazard ratio.

    Attributes:
        variable: that it belongs to.
        name: of the level, or what one step of a number is.
        n: patients of the level; of a number, all.
        alone: hazard ratio with limits and p in a model of this variable only; None where that has none.
        adjusted: in the model of all variables.
        changing_p: does it change with time? Of the model of all.
    """

    variable: str
    name: str
    n: int
    alone: tuple[float, float, float, float] | None
    adjusted: tuple[float, float, float, float]
    changing_p: float | None


@dataclass(frozen=True, slots=True)
class CoxResult:
    """A fitted model, and what it stands beside.

    Attributes:
        references: variable of categories -> the level that the others are compared with, and its patients.
        global_changing_p: of proportional hazards, all terms at once.
        without_risk_p: likelihood-ratio test of the risk given the covariates; None where there are none.
        left_out: case id -> why.
    """

    plan: CoxPlan
    endpoint: str
    terms: tuple[CoxTerm, ...]
    references: Mapping[str, tuple[str, int]]
    n: int
    n_events: int
    likelihood_ratio_p: float
    global_changing_p: float | None
    without_risk_p: float | None
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    columns: Mapping[str, NDArray[np.float64]]
    counts: Mapping[str, int]
    reference: tuple[str, int] | None = None


def fit_cox(results: CohortResults, plan: CoxPlan) -> CoxResult:
    """Fit all variables together, and each alone on the same patients. Only patients with every covariate count.

    Raises:
        InputError: no variable was chosen, or nobody has all of them.
        UndefinedMetricError: the model has no estimate; the message names the covariate.
    """
    if not plan.risk and not plan.covariates:
        raise InputError("A Cox model needs at least one variable; choose the risk or a covariate.")
    everybody = observed(results, plan)
    missing = _incomplete(results, plan, everybody.cases)
    seen = everybody.of(everybody.cases.difference(pd.Index(list(missing)), sort=False))
    left_out = {**everybody.left_out, **missing}
    if not len(seen.cases):
        raise InputError(f"No patient has all covariates: {counted(left_out)}.")
    variables = [_risk(results, seen)] if plan.risk else []
    variables += [_variable(results, seen, name) for name in plan.covariates]
    whole = _fit(variables, seen, plan.level)
    changing = proportional_hazards(whole, seen.time, seen.event, entry=seen.entry)
    without = None
    if plan.risk and plan.covariates:
        less = _fit(variables[1:], seen, plan.level)
        without = float(special.chdtrc(1, max(0.0, 2 * (whole.log_likelihood - less.log_likelihood))))
    rows = [(one, term) for one in variables for term in one.columns]
    alone = {one.name: _alone(one, seen, plan.level) for one in variables}
    terms = tuple(
        CoxTerm(
            one.name, term, one.counts[term], alone[one.name].get(term), _row(whole, place),
            float(changing.p_values[place]),
        )
        for place, (one, term) in enumerate(rows)
    )  # fmt: skip
    references = {one.name: one.reference for one in variables if one.reference}
    return CoxResult(
        plan, seen.endpoint, terms, references, len(seen.cases), whole.n_events, whole.likelihood_ratio_p,
        changing.global_p, without, left_out,
    )  # fmt: skip


def _incomplete(results: CohortResults, plan: CoxPlan, cases: pd.Index) -> dict[str, str]:
    """Patients who lack a covariate, with its name."""
    missing: dict[str, str] = {}
    for name in plan.covariates:
        numbers = as_numbers(clinical_column(results, name))
        cells = (categories(results, name) if numbers is None else numbers).loc[cases]
        missing |= {str(case): f"{name} is not recorded." for case in cells.index[cells.isna()] if case not in missing}
    return missing


def _risk(results: CohortResults, seen: Observed) -> _Variable:
    risk = results.table.loc[seen.cases, "risk"].to_numpy(dtype=np.float64)
    spread = float(risk.std()) or 1.0
    term = f"per SD ({spread:.2g})"
    return _Variable(RISK, {term: risk / spread}, {term: len(risk)})


def _variable(results: CohortResults, seen: Observed, name: str) -> _Variable:
    numbers = as_numbers(clinical_column(results, name))
    if numbers is not None and numbers.nunique() > FEW_NUMBERS:
        values = numbers.loc[seen.cases].to_numpy(dtype=np.float64)
        step = 10.0 ** np.round(np.log10(values.std() or 1.0))
        term = f"per {step:g}"
        return _Variable(name, {term: values / step}, {term: len(values)})
    made = by_clinical(results, seen.cases, name)
    labels = made.labels.loc[seen.cases].to_numpy(dtype=str)
    counts = {level: int((labels == level).sum()) for level in made.order}
    first, *others = made.order
    columns = {level: (labels == level).astype(np.float64) for level in others}
    if not columns:
        raise UndefinedMetricError(f"{name!r} is {first!r} for all {len(labels)} patients: leave it out.")
    return _Variable(name, columns, counts, (first, counts[first]))


def _fit(variables: list[_Variable], seen: Observed, level: float) -> CoxModel:
    columns = [column for one in variables for column in one.columns.values()]
    names = [f"{one.name}: {term}" for one in variables for term in one.columns]
    return cox(np.column_stack(columns), seen.time, seen.event, terms=names, entry=seen.entry, level=level)


def _alone(variable: _Variable, seen: Observed, level: float) -> dict[str, tuple[float, float, float, float]]:
    try:
        model = _fit([variable], seen, level)
    except UndefinedMetricError:
        return {}
    return {term: _row(model, place) for place, term in enumerate(variable.columns)}


def _row(model: CoxModel, place: int) -> tuple[float, float, float, float]:
    value, low, high = map(float, model.hazard_ratios[place])
    return value, low, high, float(model.p_values[place])
