"""Subgroups on Stratify: do the estimates hold for women and men, young and old, every stage and type alike?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import estimate, stratify_choice
from pages.components.cohort_list import CohortEntry
from pages.components.stratify_figures import TYPES
from pages.components.stratify_validation import interval_text, value_text
from survviz.pipeline.cohort.validation import Subgroup, subgroups
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.figures.forest import ForestRow
    from survviz.pipeline.cohort.observation import Observation
    from survviz.pipeline.cohort.results import CohortResults

DEFAULT = ("Sex", "Race", "Age", "Stage", "Cancer type")
HORIZON = 36.0


@st.cache_resource(show_spinner="Looking into subgroups …", max_entries=32)
def _found(_results: CohortResults, folder: str, asked: str, columns: tuple[str, ...]) -> tuple[Subgroup, ...]:
    from survviz.pipeline.cohort.observation import Observation

    return subgroups(_results, Observation.model_validate_json(asked), columns, HORIZON)


def show(entry: CohortEntry, results: CohortResults, asked: Observation) -> None:
    """Choice of variables, a forest plot of the C-index, the table."""
    from survviz.figures.forest import forest_figure
    from survviz.figures.paper import forest_paper

    useful = stratify_choice.columns_of(results, str(results.folder))[0]
    columns = st.multiselect(
        "Subgroups by", useful, [name for name in DEFAULT if name in useful], key="subgroups", bind="query-params",
    )  # fmt: skip
    found = _found(results, str(results.folder), asked.model_dump_json(), tuple(columns))
    st.markdown(stratify_choice.standing(results, results.n_out_of_fold, len(results)))
    rows = forest_rows(found)
    figure = forest_figure(rows, axis="C-index (Harrell)", ratio=False, marked=found[0].c_index.value)
    st.plotly_chart(figure, key="subgroups-forest", config=estimate.PLOT_CONFIG)
    table = subgroup_table(found)
    st.dataframe(table, hide_index=True, width="stretch")
    st.caption(
        "Dotted: all patients. Intervals in closed form (infinitesimal jackknife; events observed over expected by "
        "Kaplan–Meier's limits at 3 years). Many subgroups are looked at: one in twenty intervals misses by chance, "
        "and small subgroups say little. Numbers are cut at their median."
    )
    stem = f"{entry.id}_subgroups"
    with st.container(horizontal=True):
        for kind, mime in TYPES.items():
            st.download_button(
                f"Figure ({kind.upper()})",
                lambda one=kind: forest_paper(rows, one, axis="C-index (Harrell)", ratio=False),
                f"{stem}.{kind}", mime, icon=":material/image:", on_click="ignore", key=f"subgroups_figure_{kind}",
            )  # fmt: skip
        st.download_button("Table (CSV)", table_csv(table, index=False), f"{stem}.csv", "text/csv",
                           icon=":material/download:", on_click="ignore")  # fmt: skip
    stratify_choice.footer()


def forest_rows(found: tuple[Subgroup, ...]) -> list[ForestRow]:
    """Values below their variables, each with how many patients and events it rests on."""
    from survviz.figures.forest import ForestRow

    rows: list[ForestRow] = []
    for one in found:
        if one.variable and not any(row.name == one.variable for row in rows):
            rows.append(ForestRow(one.variable))
        c = one.c_index
        counts = f"n = {c.n:,}, {c.n_events:,} events"
        words = f"{value_text(c)} ({interval_text(c)}), {counts}" if c.value is not None else f"undefined, {counts}"
        rows.append(ForestRow(f"   {one.name}" if one.variable else one.name, c.value, c.low, c.high, words))
    return rows


def subgroup_table(found: tuple[Subgroup, ...]) -> pd.DataFrame:
    """One row per subgroup, for reading."""
    table = pd.DataFrame([
        {
            "Variable": one.variable, "Subgroup": one.name, "Patients": one.c_index.n, "Events": one.c_index.n_events,
            "C-index": value_text(one.c_index), "95 % interval": interval_text(one.c_index),
            "Observed / expected at 3 years": value_text(one.observed_expected),
            "95 % interval ": interval_text(one.observed_expected),
            "Why": one.c_index.reason or one.observed_expected.reason,
        }
        for one in found
    ])  # fmt: skip
    return table if any(table["Why"]) else table.drop(columns="Why")
