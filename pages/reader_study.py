"""Reader study: slides under real, shuffled or uniform maps, one question per screen. Hidden unless enabled."""

from __future__ import annotations

import streamlit as st

from pages.components import reader
from survviz.study import Sitting, enabled_study

study = enabled_study()
if study is None:
    st.info("No reader study is enabled. Make one with `survviz study init`, or set SURVVIZ_READER_STUDY.")
    st.stop()

code = reader.sign_in(study)
if code is None:
    reader.ask_code(study)
    st.stop()

sitting = Sitting(study, code)
place = sitting.place(reader.tutorial_question())
if place.step == "consent":
    reader.ask_consent(study, sitting)
elif place.step == "thanks":
    st.success(study.thanks, icon=":material/check_circle:")
else:
    reader.show_screen(study, sitting, place)
st.button(f"Stop for now ({code})", on_click=reader.sign_out, help="All answers are saved; your code goes on here.")
