"""One patch, many patches: the card of the clicked patch and the gallery below the slide."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import streamlit as st

from pages.components.assets import web_root
from pages.components.gallery import Thumb, gallery
from pages.components.viewer import Goto
from survviz.figures.colours import colour_table
from survviz.figures.gallery import Choice, pick_patches
from survviz.figures.scaling import colour_positions
from survviz.figures.table import ranks
from survviz.server import SlideView
from survviz.types import PatchScores

CHOICES: dict[str, Choice] = {"Highest": "top", "Lowest": "bottom", "Random": "random"}
SHOWN = 12
SPREADS = (4, 2, 0)
"""With *Spread*, no two patches of the gallery lie closer than so many patches; less where they would not fill it."""


def image_url(slide: SlideView, x: int, y: int, size: int, px: int) -> str | None:
    """URL path of a square of the slide; None without a slide file."""
    token = slide["token"]
    return token and f"{web_root()}/patch/{token}/{x}_{y}_{size}.jpg?px={px}"


def times_uniform(value: float) -> str:
    """For example "8.40×"."""
    return f"{value:.2f}×" if value < 10 else f"{value:.0f}×"


def select_patch(scores: PatchScores, index: int, *, zoom: bool) -> None:
    """Remember a patch for the card; with `zoom`, move the viewer to it."""
    st.session_state["patch"] = (scores.slide_id, index)
    if zoom:
        x, y = (int(value) for value in scores.coords[index])
        side = scores.patch_size_level0
        st.session_state["goto"] = Goto(x=x, y=y, w=side, h=side, nonce=time.time_ns())


def selected_patch(slide_id: str, n_patches: int) -> int | None:
    """Index of the patch that was chosen on this slide."""
    chosen = st.session_state.get("patch")
    return chosen[1] if chosen and chosen[0] == slide_id and chosen[1] < n_patches else None


def card(slide: SlideView, scores: PatchScores, index: int, tokens: Mapping[str, PatchScores]) -> None:
    """Image and values of one patch, and the tokens that look at it most.

    Args:
        tokens: token name -> its map of this slide, without "all".
    """
    x, y = (int(value) for value in scores.coords[index])
    side = scores.patch_size_level0
    fold = scores.fold_over_uniform[index]
    picture, words = st.columns([2, 3], vertical_alignment="top")
    url = image_url(slide, x, y, side, 256)
    if url:
        picture.html(f'<img src="{url}" alt="Patch" style="width: 100%; border-radius: 6px; image-rendering: auto">')
    else:
        picture.caption("Slide file not available")
    rank = int(ranks(scores.values)[index])
    words.markdown(
        f"**{times_uniform(fold)}** uniform attention  \nRank **{rank:,}** of {len(scores.values):,}  \n"
        f":gray[x {x:,}, y {y:,} px (level 0)]"
    )
    if len(scores.per_fold) > 1:
        spread = scores.per_fold[:, index] * scores.n_patches_case
        words.caption(f"Models range from {times_uniform(spread.min())} to {times_uniform(spread.max())}")
    best = sorted(tokens.items(), key=lambda item: -item[1].fold_over_uniform[index])[:5]
    st.markdown(
        "Tokens that look here most: "
        + " · ".join(f"{name} **{times_uniform(score.fold_over_uniform[index])}**" for name, score in best)
    )


def show_gallery(slide: SlideView, scores: PatchScores) -> None:
    """The highest, the lowest or random patches of a map; a click moves the viewer there."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Patches", list(CHOICES), default="Highest", key="gallery_choice", required=True, persist_state="session"
        )
        spread = st.toggle(
            "Spread",
            value=True,
            key="gallery_spread",
            persist_state="session",
            help="Shown patches keep a distance of up to 4 patches, so that neighbours do not fill the gallery.",
        )
        side, mpp = scores.patch_size_level0, slide["mpp"]
        extent = f"Each {side * mpp:.0f} × {side * mpp:.0f} µm. " if mpp else ""
        st.caption(f"{extent}× = times uniform attention. Click a patch to zoom to it.", width="content")
    chosen = np.empty(0, dtype=np.int64)
    for distance in SPREADS if spread else (0,):
        chosen = pick_patches(scores, CHOICES[which or "Highest"], SHOWN, min_distance=side * distance)
        if len(chosen) == SHOWN:
            break
    rank, fold = ranks(scores.values), scores.fold_over_uniform
    colours = colour_table()[np.round(colour_positions(scores) * 255).astype(int)]
    thumbs = [
        Thumb(
            index=int(i),
            x=int(scores.coords[i][0]),
            y=int(scores.coords[i][1]),
            side=side,
            rank=int(rank[i]),
            value=times_uniform(float(fold[i])),
            colour=f"rgb({colours[i][0]}, {colours[i][1]}, {colours[i][2]})",
            url=image_url(slide, int(scores.coords[i][0]), int(scores.coords[i][1]), side, 192),
        )
        for i in chosen
    ]

    def pick(index: int) -> None:
        select_patch(scores, index, zoom=True)

    gallery(thumbs, key="gallery", viewer="slide", show=".st-key-slide", on_pick=pick)
