"""The frame around every page: navigation, the current case and model, the research-use line."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from pages.components import header, notices, person, reader  # noqa: E402
from survviz.errors import SurvvizError  # noqa: E402

HERE = Path(__file__).parent

st.set_page_config(
    page_title="survviz",
    page_icon=HERE / "components" / "icon.png",
    layout="wide",
    initial_sidebar_state=230,
    menu_items={"About": f"survviz: look into multimodal survival models.\n\n{header.RESEARCH_USE}"},
)
st.logo(HERE / "components" / "logo.svg", size="large")
st.html(HERE / "components" / "style.css")

person.require_sign_in()
sections = {
    "Start": [st.Page(HERE / "home.py", title="Home", icon=":material/home:", default=True)],
    "Case": [
        st.Page(HERE / "load_case.py", title="Load case", icon=":material/upload_file:"),
        st.Page(HERE / "slide_attention.py", title="Slide & attention", icon=":material/biotech:"),
        st.Page(HERE / "risk_survival.py", title="Risk & survival", icon=":material/timeline:"),
        st.Page(HERE / "why_this_risk.py", title="Why this risk", icon=":material/balance:"),
    ],
    "Cohort": [
        st.Page(HERE / "upload_check.py", title="Upload & check", icon=":material/fact_check:"),
        st.Page(HERE / "cohort_patients.py", title="Patients", icon=":material/groups:"),
        st.Page(HERE / "stratify.py", title="Stratify", icon=":material/stacked_line_chart:"),
        st.Page(HERE / "compare.py", title="Compare", icon=":material/compare_arrows:"),
        st.Page(HERE / "privacy.py", title="Privacy", icon=":material/shield_lock:"),
    ],
    "Models": [
        st.Page(HERE / "library.py", title="Library", icon=":material/shelves:"),
        st.Page(HERE / "train.py", title="Train", icon=":material/model_training:"),
    ],
    "System": [st.Page(HERE / "self_check.py", title="Self-check", icon=":material/health_and_safety:")],
}
sections = person.without_forbidden(sections)
alone = False
if reader.is_enabled():
    alone = reader.is_alone()
    study = st.Page(HERE / "reader_study.py", title="Reader study", icon=":material/rate_review:", default=alone)
    sections = {"Study": [study]} if alone else {**sections, "Study": [study]}

page = st.navigation(sections, expanded=True, position="hidden" if alone else "sidebar")
if page.title == "Reader study":
    header.show_blinded(page.title)
else:
    header.show(page.title)
person.show()
try:
    page.run()
except SurvvizError as error:
    notices.problem(error)
