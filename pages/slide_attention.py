"""Slide & attention: where each clinical sentence or gene programme looks on the slide."""

from __future__ import annotations

import streamlit as st

from pages.components import attention, exports, notices, patches, session
from pages.components.viewer import slide_viewer

HEIGHT = 680

case = session.current_case()
if case is None:
    notices.no_case(
        "Here a case's slide is shown with the patches that each clinical sentence or gene programme looks at."
    )
    st.stop()
if not case.case.bags:
    notices.problem(attention.NO_PATCHES)
    st.stop()

view, rail = st.columns([7, 3], gap="medium")
slide_id = attention.chosen_slide(case)
slide = attention.slide_view(case, slide_id)
ready = attention.is_ready(case)
with rail:
    choice = attention.choose_map(case) if ready else None
views = attention.map_views(case, slide_id, choice.query) if choice else []

with view:
    event = slide_viewer(
        slide=slide,
        maps=views,
        active_map=choice.map_id if choice else None,
        goto=st.session_state.get("goto"),
        picker=False,
        key="slide",
        height=HEIGHT,
    )

if choice is None:
    with rail:
        attention.prepare(case)
    st.rerun()

maps = session.maps_of(case, choice.query)
scores = next(one for one in maps[choice.token] if one.slide_id == slide_id)
if event is not None and event.kind == "patch" and event.index is not None:
    patches.select_patch(scores, event.index, zoom=False)

with rail:
    found = session.notices_of(case)
    notices.show(notice for notice in found if notice.level == "stop")
    attention.token_words(case, choice)
    attention.read_outs(maps[choice.token], scores)
    index = patches.selected_patch(slide_id, len(scores.values))
    with st.container(border=True, key="patch-card"):
        if index is None:
            st.caption("Click a patch on the slide to see its image and values.")
        else:
            others = {
                name: next(one for one in each if one.slide_id == slide_id)
                for name, each in maps.items()
                if name != "all"
            }
            patches.card(slide, scores, index, others)
    exports.show(scores, maps, slide, case.slides.get(slide_id))
    notices.show(notice for notice in found if notice.level != "stop")

with view:
    st.caption(scores.semantics)
patches.show_gallery(slide, scores)
attention.prepare_rest(case)
