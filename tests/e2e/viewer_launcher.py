"""Launcher of the viewer's test page, with the same routes and middleware as the app."""

from pathlib import Path

import streamlit as st

from survviz.server import lifespan, middleware, routes

app = st.App(
    Path(__file__).parent / "viewer_app.py",
    routes=routes(st.get_option("server.baseUrlPath")),
    middleware=middleware(),
    lifespan=lifespan,
)
