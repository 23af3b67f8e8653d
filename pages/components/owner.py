"""Whose session this is."""

from __future__ import annotations

import streamlit as st

from survviz.server import owner_of_cookies
from survviz.server.auth import new_owner


def current_owner() -> str:
    """The browser's signed identity; without a cookie (as in AppTest), one that lasts for this session only."""
    owner = owner_of_cookies(dict(st.context.cookies))
    if owner is None:
        owner = st.session_state.setdefault("_survviz_owner", new_owner())
    return owner
