"""Pages with nothing but the workbench, or an upload field, for the browser tests.

`VIEWER_SLIDE` names the slide; `VIEWER_WIDTH` and `VIEWER_HEIGHT` its size, where it is another one.
"""

from __future__ import annotations

import os

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components.owner import current_owner
from pages.components.viewer import Direction, Event, Kind, Model, SlideEntry, Tested, Token, WorkbenchData, workbench
from survviz.explain.faithfulness import Curves, Faithfulness
from survviz.explain.sanity import Change
from survviz.pipeline.explanation.map_test import MapTest
from survviz.pipeline.explanation.maps import MapRequest
from survviz.server import MapView, SlideView, register_maps, register_slide, slide_without_file, uploaded_file
from survviz.types import Bag, MapKind, PatchScores
from survviz.units import Mpp

PATCH = 512
SIZE = (int(os.environ.get("VIEWER_WIDTH", "8192")), int(os.environ.get("VIEWER_HEIGHT", "6144")))
HOT = (SIZE[0] // 2, SIZE[1] // 2)
FOLDS = 3
OTHER = "other-model"
KINDS: tuple[MapKind, ...] = ("attention", "contribution", "perturbation")


def scores(token: str, values: NDArray[np.float64], coords: NDArray[np.int64], share: float, slide: str) -> PatchScores:
    """Attention of one token; `share` of it lies on this slide."""
    values = share * values / values.sum()
    spread = 1 + 0.3 * np.arange(-1, FOLDS - 1)[:, None] * np.cos(np.arange(len(values)))
    per_fold = values * spread
    total = len(values) if share == 1 else 2 * len(values)
    words = f"Test attention of {token}."
    return PatchScores(
        "attention", "clinical", "pathology", token, slide, values, per_fold, coords, PATCH, total, words
    )


def grid() -> NDArray[np.int64]:
    """Corners of the patches of the whole slide, one of them at its centre."""
    first = np.array(HOT) % PATCH
    columns, rows = (np.array(SIZE) - first) // PATCH
    return np.mgrid[0:rows, 0:columns][::-1].reshape(2, -1).T * PATCH + first


def attention(coords: NDArray[np.int64], share: float, slide: str) -> list[PatchScores]:
    """A map whose only hot patch lies on the slide's black square, a blob, and an even one."""
    distance = np.square((coords - [3000, 3000]) / 1500).sum(axis=1)
    blob = 0.05 + 8 * np.exp(-distance) + 0.2 * np.sin(np.arange(len(coords))) ** 2
    hot = (coords == HOT).all(axis=1).astype(float)
    named = {"hot": hot, "blob": blob, "even": 1 + 0.01 * blob}
    return [scores(token, values, coords, share, slide) for token, values in named.items()]


def contribution(coords: NDArray[np.int64], slide: str) -> PatchScores:
    """A signed map: the left half lowers the risk, the right half raises it."""
    values = np.where(coords[:, 0] < SIZE[0] / 2, -0.01, 0.02)
    per_fold = np.repeat(values[None], FOLDS, axis=0)
    words = "Test contribution."
    return PatchScores(
        "contribution", "risk", "pathology", "all", slide, values, per_fold, coords, PATCH, len(coords), words, "risk"
    )


def entry(view: SlideView, share: float) -> SlideEntry:
    """A slide with its maps."""
    coords = grid()
    found: list[PatchScores] = [*attention(coords, share, view["slide_id"]), contribution(coords, view["slide_id"])]
    maps: list[MapView] = register_maps(current_owner(), found, slide=view["token"])
    shares = {"attention:clinical:pathology": share}
    others: list[MapView] = []
    if st.session_state.get("asked"):
        others = register_maps(current_owner(), found[1:2], slide=view["token"], checkpoint=OTHER, beside=True)
    return SlideEntry(view=view, maps=maps, others=others, shares=shares, features=None, truth=None)


def kind(name: MapKind) -> Kind:
    """A kind of map; perturbation is the one that the model cannot have."""
    state, reason = ("unavailable", "This model cannot.") if name == "perturbation" else ("ready", "")
    asked = name == "attention"
    return Kind(
        id=name, label=name.capitalize(), words=f"What {name} is", asked=asked, state=state, reason=reason, jobs=[]
    )


def tested() -> Tested:
    """What the test of the map "blob" found: better than chance, in round numbers."""
    shares = np.array([0.01, 0.05, 0.1, 0.2])

    def curves(n: int, without: float, alone: float) -> Curves:
        spread = 1 + 0.4 * np.linspace(-1, 1, n)[:, None] if n > 1 else np.ones((1, 1))
        return Curves(-1.2 - without * 5 * shares * spread, -1.6 + alone * 5 * shares * spread)

    chance = curves(49, 0.03, 0.2), curves(49, 0.08, 0.3)
    found = Faithfulness(False, 192, shares, -1.2, -1.6, curves(1, 0.3, 0.7), curves(1, 0.01, 0.25), *chance)
    request = MapRequest("attention", "clinical", "pathology", ("blob",))
    result = MapTest(request, found, Change(np.array([0.1, -0.2])), 0.02, FOLDS).as_json()
    result.pop("orders")
    return Tested(map=result["map"], state="done", token="", error="", result=result)


def data(slides: list[SlideEntry]) -> WorkbenchData:
    """What the workbench takes."""
    pushes = {"hot": -0.2, "blob": 0.4, "even": 0.1}
    tokens = [
        Token(name=name, words=f"The token {name}.", recorded=name != "even", contribution=value)
        for name, value in pushes.items()
    ]
    direction = Direction(
        query="clinical",
        key="pathology",
        label="Clinic → pathology",
        words="Who?",
        mean="Who, on average?",
        tokens=tokens,
    )
    only_blob: Direction = {**direction, "tokens": tokens[1:2]}
    return WorkbenchData(
        case={"id": "test", "checkpoint": "own-model", "key": "test"},
        slides=slides,
        slide=slides[0]["view"]["slide_id"] if slides else None,
        kinds=[kind(name) for name in KINDS],
        directions=[direction],
        models=models(only_blob),
        tests=[tested()],
        stories=[],
        answers={},
        notices=[{"level": "warning", "code": "test", "text": "Something to know."}],
    )


def models(direction: Direction) -> list[Model]:
    """Another checkpoint, whose maps come once it is asked for, and one that cannot."""
    asked = bool(st.session_state.get("asked"))
    state, directions = ("ready", [direction]) if asked else ("known", [])
    blind = Model(name="blind", state="unavailable", reason="It does not read pathology.", kinds=[], directions=[])
    return [Model(name=OTHER, state=state, reason="", kinds=[kind("attention")], directions=directions), blind]


def heed(event: Event) -> None:
    """The other checkpoint's maps are there from now on."""
    if event["kind"] == "model" and event["name"] == OTHER:
        st.session_state["asked"] = True


def viewer_page() -> None:
    """The slide; with the toggle, its patch grid alone, or a second slide of the same case."""
    path = os.environ.get("VIEWER_SLIDE")
    bag = Bag("features", np.zeros((len(grid()), 1)), grid(), PATCH, Mpp(0.5), "none")
    without = slide_without_file(bag)
    only_grid = not path or st.toggle("Without the slide file")
    first = without if only_grid else register_slide(current_owner(), path)
    two = st.toggle("Two slides")
    slides = [entry(first, 0.75), entry({**without, "slide_id": "other"}, 0.25)] if two else [entry(first, 1.0)]
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    workbench(data(slides), key="viewer", on_event=heed, height=760)
    st.text(f"runs {st.session_state['runs']}")


def tabs_page() -> None:
    """A workbench that is hidden when the page opens."""
    path = os.environ.get("VIEWER_SLIDE")
    first, second = st.tabs(["First", "Second"])
    first.text("nothing to see here")
    with second:
        slides = [entry(register_slide(current_owner(), path), 1.0)] if path else []
        workbench(data(slides), key="tabbed", on_event=lambda event: None, height=600)


def upload_page() -> None:
    """An upload field."""
    from pages.components.upload import file_upload

    if name := file_upload(label="A table", accept=[".csv"], key="upload"):
        st.text(f"arrived {name} {uploaded_file(current_owner(), name).stat().st_size}")


st.set_page_config(page_title="viewer", layout="wide")
pages = [st.Page(tabs_page, title="Tabs"), st.Page(upload_page, title="Upload")]
st.navigation([st.Page(viewer_page, title="Viewer", default=True), *pages]).run()
