"""The workbench: slides, maps, patches, regions and stories in one component. What it shows, it computes itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypedDict

import streamlit as st
from streamlit.components import v2

from pages.components.assets import boot, web_root, web_version
from survviz.server import MapView, SlideView


class SlideEntry(TypedDict):
    """A slide with its maps.

    Attributes:
        others: maps of the checkpoint that stands beside the page's own; see `Model`.
        shares: "kind:query:key" -> this slide's share of the case's attention, over all tokens.
        features: token of the grant "features" (descriptors, find similar); None = no features.
        truth: token of the grant "regions" (truth masks of the sample cohort); None = there are none.
    """

    view: SlideView
    maps: list[MapView]
    others: list[MapView]
    shares: dict[str, float]
    features: str | None
    truth: str | None


class Job(TypedDict):
    """A computation of the maps of one direction; `GET job/{token}.json` says how far it is."""

    token: str
    query: str
    key: str
    state: str
    error: str


class Kind(TypedDict):
    """A kind of map.

    Attributes:
        asked: whether a token asks for it; if not, it has one map, of query "risk", key "pathology" and token "all".
        state: "ready" (a map that is not there can be computed), "loading", or "unavailable" for `reason`.
        jobs: what is being computed, or failed.
    """

    id: str
    label: str
    words: str
    asked: bool
    state: str
    reason: str
    jobs: list[Job]


class Token(TypedDict):
    """A token.

    Attributes:
        recorded: whether the case says anything about it.
        contribution: by how much it moves the risk, None = not computed.
    """

    name: str
    words: str
    recorded: bool
    contribution: float | None


class Direction(TypedDict):
    """Who looks at what; `tokens` starts with "all", and the strongest contribution follows.

    Attributes:
        words: of one token's map, in a sentence.
        mean: of the mean over all tokens.
    """

    query: str
    key: str
    label: str
    words: str
    mean: str
    tokens: list[Token]


class Model(TypedDict):
    """Another checkpoint, for the second stage.

    Attributes:
        state: "known" (its maps come when it is asked for), "loading", "ready", or "unavailable" for `reason`.
        kinds: what it has: attention.
    """

    name: str
    state: str
    reason: str
    kinds: list[Kind]
    directions: list[Direction]


class Tested(TypedDict):
    """Whether a map is better than chance; "done" with the finding of `explanation.faithfulness`, or a computation.

    Attributes:
        map: "kind:query:key:token".
    """

    map: str
    state: str
    token: str
    error: str
    result: Mapping[str, Any] | None


class WorkbenchData(TypedDict):
    """Everything that the workbench shows; see `survviz/server/web/bench.js`.

    Attributes:
        models: checkpoints beside the page's own; None while they are looked for.
    """

    case: Mapping[str, Any]
    slides: list[SlideEntry]
    slide: str | None
    kinds: list[Kind]
    directions: list[Direction]
    models: list[Model] | None
    tests: list[Tested]
    stories: list[Mapping[str, Any]]
    answers: Mapping[str, Any]
    notices: list[Mapping[str, str]]


Event: TypeAlias = Mapping[str, Any]

_workbench = v2.component("survviz_viewer", js=boot("viewer.js"))


def workbench(data: WorkbenchData, *, key: str, on_event: Callable[[Event], None], height: int = 680) -> None:
    """Draw the workbench.

    Args:
        key: stable name; view and settings are kept under it when the page is left and opened again.
        on_event: called with what a person asked of Python ("compute", "test", "risk", ...), before the script runs.
        height: of the slide, in CSS pixels.
    """

    def told() -> None:
        if event := st.session_state[key].event:
            on_event(event)

    frame = {"root": web_root(), "version": web_version(), "key": key, "height": height}
    _workbench(key=key, data={**frame, **data}, on_event_change=told)
