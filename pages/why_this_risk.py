"""Why this risk: what the evidence of a case adds to its estimate against a named baseline, and what if."""

from __future__ import annotations

import streamlit as st

from pages.components import (
    estimate,
    notices,
    session,
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

VIEWS = {
    "Evidence": why_evidence.show,
    "Over time": why_over_time.show,
    "Value of each test": why_tests.show,
    "What if": why_what_if.show,
    "Tokens and tissue": why_tissue.show,
}
for name, tab in zip(VIEWS, st.tabs(list(VIEWS), key="view", bind="query-params"), strict=True):
    if tab.open:
        with tab:
            VIEWS[name](case)
