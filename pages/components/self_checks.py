"""Running the self-check from the app, showing it row by row, and handing it to an administrator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pandas as pd
import streamlit as st

from pages.components.browser_watch import watch
from pages.components.literal import literal
from survviz.selfcheck import Row, as_json, as_text, run, worst

MARKS = {"ok": "✓ ok", "warn": "! look", "fail": "✗ fails"}
VERDICTS = {
    "ok": (st.success, ":material/check_circle:", "Everything that was checked is in order."),
    "warn": (st.warning, ":material/warning:", "It works, but something should be looked at."),
    "fail": (st.error, ":material/error:", "Something fails; the last column says what to do."),
}


def own_address() -> str | None:
    """Where this server answers on its own machine."""
    port = st.get_option("server.port")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    if st.get_option("server.sslCertFile"):
        return None
    return f"http://127.0.0.1:{port}/{base}"


def controls() -> None:
    """The buttons; a run replaces what was found before."""
    with st.container(horizontal=True):
        if st.button("Check everything", type="primary", icon=":material/fact_check:", key="check_all"):
            st.session_state["self_check"] = _collect(checkpoints=True)
        if st.button("Without the checkpoints", icon=":material/bolt:", key="check_quick"):
            st.session_state["self_check"] = _collect(checkpoints=False)


def _collect(*, checkpoints: bool) -> tuple[list[Row], float]:
    """All rows, with a line for each while they come in."""
    rows: list[Row] = []
    with st.status("Checking …", expanded=True) as status:
        line = st.empty()
        for row in run(url=own_address(), checkpoints=checkpoints):
            rows.append(row)
            line.markdown(f"{len(rows)} done. Last: {row.group}, {row.name}: {MARKS[row.state]}")
        status.update(label="Checked", state="complete", expanded=False)
    return rows, time.time()


def show() -> None:
    """The verdict, the tables by group, the browser's own rows, and the files."""
    rows, at = st.session_state.get("self_check") or ([], 0.0)
    if not rows:
        st.info("Nothing was checked yet in this tab.", icon=":material/info:")
    seen = [*rows, *watch(key="browser_watch")]
    if rows:
        _verdict(seen)
    with st.container(key="self-check-tables"):
        for group, table in _tables(seen):
            st.markdown(f"##### {group}")
            st.table(table, hide_index=True, border="horizontal")
    if rows:
        _files(seen, at)


def _verdict(rows: list[Row]) -> None:
    state = worst(rows)
    box, icon, words = VERDICTS[state]
    counts = ", ".join(f"{sum(row.state == one for row in rows)} {one}" for one in MARKS)
    box(f"{words} ({counts})", icon=icon)


def _tables(rows: list[Row]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Per group; what needs attention comes first."""
    for group in dict.fromkeys(row.group for row in rows):
        here = sorted((row for row in rows if row.group == group), key=lambda row: row.state == "ok")
        yield (
            group,
            pd.DataFrame(
                {
                    "": MARKS[row.state],
                    "What": row.name,
                    "Found": literal(row.found),
                    "What to do": literal(row.todo),
                }
                for row in here
            ),
        )


def _files(rows: list[Row], at: float) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "For the administrator (text)", as_text(rows, at), "survviz_selfcheck.txt", "text/plain",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "The same (JSON)", json.dumps(as_json(rows, at), indent=1, ensure_ascii=False), "survviz_selfcheck.json",
            "application/json", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
