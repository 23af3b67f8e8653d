"""Checkpoints on the patients of the open cohort: who is scored, who may be compared, and by how much they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import current_cohort, estimate, session
from pages.components.cohort_job import RUNNING
from pages.components.cohort_list import CohortEntry
from pages.components.owner import current_owner
from survviz import jobs
from survviz.errors import SurvvizError
from survviz.pipeline.cohort.stratification_words import p_text
from survviz.server.computations import jobs_about, register_job
from survviz.server.folders import allowed_path
from survviz.spreadsheets import table_csv
from survviz.types import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.pipeline.cohort.comparison import Comparison
    from survviz.pipeline.cohort.results import CohortResults

KIND = "cohort-inference"


def show(entry: CohortEntry) -> None:
    """Choose, score what is not scored yet, compare."""
    names = list(session.checkpoint_folders())
    scored = {name: found for name in names if (found := current_cohort.results(entry, name)) is not None}
    chosen = st.multiselect(
        "Checkpoints", names, default=_default(names, scored), key=f"compare_{entry.id}",
        help="The first is the reference, with which the others must be comparable.",
    )  # fmt: skip
    if not chosen:
        st.info("Choose the checkpoints to compare.", icon=":material/info:")
        return
    lacking = [name for name in chosen if name not in scored]
    if lacking:
        _score(entry, lacking)
    there = [scored[name] for name in chosen if name in scored]
    if not there:
        return
    endpoints = list(there[0].outcomes)
    endpoint = endpoints[0]
    if len(endpoints) > 1:
        endpoint = st.selectbox("Endpoint", endpoints, key=f"compare_endpoint_{entry.id}", width=240)
    try:
        found = _compared(there, tuple(str(one.folder) for one in there), endpoint)
    except SurvvizError as error:
        st.error(str(error), icon=":material/error:")
        return
    _draw(found, there)


def _default(names: list[str], scored: dict[str, CohortResults]) -> list[str]:
    now = session.checkpoint_name()
    return [name for name in names if name in scored or name == now][:4]


@st.cache_data(show_spinner="Comparing on the same patients …", max_entries=16)
def _compared(_results: list[CohortResults], folders: tuple[str, ...], endpoint: str) -> Comparison:
    from survviz.pipeline.cohort.comparison import compare

    return compare(_results, endpoint)


# ---- scoring


def _score(entry: CohortEntry, names: list[str]) -> None:
    """Start what is not scored yet, or say how far it is."""
    running = {name: now for name in names if (now := _newest(entry, name)) and now.state in RUNNING}
    if running:
        _follow(entry, list(running))
    failed = {name: now for name in names if (now := _newest(entry, name)) and now.state == "failed"}
    for name, now in failed.items():
        st.error(f"{name}: {now.error}", icon=":material/error:")
    left = [name for name in names if name not in running]
    if left:
        many = f"{len(left)} checkpoint{'s' * (len(left) > 1)}"
        if st.button(f"Score the cohort with {many}", icon=":material/play_arrow:", key="compare_score"):
            owner, cohort = current_owner(), str(allowed_path(current_owner(), entry.folder))
            for name in left:
                arguments = {"checkpoint": str(session.checkpoint_folder(name)), "cohort": cohort}
                register_job(owner, jobs.submit(KIND, arguments, owner=owner), _about(entry, name))
            st.rerun()
        st.caption(f"Not scored yet: {', '.join(left)}.")


def _about(entry: CohortEntry, name: str) -> dict[str, str]:
    """As of `CohortJob`, so that either page finds the other's."""
    folder = session.checkpoint_folder(name)
    stamp = str(session.checkpoint_stamp(folder))
    return {f"{KIND} of": folder.name, "stamp": stamp, "cohort": str(entry.folder)}


def _newest(entry: CohortEntry, name: str) -> jobs.JobStatus | None:
    found = jobs_about(current_owner(), _about(entry, name))
    return next((now for _, now in found if now.state != "cancelled"), None)


@st.fragment(run_every="1s")
def _follow(entry: CohortEntry, names: list[str]) -> None:
    states = {name: _newest(entry, name) for name in names}
    if any(now is None or now.finished for now in states.values()):
        st.rerun(scope="app")
    for name, now in states.items():
        if now is not None:
            count = f": {now.done:,} of {now.total:,} patients" if now.total else ""
            st.progress(now.fraction, f"{name}{count}")


# ---- what came out


def _draw(found: Comparison, results: list[CohortResults]) -> None:
    from survviz.figures.comparison import ComparedRow, comparison_figure

    for name, why in found.refused.items():
        st.warning(f"**{name}** is not compared with {found.reference}. {why}", icon=":material/block:")
    st.markdown(
        f"**n = {found.n:,}**, {found.n_events:,} events ({found.endpoint}) in common. {found.standing}"
        + (f" {found.left_out:,} patients are not in common." if found.left_out else "")
    )
    rows = [
        ComparedRow(one.name, one.c_index.value, one.c_index.low, one.c_index.high, one.by_fold)
        for one in found.contestants
    ]
    options = {"toImageButtonOptions": {"format": "svg", "filename": "comparison"}}
    st.plotly_chart(comparison_figure(rows), key="comparison", config=estimate.PLOT_CONFIG | options)
    numbers = number_table(found, results)
    st.dataframe(numbers, hide_index=True, width="stretch")
    pairs = pair_table(found)
    if len(pairs):
        st.dataframe(pairs, hide_index=True, width="stretch")
        st.caption(
            "Difference: C of the first minus C of the second on the same patients; interval and p by a paired "
            "bootstrap of patients, p adjusted by Holm for all pairs. Over folds: the same difference fold by fold, by "
            "the resampled t-test of Nadeau and Bengio, corrected for what folds share; it speaks of training again."
        )
    with st.container(horizontal=True):
        for words, table in (("Models", numbers), ("Pairs", pairs)):
            st.download_button(
                f"{words} (CSV)", table_csv(table, index=False), f"comparison_{words.lower()}.csv", "text/csv",
                icon=":material/download:", on_click="ignore", key=f"compare_{words}", disabled=table.empty,
            )  # fmt: skip
    st.caption(RESEARCH_USE)


def number_table(found: Comparison, results: list[CohortResults]) -> pd.DataFrame:
    """A row per checkpoint."""
    reads = {one.checkpoint: ", ".join(estimate.NAMES[name] for name in one.document["modalities"]) for one in results}
    rows = [
        {
            "Checkpoint": one.name, "Model": one.model, "Reads": reads[one.name],
            "C (95 % CI)": "undefined" if one.c_index.value is None
            else f"{one.c_index.value:.3f} ({one.c_index.low:.3f} to {one.c_index.high:.3f})",
            "C per fold": ", ".join("–" if value != value else f"{value:.3f}" for value in one.by_fold) or "–",
        }
        for one in found.contestants
    ]  # fmt: skip
    return pd.DataFrame(rows)


def pair_table(found: Comparison) -> pd.DataFrame:
    """A row per pair, with both tests."""
    rows = []
    for one in found.contests:
        gap, folds = one.difference, one.over_folds
        rows.append({
            "Pair": f"{one.first} – {one.second}",
            "Difference (95 % CI)": f"{gap.difference:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})",
            "p": p_text(gap.p_value).removeprefix("p = ").removeprefix("p "),
            "p, Holm": p_text(one.adjusted).removeprefix("p = ").removeprefix("p "),
            "Over folds (95 % CI)": f"{folds.mean:+.3f} ({folds.low:+.3f} to {folds.high:+.3f})" if folds else "–",
            "p, over folds": p_text(folds.p_value).removeprefix("p = ").removeprefix("p ") if folds else "–",
        })  # fmt: skip
    return pd.DataFrame(rows)
