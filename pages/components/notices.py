"""What a person must know, in words, with the fitting weight; and what to show when there is nothing to show."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from pages.components import go, session
from survviz.types import Notice


def show(notices: Iterable[Notice]) -> None:
    """Stops first, then warnings, then remarks; one box each."""
    boxes = {
        "stop": (st.error, ":material/block:"),
        "warning": (st.warning, ":material/warning:"),
        "info": (st.info, ":material/info:"),
    }
    found = list(notices)
    for level, (box, icon) in boxes.items():
        for notice in found:
            if notice.level == level:
                box(notice.text, icon=icon)


def problem(error: Exception) -> None:
    """An expected failure: what was given, what was expected, what to do."""
    st.error(str(error), icon=":material/error:")


def no_case(what: str) -> None:
    """The empty state of a page that needs a case, with the demo one click away."""
    with st.container(border=True, key="empty-state"):
        st.subheader("No case is open", anchor=False)
        st.markdown(f"{what} Open the demo case, or choose your own files.")
        with st.container(horizontal=True):
            st.button("Open the demo case", type="primary", icon=":material/play_arrow:", on_click=session.choose_demo)
            if st.button("Load a case", icon=":material/upload_file:"):
                go.to("load_case.py")
