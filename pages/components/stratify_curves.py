"""Kaplan-Meier of groups: the figure, its numbers, its patients, and everything to take away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages.components import current_cohort, estimate, outputs, stratify_choice, stratify_figures
from pages.components.cohort_list import CohortEntry
from survviz.data.tables import is_missing
from survviz.pipeline.cohort.stratification import Stratification, StratifyPlan, stratify
from survviz.pipeline.cohort.stratification_words import (
    curve_table,
    group_table,
    headline,
    member_table,
    methods,
    p_text,
    pair_table,
    risk_counts,
)
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.pipeline.cohort.observation import Observation
    from survviz.pipeline.cohort.results import CohortResults


@st.cache_resource(show_spinner="Comparing the groups …", max_entries=64)
def stratified(_results: CohortResults, folder: str, plan: str) -> Stratification:
    """Computed once for each choice."""
    return stratify(_results, StratifyPlan.model_validate_json(plan))


def show(entry: CohortEntry, results: CohortResults, asked: Observation) -> None:
    """Choices beside the figure, numbers and patients below."""
    choices, picture = st.columns([1, 3], gap="large")
    with choices:
        plan = stratify_choice.groups(results, asked)
        limits = st.checkbox(f"{plan.level:.0%} limits", value=True, key="limits")
    with picture:
        found = stratified(results, str(results.folder), plan.model_dump_json())
        tried = stratify_choice.count_cutoffs(results, found)
        _facts(results, found)
        chosen = _draw(found, limits)
    with choices:
        _sweep(found)
        st.caption(f"Cut-offs of the risk looked at in this session, here: **{tried}**.")
    _numbers(found)
    _patients(entry, results, found, chosen)
    _downloads(entry, found, tried)
    outputs.bundle_button(entry, results, plan, tried=tried, key="km_bundle")
    stratify_choice.footer()


def _facts(results: CohortResults, found: Stratification) -> None:
    follow_up = f"{found.follow_up:.1f} months" if found.follow_up else "not reached"
    st.markdown(
        f"**n = {found.n:,}**, {found.n_events:,} events ({found.endpoint}), median follow-up {follow_up} (reverse "
        f"Kaplan–Meier). {stratify_choice.standing(results, found.n_out_of_fold, found.n)}"
    )
    if found.left_out:
        with st.expander(f"{len(found.left_out):,} patients are not compared", icon=":material/person_off:"):
            rows = pd.DataFrame(list(found.left_out.items()), columns=pd.Index(["Patient", "Reason"]))
            st.dataframe(rows, hide_index=True, width="stretch")
    if found.hidden:
        st.info(found.hidden, icon=":material/visibility_off:")
    for words in found.notices:
        st.warning(words, icon=":material/warning:")


def _draw(found: Stratification, limits: bool) -> str | None:
    """The figure; the name of the group whose curve was clicked."""
    from survviz.figures.kaplan_meier import kaplan_meier_figure

    figure = kaplan_meier_figure(
        found.groups, endpoint=found.endpoint, limits=limits, note=headline(found), landmark=found.plan.landmark
    )
    event = st.plotly_chart(
        figure, key="km", config=stratify_figures.config("kaplan-meier", found), on_select="rerun",
        selection_mode="points",
    )  # fmt: skip
    points: list[dict[str, Any]] = event["selection"]["points"]
    return next((point["legendgroup"] for point in points if point.get("legendgroup")), None)


def _sweep(found: Stratification) -> None:
    """For the best cut-off: what every other one would have said."""
    if found.best is None:
        return
    from survviz.figures.cutpoint import cutpoint_figure

    st.plotly_chart(cutpoint_figure(found.best), key="sweep", config=estimate.PLOT_CONFIG)
    st.caption(
        f"Uncorrected {p_text(found.best.naive_p)}, corrected **{p_text(found.best.p_value)}** "
        f"({len(found.best.cutoffs):,} cut-offs, {found.best.n_permutations:,} permutations)."
    )


def _numbers(found: Stratification) -> None:
    st.dataframe(group_table(found), hide_index=True, width="stretch")
    changing = found.proportional_p
    if changing is not None:
        advice = " The ratio is an average over time; compare restricted means." if changing < 0.05 else ""
        st.caption(f"Proportional hazards: {p_text(changing)} (Grambsch–Therneau).{advice}")
    if found.pairs:
        pairs, _ = st.columns(2)
        pairs.dataframe(pair_table(found), hide_index=True, width="stretch")


def _patients(entry: CohortEntry, results: CohortResults, found: Stratification, chosen: str | None) -> None:
    """The members of a group; a row leads to its patient."""
    names = [one.name for one in found.groups]
    if chosen in names and st.session_state.get("km_clicked") != chosen:
        st.session_state["km_group"] = chosen
    st.session_state["km_clicked"] = chosen
    if st.session_state.get("km_group") not in names:
        st.session_state.pop("km_group", None)
    name = st.pills("Patients of", names, key="km_group", bind="query-params", help="Or click a curve.")
    if name is None:
        return
    cases = list(next(one.cases for one in found.groups if one.name == name))
    outcome = results.outcomes[found.endpoint].loc[cases]
    table = results.table.loc[cases, ["risk", "percentile"]].join(outcome).sort_values("risk", ascending=False)
    clinical = results.clinical[list(results.fields)].map(lambda cell: "" if is_missing(cell) else str(cell))
    table = table.join(clinical).reset_index(names="Patient")
    event = st.dataframe(
        table.rename(columns={"risk": "Risk", "percentile": "Percentile", "time": "Months", "event": "Event"}),
        hide_index=True, width="stretch", height=280, key=f"members_{name}", on_select="rerun",
        selection_mode="single-row",
        column_config={"Risk": st.column_config.NumberColumn(format="%.3f"),
                       "Percentile": st.column_config.NumberColumn(format="%.0f"),
                       "Months": st.column_config.NumberColumn(format="%.1f")},
    )  # fmt: skip
    rows = event["selection"]["rows"]
    case = str(table["Patient"].iloc[rows[0]]) if rows else None
    words = f"Open {case}" if case else "Select a row to open its patient"
    if st.button(words, icon=":material/person_search:", disabled=case is None, key="open_member") and case:
        current_cohort.open_case(entry, case)


def _downloads(entry: CohortEntry, found: Stratification, tried: int) -> None:
    with st.expander("Methods paragraph", icon=":material/article:"):
        st.markdown(methods(found, tried=tried))
    stem = f"{found.checkpoint}_{entry.id}_{found.endpoint}"
    tables = {"Groups": group_table, "Curves": curve_table, "At risk": risk_counts, "Members": member_table}
    with st.container(horizontal=True):
        stratify_figures.figure_buttons(found, stem)
        for words, make in tables.items():
            name = f"{stem}_{words.lower().replace(' ', '-')}.csv"
            st.download_button(
                f"{words} (CSV)", lambda one=make: table_csv(one(found), index=False), name, "text/csv",
                icon=":material/download:", on_click="ignore", key=f"km_{words}",
            )  # fmt: skip
        plan = json.dumps(found.plan.model_dump(), indent=1)
        st.download_button("Choices (JSON)", plan, f"{stem}_plan.json", "application/json", icon=":material/download:",
                           on_click="ignore")  # fmt: skip
