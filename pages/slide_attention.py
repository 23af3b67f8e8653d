"""Slide & attention: where each clinical sentence or gene programme looks on the slide, and what that does."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.components import attention, cohort_table, notices, second_model, session, workbench_events
from pages.components.viewer import workbench

case = session.current_case()
if case is None:
    notices.no_case(
        "Here a case's slide is shown with the patches that each clinical sentence or gene programme looks at."
    )
    st.stop()
if not case.case.bags:
    notices.problem(attention.NO_PATCHES)
    st.stop()

ready = attention.is_ready(case)
data = attention.workbench_data(case, ready=ready)
if ready:
    second_model.join(case, data)
workbench(data, key="slide", on_event=partial(workbench_events.heed, case))
cohort_table.show()
if not ready:
    attention.prepare(case)
    st.rerun()
if any([attention.weigh_tokens(case), second_model.look(case)]) or second_model.prepare(case):
    st.rerun()
