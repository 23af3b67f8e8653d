"""What is known of a slide before any work is spent on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components import notices, phi_notice
from pages.components.draft import DraftSlide
from survviz.errors import SurvvizError
from survviz.server.slides import slide_cache
from survviz.types import Notice
from survviz.wsi.slide import SlideInfo, open_slide, read_slide_info

TYPICAL_MPP = {0.25: "0.25 (40×)", 0.5: "0.5 (20×)"}


@st.cache_data(show_spinner="Checking the slide …", max_entries=128)
def slide_info(path: str, stamp: float) -> SlideInfo:
    """The file's own description, read in a child process."""
    return read_slide_info(path)


@st.cache_data(show_spinner="Looking for tissue …", max_entries=128)
def tissue_summary(path: str, mpp: float | None, stamp: float, target_mpp: float) -> tuple[int, float, list[Notice]]:
    """Number of patches, share of tissue, and what is unusual about the slide.

    Raises:
        SurvvizError: there is no tissue, or no pixel size.
    """
    from survviz.wsi.flags import slide_notices
    from survviz.wsi.grid import patch_grid
    from survviz.wsi.tissue import tissue_mask

    with open_slide(path, mpp) as slide:
        mask = tissue_mask(slide)
        grid = patch_grid(slide, mask, target_mpp=target_mpp)
        return len(grid.coords), mask.share_tissue, list(slide_notices(slide, mask, target_mpp=target_mpp))


@st.cache_data(show_spinner=False, max_entries=64)
def thumbnail(path: str, stamp: float) -> NDArray[np.uint8]:
    """The whole slide, small."""
    with slide_cache().borrow(path, None) as (slide, _):
        return slide.thumbnail(360)


def ask_mpp(slide: DraftSlide, info: SlideInfo, key: str) -> float | None:
    """The pixel size from a person: two usual values, or another."""
    if slide.mpp is None:
        st.warning(
            f"The file declares no pixel size, and survviz never guesses one. {info.size_hint} "
            "Which one is it? Your answer is recorded as given by a person.",
            icon=":material/straighten:",
        )
    options = [*TYPICAL_MPP, 0.0]
    usual = slide.mpp if slide.mpp in TYPICAL_MPP else 0.0 if slide.mpp else None
    chosen = st.segmented_control(
        "µm per pixel",
        options,
        default=usual,
        format_func=lambda value: TYPICAL_MPP.get(value, "Other"),
        key=f"mpp_{key}",
    )
    if chosen == 0.0:
        return st.number_input(
            "Other, µm per pixel", 0.05, 20.0, value=slide.mpp or 1.0, step=0.05, format="%.3f", key=f"mpp_other_{key}"
        )
    return chosen


def card(slide: DraftSlide, *, target_mpp: float, key: str) -> bool:
    """Describe one slide and ask what is missing; returns whether it can be encoded."""
    stamp = Path(slide.path).stat().st_mtime
    picture, words = st.columns([1, 4], gap="medium")
    try:
        info = slide_info(slide.path, stamp)
        picture.image(thumbnail(slide.path, stamp), width="stretch", alt=f"Overview of {info.slide_id}")
        with words:
            phi_notice.show(slide.path, key=f"slide_{key}")
            return describe(slide, info, stamp, target_mpp, key)
    except SurvvizError as error:
        words.error(str(error), icon=":material/error:")
        return False


def describe(slide: DraftSlide, info: SlideInfo, stamp: float, target_mpp: float, key: str) -> bool:
    """Facts, the question for the pixel size, tissue and notices; whether the slide can be encoded.

    Raises:
        SurvvizError: the slide cannot be used.
    """
    mpp = info.declared_mpp
    if mpp is None:
        slide.mpp = mpp = ask_mpp(slide, info, key)
    facts(info, mpp)
    if mpp is None:
        return False
    patches, share, found = tissue_summary(slide.path, slide.mpp, stamp, target_mpp)
    st.markdown(f"**{patches:,}** patches of tissue at {target_mpp:g} µm/px · tissue covers {share:.0%} of the image")
    notices.show(found)
    return patches > 0


def lacks_size(slide: DraftSlide) -> bool:
    """Whether neither the file nor a person has said its pixel size; False where the file cannot be read."""
    try:
        info = slide_info(slide.path, Path(slide.path).stat().st_mtime)
    except SurvvizError:
        return False
    return info.declared_mpp is None and slide.mpp is None


def facts(info: SlideInfo, mpp: float | None) -> None:
    """One line of technical facts."""
    width, height = info.dimensions
    source = "from the file" if info.declared_mpp else "given by a person"
    size = f"{mpp:.4g} µm/px ({source})" if mpp else "pixel size unknown"
    extent = f" · {width * mpp / 1000:.1f} × {height * mpp / 1000:.1f} mm" if mpp else ""
    colour = "" if info.is_rgb else f" · {info.channels} channels, shown as a composite"
    st.caption(
        f"{info.vendor} · {width:,} × {height:,} px{extent} · {size} · {len(info.levels)} level"
        f"{'s' * (len(info.levels) != 1)}{colour}"
    )
