"""Maps that take longer than a glance: started when asked for, followed by the browser, found again after a reload."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import session
from pages.components.cases import OpenCase, recipe_of
from pages.components.owner import current_owner
from pages.components.viewer import Job
from survviz import jobs
from survviz.server.computations import jobs_about, register_job
from survviz.types import MapKind, PatchScores


def stored(case: OpenCase, kind: MapKind, query: str, key: str) -> dict[str, tuple[PatchScores, ...]] | None:
    """Maps that were computed before, token -> one per slide; None where they were not."""
    path = session.maps_file(case, kind, query, key)
    return _load(str(path), path.stat().st_mtime, case) if path.is_file() else None


@st.cache_resource(show_spinner=False, max_entries=24)
def _load(path: str, stamp: float, _case: OpenCase) -> dict[str, tuple[PatchScores, ...]]:
    from survviz.pipeline.explanation.stored_maps import load_maps

    return load_maps(path, _case.case.bags)


def follow(case: OpenCase, kind: MapKind, query: str, key: str) -> Job | None:
    """The newest job for these maps, unless it was cancelled."""
    found = jobs_about(current_owner(), _about(case, kind, query, key))
    if not found or found[0][1].state == "cancelled":
        return None
    grant, now = found[0]
    return Job(query=query, key=key, token=grant.token, state=now.state, error=now.error)


def start(case: OpenCase, kind: MapKind, query: str, key: str) -> None:
    """Compute maps in the background, unless somebody already does.

    Raises:
        CaseError: the case is not there any more.
    """
    running = follow(case, kind, query, key)
    if running and running["state"] in ("queued", "running"):
        return
    owner, folder = current_owner(), session.checkpoint_folder()
    arguments = {
        "checkpoint": str(folder),
        "recipe": recipe_of(case.key, owner, units=session.units_for(case.key)),
        "kind": kind,
    }
    job = jobs.submit("maps", {**arguments, "query": query, "key": key}, owner=owner)
    register_job(owner, job, _about(case, kind, query, key))


def _about(case: OpenCase, kind: MapKind, query: str, key: str) -> dict[str, str]:
    checkpoint = Path(session.checkpoint_folder()).name
    return {"case": f"{case.key} {case.stamp}", "checkpoint": checkpoint, "kind": kind, "query": query, "key": key}
