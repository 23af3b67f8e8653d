"""Why this risk: what the evidence of a case adds to its estimate against a named baseline, and what if."""

from __future__ import annotations

import streamlit as st

from pages.components import (
    estimate,
    notices,
    session,
    why_choice,
    why_cohort,
    why_evidence,
    why_over_time,
    why_tests,
    why_tissue,
    why_what_if,
)
from survviz.errors import OutOfDistributionError

case = session.current_case()
if case is None:
    notices.no_case("Here it is shown which evidence of a case pushes the model's estimate up or down, and what if.")
    st.stop()

try:
    session.prediction_of(case, allow_unlike=st.session_state.get("insisted") == case.key)
except OutOfDistributionError as error:
    estimate.refused(case.key, error)
    st.stop()

SHOW = {
    why_choice.EVIDENCE: why_evidence.show,
    why_choice.OVER_TIME: why_over_time.show,
    why_choice.TESTS: why_tests.show,
    why_choice.WHAT_IF: why_what_if.show,
    why_choice.TISSUE: why_tissue.show,
    why_choice.COHORT: why_cohort.show,
}
above = st.container()
tabs = dict(zip(SHOW, st.tabs(list(SHOW), key="view", bind="query-params"), strict=True))
view = next(name for name, tab in tabs.items() if tab.open)
with above:
    choice = why_choice.choose(case, view)
with tabs[view]:
    SHOW[view](case, choice)
