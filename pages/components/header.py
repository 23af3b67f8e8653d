"""The line on top of every page: what page, which case, which model, and what the numbers may be used for."""

from __future__ import annotations

import streamlit as st

from pages.components import cases, current_cohort, session
from survviz.figures.overlay import RESEARCH_USE

__all__ = ["RESEARCH_USE", "show", "show_blinded"]


def show(title: str) -> None:
    """Draw the header. It always has the same number of elements, so that a viewer below is never mounted anew."""
    key, model = session.current_key(), session.checkpoint_name()
    if key is not None:
        st.query_params["case"] = key
    with st.container(key="page-header", horizontal=True, vertical_alignment="center", gap="small"):
        st.title(title, anchor=False, width="content")
        st.badge(
            f"Case {cases.name_of(key)}" if key else "No case open",
            icon=":material/person:",
            color="blue" if key else "gray",
        )
        st.badge(f"Model {model}" if model else "No model", icon=":material/network_node:", color="gray")
        with st.container(key="research-use", width="stretch"):
            st.markdown(RESEARCH_USE, text_alignment="right")
    with st.sidebar:
        choose_model()
        current_cohort.back()


def show_blinded(title: str) -> None:
    """The header without case and model, for readers who must not know them."""
    with st.container(key="page-header", horizontal=True, vertical_alignment="center", gap="small"):
        st.title(title, anchor=False, width="content")
        with st.container(key="research-use", width="stretch"):
            st.markdown(RESEARCH_USE, text_alignment="right")


def choose_model() -> None:
    """The checkpoint, where there is a choice."""
    names = list(session.checkpoint_folders())
    if len(names) > 1:
        st.selectbox("Model", names, key="model", persist_state="session", help="Checkpoints that were found at start.")
