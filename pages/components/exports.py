"""What can be taken away from a map: each file is made when its button is clicked, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from pages.components.cases import SlideFile
from survviz.figures.geojson import geojson_bytes
from survviz.figures.overlay import RESEARCH_USE, overlay_png
from survviz.figures.table import attention_csv
from survviz.server import SlideView
from survviz.server.slides import slide_cache
from survviz.types import PatchScores

THUMBNAIL_PX = 1600


def overlay_file(file: SlideFile, view: SlideView, scores: PatchScores) -> bytes:
    """The map over the slide's thumbnail."""
    with slide_cache().borrow(file.path, view["mpp"] if view["mpp_source"] == "person" else None) as (slide, _):
        return overlay_png(slide.thumbnail(THUMBNAIL_PX), scores, slide.dimensions, mpp=view["mpp"])


def show(
    scores: PatchScores, all_maps: Mapping[str, Sequence[PatchScores]], view: SlideView, file: SlideFile | None
) -> None:
    """A menu of downloads.

    Args:
        scores: the map on show.
        all_maps: token -> maps of every slide of the case, for the table.
    """
    stem = f"{scores.slide_id}_{scores.query}_{scores.token}".replace(" ", "-").replace("/", "-")
    with st.popover("Export", icon=":material/download:", width="stretch"):
        st.download_button(
            "QuPath tiles of this map (.geojson.gz)",
            lambda: geojson_bytes(scores, compress=True),
            f"{stem}.geojson.gz",
            "application/gzip",
            icon=":material/grid_on:",
            on_click="ignore",
            help="In QuPath: drag it onto the slide, then Measure > Show measurement maps.",
        )
        st.download_button(
            "QuPath annotations of the top 12 patches (.geojson)",
            lambda: geojson_bytes(scores, kind="annotation", top=12),
            f"{stem}_top12.geojson",
            "application/geo+json",
            icon=":material/crop_square:",
            on_click="ignore",
        )
        st.download_button(
            "All maps of this direction (attention.csv)",
            lambda: attention_csv([one for maps in all_maps.values() for one in maps]),
            "attention.csv",
            "text/csv",
            icon=":material/table:",
            on_click="ignore",
        )
        if file is not None:
            st.download_button(
                "Picture with colour bar and scale bar (.png)",
                lambda: overlay_file(file, view, scores),
                f"{stem}.png",
                "image/png",
                icon=":material/image:",
                on_click="ignore",
            )
        st.caption(f"Level-0 pixel coordinates. {RESEARCH_USE}")
