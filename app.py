"""Launcher: `streamlit run app.py` serves pages, tiles, maps and uploads from one process and port."""

from pathlib import Path

import streamlit as st

from pages.components.crash import report
from pages.components.identity_token import claims
from survviz.server import lifespan, middleware, routes

app = st.App(
    Path(__file__).parent / "pages" / "navigation.py",
    routes=routes(st.get_option("server.baseUrlPath")),
    middleware=middleware(claims),
    lifespan=lifespan,
    on_script_error=report,
)
