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
from pages.components.owner import current_owner
from survviz import jobs
from survviz.jobs import JobStatus
from survviz.server.computations import cancel_job, jobs_about, register_job
from survviz.server.folders import allowed_path, list_cohorts
from survviz.types import LEARNT_QUERY, RESEARCH_USE

MASKS, FILES = "Region masks of the cohort", "Annotation files of the cohort"
EVERY_MAP = "All maps"
RUNNING = ("queued", "running")
WORDS = (
    "Enrichment: share of the attention in the region ÷ its share of the patches; 1 = as much as any other tissue. "
    "Intervals (95 %) are over patients, each mapped only by models that never saw them. * = the interval excludes 1; "
    "about one in twenty does so by chance."
)


def show() -> None:
    """The expander; open from when something is computed, so that a person who comes back finds it."""
    found = _newest()
    seen = st.session_state.get("regions_seen", False) or bool(found and found[1].state in RUNNING)
    st.session_state["regions_seen"] = seen
    label = f"This checkpoint over a whole cohort: {session.checkpoint_name()}"
    with st.expander(label, icon=":material/table_chart:", expanded=seen):
        _content()


def _content() -> None:
    found = _newest()
    if found and found[1].state in RUNNING:
        _follow(found[0])
        return
    _choose()
    if found and found[1].state == "failed":
        st.error(found[1].error, icon=":material/error:")
    if found and found[1].state == "done":
        _table(Path(found[1].result["folder"]))


def about() -> dict[str, str]:
    """Names the jobs of the chosen checkpoint."""
    folder = session.checkpoint_folder()
    return {"regions of": folder.name, "stamp": str(session.checkpoint_stamp(folder))}


def _newest() -> tuple[str, JobStatus] | None:
    """Token and state of this browser's newest table of the checkpoint that was not cancelled."""
    found = [(grant.token, now) for grant, now in jobs_about(current_owner(), about()) if now.state != "cancelled"]
    return found[0] if found else None


# ---- choosing and computing


@st.cache_data(ttl=60, show_spinner=False)
def _cohorts(owner: str) -> list[tuple[str, Path, dict[str, str | None]]]:
    """Label, folder and what there is of regions: words -> folder of annotation files, None = masks."""
    from survviz.pipeline.region_files import has_masks, own_annotations

    found = []
    for label, folder in list_cohorts(owner):
        files = own_annotations(folder)
        sources = ({MASKS: None} if has_masks(folder) else {}) | ({FILES: str(files)} if files else {})
        found.append((label, folder, sources))
    return found


def _choose() -> None:
    """Which cohort, which regions, and the button."""
    cohorts = {label: (folder, sources) for label, folder, sources in _cohorts(current_owner())}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox("Cohort folder", list(cohorts), key="regions_cohort", width=320)
        sources = cohorts[label][1] if label else {}
        source = st.selectbox("Regions", list(sources), key="regions_source", width=260, disabled=not sources)
        if st.button("Compute the table", icon=":material/play_arrow:", disabled=source is None):
            _start(cohorts[label][0], sources[source])
            st.rerun()
    if not sources:
        st.caption(
            "This cohort has no regions: no masks (`truth/regions.json`) and no folder `annotations` with a QuPath "
            "GeoJSON per slide, named as the slide."
        )


def _start(cohort: Path, annotations: str | None) -> None:
    owner = current_owner()
    allowed = allowed_path(owner, cohort)
    arguments = {"checkpoint": str(session.checkpoint_folder()), "cohort": str(allowed), "annotations": annotations}
    register_job(owner, jobs.submit("regions", arguments, owner=owner), about())


@st.fragment(run_every="1s")
def _follow(token: str) -> None:
    """Progress, asked every second; the whole page runs again once it has ended."""
    found = _newest()
    if found is None or found[0] != token or found[1].finished:
        st.rerun(scope="app")
        return
    now = found[1]
    count = f": {now.done:,} of {now.total:,} cases" if now.total else " …"
    st.progress(now.fraction, f"{now.message}{count}. You may leave this page and come back.")
    if st.button("Cancel", icon=":material/stop:", key="regions_cancel"):
        cancel_job(current_owner(), token)


# ---- what came out


def _table(folder: Path) -> None:
    from survviz.pipeline.region_files import BY_CASE, DOCUMENT, SUMMARY

    if not (folder / DOCUMENT).is_file():
        st.caption("The table that was computed is no longer on disk. Compute it again.")
        return
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
