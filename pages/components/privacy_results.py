"""Result files of the privacy benchmarks, read as they are; each page says in words where one is not there yet."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from pages.components.session import ROOT

RESULTS = ROOT / "benchmarks" / "results"


def result(name: str) -> dict[str, Any] | None:
    """What `python -m benchmarks.NAME` wrote; None where there is nothing, or it cannot be read."""
    path = RESULTS / f"{name}.json"
    try:
        return _read(str(path), path.stat().st_mtime)
    except (OSError, ValueError):
        return None


@st.cache_data(show_spinner=False, max_entries=16)
def _read(path: str, stamp: float) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def missing(name: str, what: str) -> None:
    """The empty state of a result."""
    st.info(
        f"{what} not measured here yet. `python -m benchmarks.{name}` writes benchmarks/results/{name}.json, and this "
        "page shows it.",
        icon=":material/hourglass_empty:",
    )
