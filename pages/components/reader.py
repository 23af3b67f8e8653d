"""A reader study in the app: whether there is one, who sits at it, and the screen that the browser draws."""

from __future__ import annotations

import logging

import numpy as np
import streamlit as st
from streamlit.components import v2

from pages.components.assets import boot, web_root, web_version
from pages.components.owner import current_owner
from survviz.errors import InputError, SurvvizError
from survviz.server import MapView, SlideView, register_maps, register_slide
from survviz.study import Place, Screen, Sitting, Study, StudyMap, enabled_study, screen_data
from survviz.study.enabled import study_path
from survviz.types import PatchScores

CODE, TYPED, TUTORIAL, PROBLEM, KEY = "reader_code", "reader_typed", "reader_tutorial", "reader_problem", "reader"
HEIGHT = 700

logger = logging.getLogger(__name__)
_reader = v2.component("survviz_reader", js=boot("reader.js"))


def is_enabled() -> bool:
    """Whether somebody named a study; it may still be unreadable, which the page then says."""
    return study_path() is not None


def is_alone() -> bool:
    """Whether readers may see nothing of the app but the study."""
    try:
        study = enabled_study()
    except SurvvizError:
        return False
    return study is not None and study.only


def sign_in(study: Study) -> str | None:
    """The reader's code: of this session, else of the address bar, so that a reload goes on; None = not known yet."""
    given = st.session_state.get(CODE) or st.query_params.get("reader", "")
    reader = study.reader(given)
    if reader is not None:
        st.session_state[CODE] = st.query_params["reader"] = reader
    return reader


def sign_out() -> None:
    """Forget who sits here; the answers stay."""
    for name in (CODE, TUTORIAL, PROBLEM):
        st.session_state.pop(name, None)
    st.query_params.pop("reader", None)


def ask_code(study: Study) -> None:
    """The first screen: who are you?"""
    with st.form("reader-code", border=True):
        st.subheader(study.title, anchor=False)
        st.text_input("Your reader code", key=TYPED, help="You got it from the person who runs the study.")
        if st.form_submit_button("Begin", type="primary", on_click=take_code):
            st.error("No reader has this code. Check it, or ask the person who runs the study.")


def take_code() -> None:
    """Keep the code that was typed, before the page is drawn: `sign_in` knows whether a reader has it."""
    st.session_state[CODE] = st.session_state[TYPED]


def ask_consent(study: Study, sitting: Sitting) -> None:
    """What is done with the answers; nothing is shown before a reader agrees."""
    with st.container(border=True, width=760):
        st.subheader(study.title, anchor=False)
        st.markdown(study.consent)
        agreed = st.checkbox("I have read this and agree to take part.")
        words = {"words": study.consent}
        st.button(
            "Begin", type="primary", disabled=not agreed, on_click=sitting.log.note, args=("consent",), kwargs=words
        )


def tutorial_question() -> int:
    """Where the reader is in the tutorial; a reload starts it again."""
    return st.session_state.get(TUTORIAL, 0)


def take_event() -> None:
    """Keep what the browser sent, before the page is drawn; the next screen then comes in the same run."""
    event = st.session_state[KEY].get("event")
    study = enabled_study()
    reader = None if study is None else sign_in(study)
    if event is None or study is None or reader is None:
        return
    st.session_state.pop(PROBLEM, None)
    number = tutorial_question()
    try:
        taken = Sitting(study, reader).take(event, number)
    except InputError as error:
        st.session_state[PROBLEM] = str(error)
        return
    if taken and event["kind"] == "answer" and str(event["screen"]).startswith("tutorial/"):
        st.session_state[TUTORIAL] = number + 1


def show_screen(study: Study, sitting: Sitting, place: Place) -> None:
    """Draw the slide with its map and the question."""
    assert place.screen is not None
    slide, shown = _views(study, sitting, place.screen)
    data = {
        "root": web_root(),
        "version": web_version(),
        "key": KEY,
        "height": HEIGHT,
        "slide": slide,
        "map": shown,
        "problem": st.session_state.get(PROBLEM),
        **screen_data(place.screen, place, study),
    }
    _reader(key=KEY, data=data, on_event_change=take_event)


def _views(study: Study, sitting: Sitting, screen: Screen) -> tuple[SlideView, MapView]:
    """Slide and map as the browser gets them, under names that say nothing.

    Raises:
        InputError: one of them cannot be shown; the reader is not told which file that is.
    """
    assignment, case = screen.assignment, sitting.case(screen)
    name = "Practice slide" if assignment is None else f"Slide {assignment.position + 1}"
    owner = current_owner()
    try:
        slide = register_slide(owner, study.folder / case.slide, mpp=case.mpp, label=name)
        scores = neutral_scores(_shown_map(sitting, screen), name)
    except SurvvizError as error:
        logger.exception("reader study %s: case %s cannot be shown", study.id, case.name)
        raise InputError(
            f"{name} cannot be shown. Your answers so far are saved. Please tell the person who runs the study; the "
            "reason is in the server's log."
        ) from error
    return slide, register_maps(owner, [scores], slide=slide["token"], labels=["Map"])[0]


def _shown_map(sitting: Sitting, screen: Screen) -> StudyMap:
    path = sitting.study.folder / sitting.case(screen).map
    stamp = path.stat().st_mtime if path.exists() else 0.0
    condition = screen.assignment and screen.assignment.condition
    return _keep_map(sitting, screen, (sitting.study.digest, str(path), stamp, condition))


@st.cache_resource(show_spinner="Preparing the slide …", max_entries=32)
def _keep_map(_sitting: Sitting, _screen: Screen, key: tuple[object, ...]) -> StudyMap:
    return _sitting.shown_map(_screen)


def neutral_scores(shown: StudyMap, name: str) -> PatchScores:
    """A map without its meaning, its case and its model."""
    n = len(shown.values)
    share = shown.values / n
    return PatchScores(
        kind="attention", query="study", key="pathology", token="map", slide_id=name, values=share,
        per_fold=share[np.newaxis], coords=shown.coords, patch_size_level0=shown.patch, n_patches_case=n, semantics="",
    )  # fmt: skip
