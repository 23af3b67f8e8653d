"""Whether a map is better than chance on this case: tested when asked for, kept, and found again after a reload."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import session
from pages.components.cases import OpenCase, recipe_of
from pages.components.owner import current_owner
from pages.components.viewer import Event, Tested
from survviz import jobs
from survviz.pipeline.predictor import Predictor
from survviz.server.computations import jobs_about, register_job

RUNNING = ("queued", "running")


def tests_of(case: OpenCase) -> list[Tested]:
    """The tests of the case's maps: those that are there, and those that are being computed or failed."""
    from survviz.pipeline.explanation.faithfulness import stored_tests

    done = stored_tests(_folder(session.predictor(), case, session.case_key(case)))
    found = [Tested(map=name, state="done", token="", error="", result=result) for name, result in done.items()]
    named = set(done)
    for grant, now in jobs_about(current_owner(), _about(case)):
        name = grant.payload["tested"]
        if name in named or now.state == "cancelled":
            continue
        named.add(name)
        found.append(Tested(map=name, state=now.state, token=grant.token, error=now.error, result=None))
    return found


@st.cache_resource(show_spinner=False, max_entries=64)
def _folder(_predictor: Predictor, _case: OpenCase, key: tuple[object, ...]) -> Path:
    from survviz.pipeline.explanation.faithfulness import folder_of_tests

    return folder_of_tests(_predictor.checkpoint, _case.case)


def start(case: OpenCase, event: Event) -> None:
    """Test a map in the background, unless somebody already does.

    Raises:
        CaseError: the case is not there any more.
    """
    asked = {name: str(event[name]) for name in ("query", "key", "token")}
    name = ":".join([event["map"], *asked.values()])
    if any(one["map"] == name and one["state"] in (*RUNNING, "done") for one in tests_of(case)):
        return
    owner = current_owner()
    arguments = {
        "checkpoint": str(session.checkpoint_folder()),
        "recipe": recipe_of(case.key, owner, units=session.units_for(case.key)),
    }
    job = jobs.submit("faithfulness", {**arguments, "kind": event["map"], **asked}, owner=owner)
    register_job(owner, job, {**_about(case), "tested": name})


def _about(case: OpenCase) -> dict[str, str]:
    checkpoint = Path(session.checkpoint_folder()).name
    return {"case": f"{case.key} {case.stamp}", "checkpoint": checkpoint, "test": "faithfulness"}
