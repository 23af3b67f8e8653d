"""Stratify: the open cohort in groups, and how well the model's estimates hold there."""

from __future__ import annotations

import streamlit as st

from pages.components import (
    cohort_run,
    current_cohort,
    stratify_choice,
    stratify_cox,
    stratify_curves,
    stratify_decision,
    stratify_subgroups,
    stratify_validation,
)

entry = current_cohort.bar()
if entry is None:
    st.stop()
st.session_state["cohort_page"] = "stratify.py"
found = cohort_run.scored(entry)
if found is None:
    st.stop()

SHOW = {
    "Kaplan–Meier": stratify_curves.show,
    "Cox": stratify_cox.show,
    "Validation": stratify_validation.show,
    "Decision curve": stratify_decision.show,
    "Subgroups": stratify_subgroups.show,
}
observation = stratify_choice.observation(found)
tabs = dict(zip(SHOW, st.tabs(list(SHOW), key="tab", bind="query-params"), strict=True))
view = next(name for name, tab in tabs.items() if tab.open)
st.session_state.setdefault("cohort_addresses", {})["stratify.py"] = st.query_params.to_dict()
with tabs[view]:
    SHOW[view](entry, found, observation)
