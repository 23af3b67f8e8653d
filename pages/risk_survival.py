"""Risk & survival: the model's estimate for this case, beside the cohort that the model learned from."""

from __future__ import annotations

import streamlit as st

from pages.components import estimate, notices, session
from survviz.errors import OutOfDistributionError
from survviz.figures.survival import risk_figure, survival_figure

case = session.current_case()
if case is None:
    notices.no_case(
        "Here the model's estimate is shown: a survival curve, and where the risk lies in the training cohort."
    )
    st.stop()

insisted = st.session_state.get("insisted") == case.key
try:
    prediction = session.prediction_of(case, allow_unlike=insisted)
except OutOfDistributionError as error:
    estimate.refused(case.key, error)
    st.stop()

checkpoint = session.predictor().checkpoint
reference = checkpoint.reference
curve, numbers = st.columns([3, 2], gap="large")
with curve:
    st.subheader("Estimated survival", anchor=False)
    st.plotly_chart(
        survival_figure(prediction, estimate.group_curves(reference)), key="survival", config=estimate.PLOT_CONFIG
    )
with numbers:
    estimate.risk_numbers(checkpoint, prediction)
    estimate.horizon_table(prediction)
    estimate.modalities(checkpoint, prediction)

histogram, facts = st.columns([3, 2], gap="large")
with histogram:
    st.subheader(f"Risk in the {checkpoint.compared_with}", anchor=False)
    st.plotly_chart(
        risk_figure(prediction, reference.risks, reference.cutoff), key="risks", config=estimate.PLOT_CONFIG
    )
with facts:
    estimate.model_facts(checkpoint, prediction)
notices.show((*case.notices, *prediction.notices))
