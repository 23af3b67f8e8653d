"""The workbench with the slides and maps of patches_maps.py, for the browser tests of gallery and card."""

from __future__ import annotations

import os

import streamlit as st

from pages.components.owner import current_owner
from pages.components.viewer import Direction, Kind, SlideEntry, Token, WorkbenchData, workbench
from survviz.server import SlideView, register_features, register_maps, register_slide, slide_without_file
from tests.e2e.patches_maps import TOKENS, bag, maps_of


def entry(view: SlideView) -> SlideEntry:
    """A slide with its maps and features."""
    owner, slide_id = current_owner(), view["slide_id"]
    maps = register_maps(owner, maps_of(slide_id), slide=view["token"])
    return SlideEntry(
        view=view,
        maps=maps,
        others=[],
        shares={},
        features=register_features(owner, bag(slide_id), slide=view["token"]),
        truth=None,
    )


def direction(query: str, key: str) -> Direction:
    """One direction."""
    tokens = [Token(name=name, words="", recorded=True, contribution=None) for name in TOKENS]
    return Direction(query=query, key=key, label=f"{query} → {key}", words="", mean="", tokens=tokens)


def kind(name: str, *, asked: bool) -> Kind:
    """A kind of map that is there."""
    return Kind(id=name, label=name.capitalize(), words="", asked=asked, state="ready", reason="", jobs=[])


st.set_page_config(page_title="patches", layout="wide")
st.session_state["runs"] = st.session_state.get("runs", 0) + 1
slide = register_slide(current_owner(), os.environ["VIEWER_SLIDE"], label="with file")
without = slide_without_file(bag("no file"))
data = WorkbenchData(
    case={"id": "CASE", "checkpoint": "test", "model": "test"},
    slides=[entry(slide), entry(without)],
    slide="with file",
    kinds=[kind("attention", asked=True), kind("contribution", asked=False)],
    directions=[direction("clinical", "pathology"), direction("pathology", "clinical")],
    models=None,
    tests=[],
    stories=[],
    answers={},
    notices=[],
)
workbench(data, key="patches", on_event=lambda event: None, height=620)
st.text(f"runs {st.session_state['runs']}")
