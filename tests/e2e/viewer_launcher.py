"""Launcher of a test page (`VIEWER_APP`), with the same routes and middleware as the app."""

import os
from pathlib import Path

import streamlit as st

from survviz.server import lifespan, middleware, routes

app = st.App(
    Path(__file__).parent / os.environ.get("VIEWER_APP", "viewer_app.py"),
    routes=routes(st.get_option("server.baseUrlPath")),
    middleware=middleware(),
    lifespan=lifespan,
)
