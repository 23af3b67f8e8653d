"""The workbench: slides, maps, patches, regions and stories in one component. What it shows, it computes itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from streamlit.components import v2

from pages.components.assets import boot, web_root, web_version
from survviz.server import MapView, SlideView


class SlideEntry(TypedDict):
    """A slide with its maps.

    Attributes:
        shares: "kind:query:key" -> this slide's share of the case's attention, over all tokens.
        features: token of the grant "features" (descriptors, find similar); None = no features.
        truth: token of the grant "regions" (truth masks of the sample cohort); None = there are none.
    """

    view: SlideView
    maps: list[MapView]
    shares: dict[str, float]
    features: str | None
    truth: str | None


class Job(TypedDict):
    """A computation; its token answers at `job/{token}.json`."""

    token: str


class Kind(TypedDict):
    """A kind of map; `state` is "ready", "computable", "computing" or "unavailable" (for `reason`)."""

    id: str
    label: str
    words: str
    state: str
    reason: str
    job: Job | None


class Token(TypedDict):
    """A token; `contribution` is by how much it moves the risk, None = not computed."""

    name: str
    words: str
    contribution: float | None


class Direction(TypedDict):
    """Who looks at what; `tokens` starts with "all", and the strongest contribution follows."""

    query: str
    key: str
    label: str
    words: str
    tokens: list[Token]
    heads: int
    folds: int


class WorkbenchData(TypedDict):
    """Everything that the workbench shows; see `survviz/server/web/bench.js`."""

    case: Mapping[str, Any]
    slides: list[SlideEntry]
    slide: str | None
    kinds: list[Kind]
    directions: list[Direction]
    stories: list[Mapping[str, Any]]
    answers: Mapping[str, Any]
    notices: NotRequired[list[Mapping[str, str]]]


_workbench = v2.component("survviz_viewer", js=boot("viewer.js"))


def workbench(data: WorkbenchData, *, key: str, height: int = 680) -> Mapping[str, Any] | None:
    """Draw the workbench; returns what a person asked of Python in this run ("compute", "cancel", "risk", ...).

    Args:
        key: stable name; view and settings are kept under it when the page is left and opened again.
        height: of the slide, in CSS pixels.
    """
    frame = {"root": web_root(), "version": web_version(), "key": key, "height": height}
    return _workbench(key=key, data={**frame, **data}, on_event_change=lambda: None).event
