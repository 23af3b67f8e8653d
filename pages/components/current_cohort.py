"""Which cohort is open: kept in the session, mirrored in the address bar beside the model; and what was scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components import cases, go, session
from pages.components.cohort_list import SAMPLE_ID, CohortEntry, entries
from pages.components.owner import current_owner

if TYPE_CHECKING:
    from survviz.pipeline.cohort.results import CohortResults

PARAMETER = "cohort"


def current() -> CohortEntry | None:
    """The open cohort: what the session says, a new session starting with the address bar; None where none is open."""
    if "cohort_id" not in st.session_state and PARAMETER in st.query_params:
        st.session_state["cohort_id"] = st.query_params[PARAMETER]
    return entries(current_owner()).get(st.session_state.get("cohort_id", ""))


def choose(cohort_id: str) -> None:
    """Open a cohort from now on, on every page."""
    st.session_state["cohort_id"] = cohort_id


def choose_sample() -> None:
    """Open the bundled cohort."""
    choose(SAMPLE_ID)


def bar() -> CohortEntry | None:
    """The chooser on top of a cohort page, mirrored in the address; offers the bundled cohort where none is open."""
    there = entries(current_owner())
    now = current()
    with st.container(key="cohort-bar", horizontal=True, vertical_alignment="bottom"):
        st.session_state["cohort_choice"] = now.id if now else None
        st.selectbox(
            "Cohort", list(there), index=None, width=360, key="cohort_choice", on_change=_chosen,
            format_func=lambda one: there[one].name, placeholder="Choose a cohort",
        )  # fmt: skip
    if now is None:
        _empty()
        return None
    mirror(now)
    return now


def _chosen() -> None:
    if st.session_state["cohort_choice"]:
        choose(st.session_state["cohort_choice"])


def mirror(entry: CohortEntry) -> None:
    """Name the cohort and the model in the address bar, so that the address opens the same page again."""
    st.query_params[PARAMETER] = entry.id
    if name := session.checkpoint_name():
        st.query_params["model"] = name


def results(entry: CohortEntry, name: str | None = None) -> CohortResults | None:
    """What a checkpoint, by default the chosen one, says of a cohort as it is now; None until it was scored."""
    from survviz.checkpoint.layout import CONFIG
    from survviz.data.fingerprint import of_file
    from survviz.pipeline.cohort.results import DOCUMENT, find_results

    if session.checkpoint_name() is None:
        return None
    folder = find_results(of_file(session.checkpoint_folder(name) / CONFIG), entry.folder)
    return None if folder is None else _load(str(folder), (folder / DOCUMENT).stat().st_mtime)


@st.cache_resource(show_spinner="Reading the results …", max_entries=4)
def _load(folder: str, stamp: float) -> CohortResults:
    from survviz.pipeline.cohort.results import CohortResults

    return CohortResults.load(folder)


def case_key(entry: CohortEntry, case_id: str) -> str:
    """Key under which the case pages open a case of a cohort."""
    return cases.cohort_key(entry.id, case_id)


def open_case(entry: CohortEntry, case_id: str) -> None:
    """Leave for the page of a case of this cohort: its slide where it has one, else its risk.

    Raises:
        SurvvizError: the case cannot be opened.
    """
    key = case_key(entry, case_id)
    session.choose(key)
    opened = session.current_case()
    page = "slide_attention.py" if opened and opened.case.bags else "risk_survival.py"
    go.to(page)


def back() -> None:
    """In the sidebar of a case of a cohort: the way back; the address names both."""
    key = session.current_key()
    if key is None:
        return
    cohort_id = cases.cohort_of(key)
    entry = current() if cohort_id is None else entries(current_owner()).get(cohort_id)
    if entry is None or (cohort_id or SAMPLE_ID) != entry.id:
        return
    mirror(entry)
    if st.button(f"Back to {entry.name}", icon=":material/arrow_back:", key="back_to_cohort", width="stretch"):
        choose(entry.id)
        page = st.session_state.get("cohort_page", "cohort_patients.py")
        go.to(page, st.session_state.get("cohort_addresses", {}).get(page))


def _empty() -> None:
    with st.container(border=True, key="empty-state"):
        st.subheader("No cohort is open", anchor=False)
        st.markdown("Upload and check your own tables, choose a cohort above, or look at the bundled one.")
        with st.container(horizontal=True):
            st.button("Open the sample cohort", type="primary", icon=":material/play_arrow:", on_click=choose_sample)
