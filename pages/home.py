"""Home: what this is, one click to the demo case, one to one's own case or cohort, one to the models."""

from __future__ import annotations

import streamlit as st

from pages.components import cases, go, notices, session
from pages.components.owner import current_owner
from survviz.errors import SurvvizError

st.markdown(
    "See where a multimodal survival model looks on a whole slide, which clinical sentence or gene programme it looks "
    "through, and how far its estimate can be trusted."
)

with st.container(key="home-cards"):
    demo, cohort, models = (
        column.container(border=True, height="stretch") for column in st.columns([4, 3, 3], gap="medium")
    )
with demo:
    text, picture = st.columns([5, 4], gap="small", vertical_alignment="center")
with text:
    st.subheader(":material/play_circle: Explore a demo case", anchor=False)
    st.markdown(
        "A synthetic tumour with known truth: slide, gene expression and clinical record are bundled, nothing is "
        "uploaded. Opens on the slide with its attention map."
    )
    with st.container(horizontal=True):
        if st.button("Explore the demo case", type="primary", icon=":material/arrow_forward:", key="demo"):
            try:
                session.choose_demo()
                go.to("slide_attention.py")
            except SurvvizError as error:
                notices.problem(error)
        if st.button("Load a case", icon=":material/upload_file:", key="load"):
            go.to("load_case.py")
try:
    picture.image(cases.demo_picture(), width="stretch", alt="Overview of the demo slide")
except SurvvizError:
    picture.caption("No sample slide is bundled with this installation.")
with cohort:
    st.subheader(":material/fact_check: Check my cohort", anchor=False)
    st.markdown(
        "Tables as they are, Excel or from TCGA, cBioPortal and Xena: what is wrong is listed with its rows and mended "
        "on request. Then risk groups, survival curves and validation."
    )
    if st.button("Check my cohort", icon=":material/arrow_forward:", key="check"):
        go.to("upload_check.py")
with models:
    st.subheader(":material/compare_arrows: Compare models", anchor=False)
    st.markdown(
        "Several models on the same patients, paired and corrected for the number of comparisons, beside published "
        "results and how they were measured."
    )
    if st.button("Compare models", icon=":material/arrow_forward:", key="compare"):
        go.to("compare.py")

recent = cases.loaded_cases(current_owner())[:6]
for title, keys in (("Loaded in this browser", recent), ("More sample cases", cases.sample_keys()[1:7])):
    if keys:
        st.markdown(f"##### {title}")
        with st.container(horizontal=True):
            for key in keys:
                if st.button(cases.name_of(key), icon=":material/folder_open:", key=f"open-{key}"):
                    session.choose(key)
                    go.to("slide_attention.py")

st.space("small")
with st.container(key="status", horizontal=True, gap="medium"):
    found = session.checkpoint_folders()
    st.caption(f":material/network_node: {len(found)} model{'s' * (len(found) != 1)} found", width="content")
    st.caption(":material/cloud_off: Works offline: nothing leaves this machine", width="content")
    st.caption(f":material/memory: {session.device_name()}", width="content")
st.caption(
    "Every number in this app is a model estimate, not a prognosis. The demo model was trained on synthetic tissue "
    "and says nothing about real patients."
)
session.warm_up()
