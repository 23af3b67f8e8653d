"""Scoring the open cohort: started when asked for, followed, stopped, gone on with, found again after a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components import current_cohort, session
from pages.components.cohort_job import CohortJob
from pages.components.cohort_list import CohortEntry, read_cohort

if TYPE_CHECKING:
    from survviz.pipeline.cohort.results import CohortResults

KIND = "cohort-inference"


def scored(entry: CohortEntry) -> CohortResults | None:
    """What the chosen checkpoint says of a cohort; until then the button that starts it, or how far it is."""
    job = CohortJob(KIND, entry.folder)
    found = current_cohort.results(entry)
    if found is not None:
        return found
    if job.is_followed():
        return None
    newest = job.newest()
    failed = newest is not None and newest[1].state == "failed"
    if newest is not None and failed:
        st.error(newest[1].error, icon=":material/error:")
    with st.container(border=True, key="empty-state"):
        _offer(entry, job, again=failed)
    return None


def _offer(entry: CohortEntry, job: CohortJob, *, again: bool) -> None:
    """What scoring would do, and its button."""
    cohort = read_cohort(entry)
    n, events = len(cohort), int(cohort.event.sum())
    st.subheader(f"{entry.name} is not scored by {session.checkpoint_name()} yet", anchor=False)
    st.markdown(
        f"{n:,} patients, {events:,} events. Each is scored by the models that never saw them; missing modalities are "
        "no obstacle, and a patient who cannot be read is listed with the reason. It runs in the background: you may "
        "leave this page and come back, stop it, and go on later with what is done."
    )
    anyway = st.checkbox(
        "Score patients unlike the training cohort too", key="score_anyway",
        help="Another unit, too few of the genes, features out of range: such patients are left out unless you insist.",
    )  # fmt: skip
    words = "Go on" if again else "Score the cohort"
    if st.button(words, type="primary", icon=":material/play_arrow:", key="score_cohort"):
        job.start(entry.folder, anyway=anyway)
