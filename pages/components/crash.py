"""What a person sees when a page fails: words, and an id that finds the traceback in the server's log."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

from survviz.errors import SurvvizError
from survviz.workspace import disk_words

log = logging.getLogger(__name__)


def report(error: Exception) -> bool:
    """For `st.App(on_script_error=...)`; returns True, so that no traceback is shown."""
    if isinstance(error, SurvvizError):
        st.error(str(error), icon=":material/error:")
        return True
    if words := disk_words(error):
        log.error("page failed: %s", error)
        st.error(words, icon=":material/error:")
        return True
    name = secrets.token_hex(4)
    log.error("page failed, id %s", name, exc_info=error)
    st.error(
        f"This page could not be finished because of an error inside survviz (id {name}). Reload the page; if it "
        "happens again, report it with this id, which finds the details in the server's log.",
        icon=":material/error:",
    )
    return True
