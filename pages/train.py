"""Train: a model on the open cohort, in the background; the checkpoint then stands in the library."""

from __future__ import annotations

import streamlit as st

from pages.components import current_cohort, train_form, train_runs

entry = current_cohort.bar()
if entry is not None:
    with st.container(border=True, key="train-form"):
        train_form.show(entry)
train_runs.show()
st.caption(
    "Training never runs in the app's own process: it goes on when this page is closed, and after a restart of the "
    "app what is done of it is still there."
)
