"""Privacy: what a noised release of the open case would say, what it costs, and what protects the training patients."""

from __future__ import annotations

import streamlit as st

from pages.components import (
    estimate,
    notices,
    privacy_answer,
    privacy_attacks,
    privacy_attention,
    privacy_draw,
    privacy_ledgers,
    privacy_noise,
    privacy_price,
    privacy_slider,
    privacy_training,
    session,
)
from survviz.errors import OutOfDistributionError

ANSWER, ATTENTION, NOISE, LEDGERS = "Risk & survival", "Attention", "Noise", "Ledgers"
ACCURACY, TRAINING, ATTACKS = "Accuracy", "Training", "Attacks"
PROTECTED = (
    "**Protected** is what is released below of the patient who is open, against whoever sees the release and all that "
    "is made of it; the slider says how well. **Not protected** are what is shown here without noise (it stays on this "
    "machine), that this patient was entered and when, relatives, what holds for people like them, and the patients "
    "that the model learnt from: they have a guarantee of their own, or none (*Training*)."
)
PUBLIC = (
    "The patients of TCGA are public and those of the sample are made up: nothing here protects them. On a local "
    "server nothing leaves this machine, and the slider simulates a release."
)

st.markdown(PROTECTED)
st.caption(PUBLIC)

case, draw, view = session.current_case(), None, None
if case is None:
    notices.no_case("Here it is shown what a release of a case with noise still says, and what it costs.")
else:
    try:
        session.prediction_of(case, allow_unlike=st.session_state.get("insisted") == case.key)
    except OutOfDistributionError as error:
        estimate.refused(case.key, error)
        st.stop()
    controls, meters = st.columns([3, 2], gap="large")
    with controls:
        draw = privacy_draw.choose(case)
        view = privacy_slider.show(draw)
    with meters:
        level = view.level if view else 0.0
        privacy_slider.meters(draw.patient.balance, level)
        privacy_slider.odds(draw.patient.balance, level)

names = [ANSWER, ATTENTION, NOISE, LEDGERS, ACCURACY, TRAINING, ATTACKS]
tabs = dict(zip(names, st.tabs(names, key="tab", bind="query-params"), strict=True))
open_tab = next(name for name, tab in tabs.items() if tab.open)
with tabs[open_tab]:
    if open_tab == LEDGERS:
        privacy_ledgers.show(draw)
    elif open_tab == ACCURACY:
        privacy_price.show()
    elif open_tab == TRAINING:
        privacy_training.show(draw)
    elif open_tab == ATTACKS:
        privacy_attacks.show()
    elif draw is None:
        st.markdown("No case is open.")
    elif open_tab == NOISE:
        privacy_noise.show(draw, view)
    elif open_tab == ATTENTION:
        privacy_attention.show(draw, view)
    else:
        privacy_answer.show(draw, view)
