"""Patients: the open cohort scored by the chosen model, as a table that leads to every patient, and its outputs."""

from __future__ import annotations

import streamlit as st

from pages.components import cohort_run, current_cohort, outputs, patients_table

entry = current_cohort.bar()
if entry is None:
    st.stop()
st.session_state["cohort_page"] = "cohort_patients.py"
found = cohort_run.scored(entry)
if found is None:
    st.stop()
patients_table.show(entry, found)
outputs.show(entry, found)
