"""The slide viewer: deep zoom, and maps that the browser colours. Python hears only clicks and the choice of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from streamlit.components import v2

from pages.components.assets import boot, web_root, web_version
from survviz.server import MapView, SlideView


class Goto(TypedDict):
    """A square to zoom to, in level-0 pixels; a new `nonce` zooms again to the same place."""

    x: int
    y: int
    w: int
    h: int
    nonce: str | int


@dataclass(frozen=True, slots=True)
class ViewerEvent:
    """What a person did in the viewer during this rerun.

    Attributes:
        kind: "patch" = a patch was clicked; "map" = another map was chosen inside the viewer.
        map: id of the map on show.
        index: position of the patch in the `PatchScores`; None for "map".
        x: left edge of the patch in level-0 pixels.
        y: top edge.
    """

    kind: Literal["patch", "map"]
    map: str
    index: int | None = None
    x: int | None = None
    y: int | None = None


_viewer = v2.component("survviz_viewer", js=boot("viewer.js"))


def slide_viewer(
    *,
    slide: SlideView | None,
    maps: Sequence[MapView] = (),
    active_map: str | None = None,
    goto: Goto | None = None,
    picker: bool = True,
    key: str,
    height: int = 640,
) -> ViewerEvent | None:
    """Draw a slide with its maps.

    Args:
        slide: from `register_slide`, or from `slide_without_file` when there are only patch features; None says so.
        maps: from `register_maps`; fetched when first shown, then switched without a rerun.
        active_map: id of the map on show; None shows the slide alone. A change moves the viewer; the viewer's own
            picker moves it too, until the next change.
        goto: zoom here and mark it with a yellow box.
        picker: offer the maps inside the viewer as well.
        key: stable name of this viewer; the view is kept under it when the page is left and opened again.
        height: in CSS pixels.
    """
    data = {
        "root": web_root(),
        "version": web_version(),
        "key": key,
        "height": height,
        "slide": slide,
        "maps": list(maps),
        "active": active_map,
        "goto": goto,
        "picker": picker,
    }
    result = _viewer(key=key, data=data, on_event_change=lambda: None)
    event = result.event
    return ViewerEvent(**event) if event else None
