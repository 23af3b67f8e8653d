"""Slide & attention: where each clinical sentence or gene programme looks on the slide."""

from __future__ import annotations

import streamlit as st

from pages.components import attention, notices, session
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
event = workbench(attention.workbench_data(case, ready=ready), key="slide")
if not ready:
    attention.prepare(case)
    st.rerun()
notices.show(session.notices_of(case))
