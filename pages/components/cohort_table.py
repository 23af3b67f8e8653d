"""Below the workbench: the same checkpoint over a whole cohort, as a table of where its maps lie, class by class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pages.components import session
from pages.components.attention import ALL, NOUNS, direction_label
from pages.components.cohort_job import RUNNING, CohortJob
from survviz.types import LEARNT_QUERY, RESEARCH_USE

MASKS, FILES = "Region masks of the cohort", "Annotation files of the cohort"
EVERY_MAP = "All maps"
JOB = CohortJob("regions")
WORDS = (
    "Enrichment: share of the attention in the region ÷ its share of the patches; 1 = as much as any other tissue. "
    "Intervals (95 %) are over patients, each mapped only by models that never saw them. * = the interval excludes 1; "
    "about one in twenty does so by chance."
)


def show() -> None:
    """The expander; open from when something is computed, so that a person who comes back finds it."""
    found = JOB.newest()
    seen = st.session_state.get("regions_seen", False) or bool(found and found[1].state in RUNNING)
    st.session_state["regions_seen"] = seen
    label = f"This checkpoint over a whole cohort: {session.checkpoint_name()}"
    with st.expander(label, icon=":material/table_chart:", expanded=seen):
        if JOB.is_followed():
            return
        _choose()
        folder = JOB.result("The table that was computed is no longer on disk. Compute it again.")
        if folder:
            _table(folder)


@st.cache_data(ttl=60, show_spinner=False)
def _sources(cohort: Path) -> dict[str, str | None]:
    """What a cohort has of regions: words -> folder of annotation files, None = its masks."""
    from survviz.pipeline.cohort.region_files import has_masks, own_annotations

    files = own_annotations(cohort)
    return ({MASKS: None} if has_masks(cohort) else {}) | ({FILES: str(files)} if files else {})


def _choose() -> None:
    """Which cohort, which regions, and the button."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        cohort = JOB.choose()
        sources = _sources(cohort) if cohort else {}
        source = st.selectbox("Regions", list(sources), key="regions_source", width=260, disabled=not sources)
        if st.button("Compute the table", icon=":material/play_arrow:", disabled=source is None) and cohort:
            JOB.start(cohort, annotations=sources[source])
    if not sources:
        st.caption(
            "This cohort has no regions: no masks (`truth/regions.json`) and no folder `annotations` with a QuPath "
            "GeoJSON per slide, named as the slide."
        )


# ---- what came out


def _table(folder: Path) -> None:
    from survviz.pipeline.cohort.region_files import BY_CASE, DOCUMENT, SUMMARY

    document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    # a learnt query has one token, whose mean is itself
    rows = [row for row in document["summary"] if row["query"] != LEARNT_QUERY or row["token"] == ALL]
    names = {map_name(row): None for row in rows}
    shown = st.selectbox("Map", [*names, EVERY_MAP], key="regions_map", width=420)
    st.caption(f"{document['checkpoint']} on {document['cohort']}, {document['n_cases']} patients with regions.")
    if shown == EVERY_MAP:
        st.dataframe(every_map(rows), hide_index=True, width="stretch")
    else:
        st.table(one_map([row for row in rows if map_name(row) == shown]))
    st.caption(f"{WORDS} {len(rows)} intervals in all. {RESEARCH_USE}")
    stem = f"{document['checkpoint']}_{document['cohort']}"
    with st.container(horizontal=True):
        for words, name in (("Download CSV", SUMMARY), ("CSV of every patient", BY_CASE)):
            data = (folder / name).read_bytes()
            st.download_button(words, data, f"{stem}_{name}", "text/csv", icon=":material/download:", on_click="ignore")


def map_name(row: Mapping[str, Any]) -> str:
    """For example "Clinic → pathology: Stage"."""
    noun = NOUNS.get(row["query"], "token")
    token = f"all {noun}s" if row["token"] == ALL else row["token"]
    label = direction_label(row["query"], row["key"])
    return label if row["query"] == LEARNT_QUERY else f"{label}: {token}"


def one_map(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per class of region, the most enriched first; for reading."""
    ordered = sorted(rows, key=lambda row: -row["enrichment"])
    columns = {
        "Enrichment": [f"{row['enrichment']:.2f}{mark(row)}" for row in ordered],
        "95 % interval": [interval(row) for row in ordered],
        "Patients": [str(row["n_cases"]) for row in ordered],
        "Enriched in": [f"{100 * row['share_above_1']:.0f} % of them" for row in ordered],
    }
    return pd.DataFrame(columns, index=pd.Index([row["region"] or "no class" for row in ordered], name="Region"))


def every_map(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per map, a column per class: mean enrichment, marked where its interval excludes 1."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        cells = found.setdefault(map_name(row), {"Map": map_name(row)})
        cells[row["region"] or "no class"] = f"{row['enrichment']:.2f}{mark(row)}"
    return pd.DataFrame(list(found.values())).fillna("")


def mark(row: Mapping[str, Any]) -> str:
    """A star where the interval excludes 1."""
    return " *" if row["low"] is not None and not row["low"] <= 1 <= row["high"] else ""


def interval(row: Mapping[str, Any]) -> str:
    """Both ends, where there is more than one patient."""
    return "one patient" if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}"
