"""Self-check: whether this installation is whole and keeps to itself."""

from __future__ import annotations

import streamlit as st

from pages.components import self_checks

st.caption(
    "Versions, device, disk, clock, sockets, formats, tiles, and the golden answers of every checkpoint, checked on "
    "this machine; nothing is asked of another. On the command line: `survviz selfcheck`."
)
self_checks.controls()
self_checks.show()
