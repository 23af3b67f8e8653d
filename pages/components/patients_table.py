"""The patients of a scored cohort as a table: one row, one patient; a click opens the patient's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages.components import current_cohort, estimate
from pages.components.cohort_list import CohortEntry
from survviz.spreadsheets import table_csv
from survviz.types import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.pipeline.cohort.results import CohortResults

GROUPS = {"low": "Low", "high": "High"}
WHY = {
    "training": "seen by every model in training",
    "unlike": "unlike the training cohort",
    "error": "cannot be read",
    "outcome": "no usable outcome",
}


def show(entry: CohortEntry, found: CohortResults) -> None:
    """Summary, table, who is missing, downloads."""
    _numbers(found)
    event = st.dataframe(
        readable(found), hide_index=True, width="stretch", height=440, placeholder="–", key="patients",
        column_config=_columns(found), on_select="rerun",
        selection_mode=["single-row", "single-cell"],
    )  # fmt: skip
    rows = [*event["selection"]["rows"], *(row for row, _ in event["selection"]["cells"])]
    chosen = str(found.table.index[rows[0]]) if rows else None
    with st.container(horizontal=True, vertical_alignment="center"):
        words = f"Open {chosen}" if chosen else "Open the patient"
        if st.button(words, type="primary", icon=":material/person_search:", disabled=chosen is None) and chosen:
            current_cohort.open_case(entry, chosen)
        stem = f"{found.checkpoint}_{entry.id}"
        st.download_button(
            "Results (CSV)", table_csv(found.table.join(_outcome(found))), f"{stem}.csv", "text/csv",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Curves (CSV)", _curves(found), f"{stem}_survival.csv", "text/csv", icon=":material/download:",
            on_click="ignore",
        )  # fmt: skip
        st.caption("Click a patient, then open it.", width="content")
    _not_scored(found)
    st.caption(f"Every number is a model estimate, not a prognosis. {RESEARCH_USE}")


def _numbers(found: CohortResults) -> None:
    """Who was scored, by what, and with what."""
    outcome = next(iter(found.outcomes.values()))
    high = int((found.table["group"] == "high").sum())
    facts = {
        "Patients scored": f"{len(found):,} of {len(found) + len(found.not_scored):,}",
        "Events": f"{int(outcome['event'].sum()):,}",
        "High / low": f"{high:,} / {len(found) - high:,}",
        **{f"With {words.lower()}": f"{n:,}" for words, n in _present(found).items()},
    }
    with st.container(horizontal=True, gap="large"):
        for label, value in facts.items():
            st.metric(label, value, width="content")
    if found.n_out_of_fold:
        st.info(
            f"{found.n_out_of_fold:,} of these patients are in the training cohort of {found.checkpoint}. Each is "
            "scored only by the models that never saw them (out of fold), so nothing here is an external validation.",
            icon=":material/info:",
        )
    for table, unit, to in found.document["converted"]:
        st.info(f"The {table} table was put from {unit} into {to}, the unit of the model.", icon=":material/info:")


def _present(found: CohortResults) -> dict[str, int]:
    names = [name for name in found.table.columns if name.startswith("has_")]
    return {estimate.NAMES[name.removeprefix("has_")]: int(found.table[name].sum()) for name in names}


def readable(found: CohortResults) -> pd.DataFrame:
    """The table in words, one row per patient, in the order of the results."""
    table = found.table
    columns = {
        "Patient": table.index.to_numpy(), "Risk": table["risk"], "Percentile": table["percentile"],
        "Group": [GROUPS[group] for group in table["group"]], "1 year": table["S_12"].round(2),
        "3 years": table["S_36"].round(2), "5 years": table["S_60"].round(2),
    }  # fmt: skip
    outcome = _outcome(found)
    columns |= {"Months": outcome["time_months"], "Event": outcome["event"]}
    has = {name: estimate.NAMES[name.removeprefix("has_")] for name in table.columns if name.startswith("has_")}
    columns |= {words: table[name] for name, words in has.items()}
    columns["Scored"] = table["standing"]
    if (table["notices"] != "").any():
        columns["Notices"] = table["notices"]
    return pd.DataFrame(columns, index=table.index)


def _outcome(found: CohortResults) -> pd.DataFrame:
    outcome = next(iter(found.outcomes.values())).reindex(found.table.index)
    return pd.DataFrame({"time_months": outcome["time"], "event": outcome["event"]})


def _columns(found: CohortResults) -> dict[str, Any]:
    share = st.column_config.NumberColumn(format="percent")
    return {
        "Risk": st.column_config.NumberColumn(format="%.3f", help="Higher = worse."),
        "Percentile": st.column_config.NumberColumn(
            format="%.0f", help="Share of the training cohort with a lower risk."
        ),
        "Group": st.column_config.TextColumn(help=f"By the cut-off frozen in the checkpoint ({found.cutoff:.4g})."),
        "1 year": share, "3 years": share, "5 years": share,
        "Months": st.column_config.NumberColumn(format="%.1f"),
    }  # fmt: skip


def _curves(found: CohortResults) -> str:
    names = [f"{months:.6g}" for months in found.times]
    table = pd.DataFrame(found.survival, index=found.table.index, columns=pd.Index(names))
    return table_csv(table, float_format="%.6g")


def _not_scored(found: CohortResults) -> None:
    if found.not_scored.empty:
        return
    counts = found.not_scored["kind"].value_counts()
    words = ", ".join(f"{n:,} {WHY[str(kind)]}" for kind, n in counts.items())
    with st.expander(f"{len(found.not_scored):,} not scored: {words}", icon=":material/person_off:"):
        names = {"case_id": "Patient", "kind": "Kind", "reason": "Reason"}
        st.dataframe(found.not_scored.rename(columns=names), hide_index=True, width="stretch")
