"""Two pages, one with nothing but the viewer, for the browser tests. `VIEWER_SLIDE` names the slide, if any."""

from __future__ import annotations

import os

import numpy as np
import streamlit as st

from pages.components.owner import current_owner
from pages.components.viewer import slide_viewer
from survviz.server import register_maps, register_slide, slide_without_file, uploaded_file
from survviz.types import Bag, PatchScores
from survviz.units import Mpp

PATCH = 512
HOT = (4096, 3072)
SIZE = (8192, 6144)


def scores(token: str, values: np.ndarray, coords: np.ndarray) -> PatchScores:
    """A map of one token."""
    share = values / values.sum()
    return PatchScores(
        "attention", "clinical", "pathology", token, "test", share, share[None], coords, PATCH, len(share), "test"
    )


def viewer_page() -> None:
    """The slide, with a map whose only hot patch lies on the slide's black square."""
    owner = current_owner()
    width, height = SIZE
    grid = np.mgrid[0 : height // PATCH, 0 : width // PATCH][::-1].reshape(2, -1).T * PATCH
    distance = np.square((grid - [3000, 3000]) / 1500).sum(axis=1)
    blob = 0.05 + 8 * np.exp(-distance) + 0.2 * np.sin(np.arange(len(grid))) ** 2
    hot = (grid == HOT).all(axis=1).astype(float)
    path = os.environ.get("VIEWER_SLIDE")
    if path and not st.toggle("Without the slide file"):
        slide = register_slide(owner, path)
    else:
        slide = slide_without_file(Bag("features", np.zeros((len(grid), 1)), grid, PATCH, Mpp(0.5), "none"))
    maps = register_maps(
        owner,
        [scores("hot", hot, grid), scores("blob", blob, grid), scores("even", 1 + 0.01 * blob, grid)],
        labels=["Hot", "Blob", "Even"],
    )
    goto = None
    if st.toggle("Go to the square"):
        goto = {"x": HOT[0], "y": HOT[1], "w": PATCH, "h": PATCH, "nonce": 1}
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    event = slide_viewer(slide=slide, maps=maps, active_map=maps[0]["id"], goto=goto, key="viewer", height=760)
    st.text(f"runs {st.session_state['runs']}")
    if event:
        st.text(f"event {event.kind} {event.map} {event.index} {event.x} {event.y}")


def tabs_page() -> None:
    """A viewer that is hidden when the page opens."""
    path = os.environ.get("VIEWER_SLIDE")
    first, second = st.tabs(["First", "Second"])
    first.text("nothing to see here")
    with second:
        slide_viewer(slide=register_slide(current_owner(), path) if path else None, key="tabbed", height=600)


def upload_page() -> None:
    """An upload field."""
    from pages.components.upload import file_upload

    if name := file_upload(label="A table", accept=[".csv"], key="upload"):
        st.text(f"arrived {name} {uploaded_file(current_owner(), name).stat().st_size}")


st.set_page_config(page_title="viewer", layout="wide")
pages = [st.Page(tabs_page, title="Tabs"), st.Page(upload_page, title="Upload")]
st.navigation([st.Page(viewer_page, title="Viewer", default=True), *pages]).run()
