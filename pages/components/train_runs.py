"""Runs of this browser: live curves, stop, go on, throw away, use what came out."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components import estimate, go
from pages.components.cohort_list import CohortEntry
from pages.components.owner import current_owner
from survviz import jobs
from survviz.jobs import JobStatus
from survviz.server.computations import cancel_job, jobs_about, register_job
from survviz.server.folders import allowed_path, discard_run, own_checkpoints
from survviz.server.store import Grant

RUNNING = ("queued", "running")
STATES = {
    "queued": ("Waiting", "gray"), "running": ("Training", "blue"), "done": ("Done", "green"),
    "failed": ("Failed", "red"), "cancelled": ("Stopped", "orange"),
}  # fmt: skip
SHOWN = 10


def start(entry: CohortEntry, name: str, settings: dict[str, Any], purpose: str) -> None:
    """Train in the background, and run the page again."""
    owner = current_owner()
    arguments = {
        "cohort": str(allowed_path(owner, entry.folder)), "out": str(own_checkpoints(owner) / name),
        "settings": settings, "purpose": purpose,
    }  # fmt: skip
    _submit(owner, name, arguments)


def _submit(owner: str, name: str, arguments: dict[str, Any]) -> None:
    about = {"training": name, "arguments": arguments}
    register_job(owner, jobs.submit("training", arguments, owner=owner), about)
    st.rerun()


def runs() -> list[tuple[Grant, JobStatus]]:
    """This browser's runs, one per checkpoint, the newest first."""
    newest: dict[str, tuple[Grant, JobStatus]] = {}
    for grant, now in jobs_about(current_owner(), {}):
        if "training" in grant.payload:
            newest.setdefault(grant.payload["training"], (grant, now))
    return list(newest.values())[:SHOWN]


def show() -> None:
    """Every run with what can be done about it."""
    found = runs()
    if not found:
        return
    st.subheader("Runs", anchor=False)
    for grant, now in found:
        with st.container(border=True, key=f"run-{grant.token[:12]}"):
            (_live if now.state in RUNNING else _still)(grant, now.state)


@st.fragment(run_every="2s")
def _live(grant: Grant, state: str) -> None:
    """Followed until it ends; then the page runs again."""
    now = jobs.status(grant.payload["job"])
    if now.finished:
        st.rerun(scope="app")
    _head(grant, now)
    left = remaining(now)
    words = f"{now.done:,} of {now.total:,} epochs{left}" if now.total else "Preparing the patients"
    st.progress(now.fraction, f"{words}. You may leave this page and come back.")
    _curves(grant)
    if st.button("Stop", icon=":material/stop:", key=f"stop-{grant.token}", help="What is done is kept."):
        cancel_job(current_owner(), grant.token)


def _still(grant: Grant, state: str) -> None:
    """A run that has ended."""
    now = jobs.status(grant.payload["job"])
    _head(grant, now)
    if now.state == "failed":
        st.error(now.error, icon=":material/error:")
    name, out = grant.payload["training"], Path(grant.payload["arguments"]["out"])
    with st.expander("Curves", icon=":material/show_chart:"):
        _curves(grant)
    with st.container(horizontal=True):
        if now.state == "done" and out.is_dir():

            def use() -> None:
                st.session_state["model"] = name

            c_index = now.result["c_index"]
            st.markdown(f"C out of fold **{c_index:.3f}**" if c_index is not None else "C out of fold undefined")
            st.button("Use it", icon=":material/play_arrow:", type="primary", key=f"use-{grant.token}", on_click=use)
            if st.button("Its card", icon=":material/description:", key=f"card-{grant.token}"):
                go.to("library.py")
        elif now.state != "done":
            if st.button("Go on", icon=":material/play_arrow:", key=f"on-{grant.token}"):
                _submit(current_owner(), name, dict(grant.payload["arguments"]))
            partial = _partial(out)
            if partial.is_dir() and st.button("Throw away", icon=":material/delete:", key=f"off-{grant.token}"):
                discard_run(current_owner(), name)
                st.rerun()


def _head(grant: Grant, now: JobStatus) -> None:
    settings = grant.payload["arguments"]["settings"]
    words, colour = STATES[now.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{grant.payload['training']}**", width="content")
        st.badge(words, color=colour)  # type: ignore[arg-type]
        reads = ", ".join(estimate.NAMES[name] for name in settings["modalities"])
        st.caption(
            f"{settings['model']} on {Path(grant.payload['arguments']['cohort']).name}: {reads}", width="content"
        )


def _curves(grant: Grant) -> None:
    epochs = read_epochs(Path(grant.payload["arguments"]["out"]))
    if not epochs:
        st.caption("No epoch is finished yet.")
        return
    from survviz.figures.training_curves import training_figure

    st.plotly_chart(training_figure(epochs), key=f"curves-{grant.token}", config=estimate.PLOT_CONFIG)


def read_epochs(out: Path) -> dict[int, list[dict[str, Any]]]:
    """Fold -> its epochs so far, of a finished run or of one in the making."""
    from survviz.checkpoint.layout import RUN_LOG

    path = next((folder / RUN_LOG for folder in (_partial(out), out) if (folder / RUN_LOG).is_file()), None)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path else ():
        try:
            record = json.loads(line)
        except ValueError:  # being written
            continue
        if record.get("event") == "epoch":
            found[record["fold"]].append(record)
    return dict(found)


def remaining(now: JobStatus) -> str:
    """ ", about 12 min left", by the pace so far."""
    if not now.done or now.done >= now.total:
        return ""
    spent = time.time() - now.created
    return f", about {duration(spent / now.done * (now.total - now.done))} left"


def duration(seconds: float) -> str:
    """For example "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _partial(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial")
