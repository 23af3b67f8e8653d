"""The four steps of a check, in the address bar, so that a reload comes back to the same one."""

from __future__ import annotations

import streamlit as st

STEPS = {"files": "1 Files", "columns": "2 Columns", "matching": "3 Matching", "report": "4 Report"}


def current(*, has_files: bool) -> str:
    """The chosen step; without files there is only the first."""
    if not has_files:
        st.session_state["check_step"] = "files"
    elif st.session_state.get("check_step") not in STEPS:
        asked = st.query_params.get("step", "files")
        st.session_state["check_step"] = asked if asked in STEPS else "files"
    step = st.segmented_control(
        "Step", list(STEPS), format_func=STEPS.__getitem__, key="check_step", required=True,
        label_visibility="collapsed", disabled=not has_files, width="stretch",
    )  # fmt: skip
    st.query_params["step"] = step or "files"
    return step or "files"


def go(step: str) -> None:
    """Callback of a button: to another step."""
    st.session_state["check_step"] = step


def next_button(step: str) -> None:
    """To the step after this one."""
    names = list(STEPS)
    after = names[names.index(step) + 1]
    st.button(
        f"Go on: {STEPS[after][2:].lower()}", type="primary", icon=":material/arrow_forward:", on_click=go,
        args=(after,), key="check_next",
    )  # fmt: skip
