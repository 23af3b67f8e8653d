"""Where the model looks when the noised record asks, beside where it looks when the true one does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages.components import session
from pages.components.attention import direction_label
from pages.components.cases import OpenCase, is_file
from pages.components.privacy_draw import RECORD, Draw
from survviz.errors import SurvvizError
from survviz.server.slides import slide_cache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from survviz.pipeline.predictor import Predictor
    from survviz.pipeline.private.case import MapsBeside
    from survviz.privacy.release import View
    from survviz.types import PatchScores

PICTURE_PX = 620


def show(draw: Draw, view: View | None) -> None:
    """The view; in words where the model or the release has no such map."""
    reason = why_none(draw, view)
    if reason or view is None:
        st.info(reason, icon=":material/visibility_off:")
        return
    directions = asked_by(draw, view)
    query, key = st.selectbox(
        "Direction", directions, format_func=lambda pair: direction_label(*pair), key="direction-noised"
    )
    try:
        found = beside(
            session.predictor(), draw.case, view, (*session.case_key(draw.case), view.codes, view.level), query, key
        )
    except SurvvizError as error:
        st.error(str(error), icon=":material/error:")
        return
    say(found, view.level)
    own, noised = st.columns(2, gap="medium")
    for column, maps, words in (
        (own, found.own, "Asked by the record without noise (stays on this machine)"),
        (noised, found.noised, f"Asked by the released record, epsilon {view.level:g}"),
    ):
        with column:
            for one in maps:
                st.image(picture(draw.case, one, maps), caption=f"{words} · {one.slide_id}")
    st.caption(
        "The slides are taken as known to whoever sees these maps: the release hides the record that asks, not the "
        "slide. Both maps have one colour scale, and 1 is what every patch would get if all were alike."
    )


def why_none(draw: Draw, view: View | None) -> str:
    """Why there is nothing to compare; empty where there is."""
    if not draw.case.case.bags or not session.directions_of(draw.case):
        return (
            "There is no attention over a slide here: the case has no slide, or the model does not look at one. Open "
            "the demo case with demo-survpgc."
        )
    if view is None:
        return "Nothing is released yet. Move the slider first."
    if not asked_by(draw, view):
        return f'The risk alone asks nothing of a slide. Choose "{RECORD}" above, so that a noised record can ask.'
    return ""


def asked_by(draw: Draw, view: View) -> list[tuple[str, str]]:
    """Directions whose asking group was released, at least in part."""
    from survviz.pipeline.private.case import PROGRAMME, release_fields

    names = {one.name for one in view.plan.coordinates} & set(release_fields(session.predictor()))
    groups = {"genomic" if name.startswith(PROGRAMME) else "clinical" for name in names}
    return [pair for pair in session.directions_of(draw.case) if pair[0] in groups and pair[1] == "pathology"]


@st.cache_resource(show_spinner="Asking the slide twice …", max_entries=16)
def beside(
    _predictor: Predictor, _case: OpenCase, _view: View, about: tuple[object, ...], query: str, key: str
) -> MapsBeside:
    """Both maps; computed once per view."""
    from survviz.pipeline.private.case import maps_beside

    return maps_beside(_predictor, _case.case, _view.clipped, query=query, key=key)


def say(found: MapsBeside, level: float) -> None:
    """Rank correlation, and the top patches beside chance."""
    top = found.top
    with st.container(horizontal=True, gap="large"):
        rank = f"{found.correlation:.2f}".replace("-", "−")
        st.metric("Rank correlation", rank, help="Spearman, all patches.", width="content")
        st.metric(f"Of the top {top.n_top} patches in both", f"{top.shared}", width="content")
        by_chance = f"95 %: {top.low} to {top.high}."
        st.metric("Two random tops would share", f"{top.expected:.0f}", help=by_chance, width="content")
    if top.shared <= top.high:
        st.warning(
            f"At epsilon {level:g} the top patches agree no better than chance: this map is useless as an explanation.",
            icon=":material/blur_on:",
        )


def picture(case: OpenCase, scores: PatchScores, maps: Sequence[PatchScores]) -> NDArray[np.uint8]:
    """A map over its slide, or over a light canvas where the file is not there."""
    from survviz.figures.overlay import blank_slide, blend
    from survviz.figures.patch_map import PatchMap
    from survviz.figures.scaling import Look, summarise

    patch_map = PatchMap.of_scores(scores)
    file = case.slides.get(scores.slide_id)
    if file is not None and is_file(file.path):
        with slide_cache().borrow(file.path, file.mpp) as (slide, _):
            below, size = slide.thumbnail(PICTURE_PX), slide.dimensions
    else:
        below, size = blank_slide(patch_map, PICTURE_PX)
    return blend(below, patch_map, size, Look(opacity=0.6), summarise([PatchMap.of_scores(one) for one in maps]))
