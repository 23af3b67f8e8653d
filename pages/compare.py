"""Compare: checkpoints on the same patients, and the leaderboard of the benchmark."""

from __future__ import annotations

import streamlit as st

from pages.components import compare_board, compare_models, current_cohort

here, board = st.tabs(["On a cohort", "Benchmark"], key="tab", bind="query-params")
with here:
    entry = current_cohort.bar()
    if entry is not None:
        compare_models.show(entry)
with board:
    compare_board.show()
