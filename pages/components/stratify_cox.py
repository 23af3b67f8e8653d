"""Cox on Stratify: hazard ratios of the risk beside covariates, alone and together, and whether they last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import estimate, stratify_choice
from pages.components.cohort_list import CohortEntry
from pages.components.stratify_figures import TYPES
from survviz.pipeline.cohort.multivariable import RISK, CoxPlan, CoxResult, fit_cox
from survviz.pipeline.cohort.stratification_words import p_text, with_limits
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.figures.forest import ForestRow
    from survviz.pipeline.cohort.observation import Observation
    from survviz.pipeline.cohort.results import CohortResults

DEFAULT = ("Age", "Sex", "Stage")


@st.cache_resource(show_spinner="Fitting …", max_entries=64)
def _fitted(_results: CohortResults, folder: str, plan: str) -> CoxResult:
    return fit_cox(_results, CoxPlan.model_validate_json(plan))


def show(entry: CohortEntry, results: CohortResults, asked: Observation) -> None:
    """Choice of covariates, the forest plot, the table."""
    useful = stratify_choice.columns_of(results, str(results.folder))[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        covariates = st.multiselect(
            "Covariates", useful, [name for name in DEFAULT if name in useful], key="covariates", bind="query-params",
        )  # fmt: skip
        risk = st.checkbox(RISK, value=True, key="cox_risk")
    plan = CoxPlan(**asked.model_dump(), covariates=tuple(covariates), risk=risk)
    found = _fitted(results, str(results.folder), plan.model_dump_json())
    _facts(results, found)
    from survviz.figures.forest import forest_figure

    rows = forest_rows(found)
    st.plotly_chart(forest_figure(rows, axis="Hazard ratio, adjusted"), key="cox-forest", config=estimate.PLOT_CONFIG)
    table = cox_table(found)
    st.dataframe(table, hide_index=True, width="stretch")
    st.caption(
        "Alone: a model of this variable only, on the same patients. Adjusted: all together (Efron's ties, Wald "
        "limits). Last column: does the effect change with time (Grambsch–Therneau)?"
    )
    _downloads(entry, found, table, rows)
    stratify_choice.footer()


def _facts(results: CohortResults, found: CoxResult) -> None:
    standing = results.table["standing"].drop(list(found.left_out), errors="ignore")
    n_out_of_fold = int((standing == "out of fold").sum())
    st.markdown(
        f"**n = {found.n:,}**, {found.n_events:,} events ({found.endpoint}). "
        f"{stratify_choice.standing(results, n_out_of_fold, found.n)}"
    )
    parts = [f"Whole model: likelihood ratio {p_text(found.likelihood_ratio_p)}."]
    if found.without_risk_p is not None:
        adds = "adds to" if found.without_risk_p < 0.05 else "is not shown to add to"
        parts.append(f"The risk {adds} the covariates: likelihood ratio {p_text(found.without_risk_p)}.")
    if found.global_changing_p is not None:
        parts.append(f"Proportional hazards, all terms: {p_text(found.global_changing_p)}.")
    st.markdown(" ".join(parts))
    if found.left_out:
        with st.expander(f"{len(found.left_out):,} patients are left out", icon=":material/person_off:"):
            rows = pd.DataFrame(list(found.left_out.items()), columns=pd.Index(["Patient", "Reason"]))
            st.dataframe(rows, hide_index=True, width="stretch")
    if found.n_events < 10 * len(found.terms):
        st.warning(
            f"{found.n_events} events for {len(found.terms)} terms: with fewer than ten each, ratios are unstable.",
            icon=":material/warning:",
        )


def forest_rows(found: CoxResult) -> list[ForestRow]:
    """Terms below their variables; the level that others are compared with says so."""
    from survviz.figures.forest import ForestRow

    rows: list[ForestRow] = []
    for term in found.terms:
        if term.variable in found.references and not any(row.name == term.variable for row in rows):
            level, n = found.references[term.variable]
            rows += [ForestRow(term.variable), ForestRow(f"   {level} (n = {n:,})", words="1 (reference)")]
        value, low, high, p_value = term.adjusted
        words = f"{with_limits(value, low, high, 2)}, {p_text(p_value)}"
        many = term.variable in found.references
        name = f"   {term.name} (n = {term.n:,})" if many else f"{term.variable}, {term.name}"
        rows.append(ForestRow(name, value, low, high, words))
    return rows


def cox_table(found: CoxResult) -> pd.DataFrame:
    """One row per term, for reading."""
    return pd.DataFrame([
        {
            "Variable": one.variable,
            "Term": one.name,
            "Patients": f"{one.n:,}",
            "HR alone": "–" if one.alone is None else with_limits(*one.alone[:3], digits=2),
            "p alone": "–" if one.alone is None else _p(one.alone[3]),
            "HR adjusted": with_limits(*one.adjusted[:3], digits=2),
            "p adjusted": _p(one.adjusted[3]),
            "p, changes with time": _p(one.changing_p),
        }
        for one in found.terms
    ])  # fmt: skip


def _p(value: float | None) -> str:
    return p_text(value).removeprefix("p = ").removeprefix("p ")


def _downloads(entry: CohortEntry, found: CoxResult, table: pd.DataFrame, rows: list[ForestRow]) -> None:
    from survviz.figures.paper import forest_paper

    stem = f"{entry.id}_{found.endpoint}_cox"
    with st.container(horizontal=True):
        for kind, mime in TYPES.items():
            st.download_button(
                f"Figure ({kind.upper()})", lambda one=kind: forest_paper(rows, one, axis="Hazard ratio, adjusted"),
                f"{stem}.{kind}", mime, icon=":material/image:", on_click="ignore", key=f"cox_figure_{kind}",
            )  # fmt: skip
        st.download_button("Table (CSV)", table_csv(table, index=False), f"{stem}.csv", "text/csv",
                           icon=":material/download:", on_click="ignore")  # fmt: skip
