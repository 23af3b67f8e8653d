"""Home: what this is, one click to the demo case, one to one's own."""

from __future__ import annotations

import streamlit as st

from pages.components import cases, notices, session
from pages.components.owner import current_owner
from survviz.errors import SurvvizError

st.markdown(
    "See where a multimodal survival model looks on a whole slide, which clinical sentence or gene programme it looks "
    "through, and how far its estimate can be trusted."
)

with st.container(key="home-cards"):
    demo, own = st.columns([3, 2], gap="medium")
with demo.container(border=True, height="stretch"):
    left, picture = st.columns([3, 2], gap="medium")
with left:
    st.subheader(":material/play_circle: Explore the demo case", anchor=False)
    st.markdown(
        "A synthetic tumour with known truth: slide, gene expression and clinical record are bundled, nothing is "
        "uploaded. Opens on the slide with its attention map."
    )
    if st.button("Explore the demo case", type="primary", icon=":material/arrow_forward:", key="demo"):
        try:
            session.choose_demo()
            st.switch_page("slide_attention.py")
        except SurvvizError as error:
            notices.problem(error)
with own.container(border=True, height="stretch"):
    st.subheader(":material/upload_file: Load a case", anchor=False)
    st.markdown(
        "A whole-slide image or its patch features, a table of gene expression and a clinical record. "
        "Each part may be missing; every file is checked before it is used."
    )
    if st.button("Load a case", icon=":material/arrow_forward:", key="load"):
        st.switch_page("load_case.py")

try:
    picture.image(cases.demo_picture(), width="stretch", alt="Overview of the demo slide")
except SurvvizError:
    picture.caption("No sample slide is bundled with this installation.")

recent = cases.loaded_cases(current_owner())[:6]
for title, keys in (("Loaded in this browser", recent), ("More sample cases", cases.sample_keys()[1:7])):
    if keys:
        st.markdown(f"##### {title}")
        with st.container(horizontal=True):
            for key in keys:
                if st.button(cases.name_of(key), icon=":material/folder_open:", key=f"open-{key}"):
                    session.choose(key)
                    st.switch_page("slide_attention.py")

st.space("small")
with st.container(key="status", horizontal=True, gap="medium"):
    models = session.checkpoint_folders()
    st.caption(f":material/network_node: {len(models)} model{'s' * (len(models) != 1)} found", width="content")
    st.caption(":material/cloud_off: Works offline: nothing leaves this machine", width="content")
    st.caption(f":material/memory: {session.device_name()}", width="content")
st.caption(
    "Every number in this app is a model estimate, not a prognosis. The demo model was trained on synthetic tissue "
    "and says nothing about real patients."
)
session.warm_up()
