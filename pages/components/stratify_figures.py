"""Figures of Stratify to take away: vector files without a browser, and what the camera of a figure saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.components import estimate

if TYPE_CHECKING:
    from survviz.pipeline.cohort.stratification import Stratification

TYPES = {"svg": "image/svg+xml", "pdf": "application/pdf", "png": "image/png"}


def config(what: str, found: Stratification) -> dict[str, Any]:
    """As other figures, with a vector file behind the camera."""
    words = f"{what}_{found.checkpoint}_{found.cohort}_{found.endpoint}"
    name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in words)
    return estimate.PLOT_CONFIG | {"toImageButtonOptions": {"format": "svg", "filename": name}}


@st.cache_data(show_spinner=False, max_entries=24)
def _paper(_found: Stratification, key: str, kind: str) -> bytes:
    from survviz.figures.paper import kaplan_meier_paper
    from survviz.pipeline.cohort.stratification_words import headline, title

    return kaplan_meier_paper(_found.groups, kind, endpoint=_found.endpoint, note=headline(_found), title=title(_found))


def figure_buttons(found: Stratification, stem: str) -> None:
    """The figure for a paper; drawn when asked for."""
    key = f"{found.checkpoint} {found.cohort} {found.plan.model_dump_json()} {found.n}"
    for kind, mime in TYPES.items():
        st.download_button(
            f"Figure ({kind.upper()})", lambda one=kind: _paper(found, key, one), f"{stem}_kaplan-meier.{kind}", mime,
            icon=":material/image:", on_click="ignore", key=f"km_figure_{kind}",
        )  # fmt: skip
