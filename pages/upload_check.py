"""Upload & check: somebody's tables in four steps, from files to a cohort; nothing is changed unasked."""

from __future__ import annotations

import streamlit as st

from pages.components import check_columns, check_desk, check_files, check_matching, check_report, check_steps
from pages.components.literal import literal
from survviz.errors import SurvvizError

desk = check_desk.current()
step = check_steps.current(has_files=bool(desk.files))
if step == "files":
    check_files.show(desk)
    if desk.files:
        check_steps.next_button(step)
    st.stop()

try:
    report = check_desk.report(desk)
except SurvvizError as error:
    st.error(literal(str(error)), icon=":material/error:")
    with st.container(horizontal=True):
        if check_desk.n_fixes(desk):
            st.button("Take back the last change", on_click=check_desk.take_back_last, key="check_back")
        st.button("Begin again with these files", on_click=check_desk.lay, args=(list(desk.files),), key="check_again")
    st.stop()

if step == "columns":
    check_columns.show(desk, report)
elif step == "matching":
    check_matching.show(report)
else:
    check_report.show(desk, report)
if step != "report":
    check_steps.next_button(step)
