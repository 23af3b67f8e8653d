"""What the workbench asks of Python: compute maps, stop, and what the risk would be without a region."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components import map_jobs, map_tests, second_model, session
from pages.components.cases import OpenCase
from pages.components.owner import current_owner
from pages.components.viewer import Event
from survviz.errors import InputError, SurvvizError
from survviz.server.computations import cancel_job
from survviz.types import MAP_KINDS, Bag

KEPT_ANSWERS = 12


def heed(case: OpenCase, event: Event) -> None:
    """Do what was asked; what goes wrong is answered in words."""
    try:
        if event["kind"] == "compute" and event["map"] in MAP_KINDS:
            map_jobs.start(case, event["map"], str(event["query"]), str(event["key"]))
        elif event["kind"] == "test" and event["map"] in MAP_KINDS:
            map_tests.start(case, event)
        elif event["kind"] == "cancel":
            cancel_job(current_owner(), str(event["token"]))
        elif event["kind"] == "model":
            second_model.ask(case, str(event["name"]))
        elif event["kind"] == "risk":
            answer(case, str(event["name"]), risk_without(case, str(event["slide_id"]), event))
    except SurvvizError as error:
        answer(case, str(event.get("name", event["kind"])), {"error": str(error)})


def answer(case: OpenCase, name: str, what: dict[str, Any]) -> None:
    """Give an answer to the browser under a name, in the next data; the newest are kept."""
    answers = st.session_state.setdefault("answers", {}).setdefault(session.warm_key(case), {})
    answers.pop(name, None)
    answers[name] = what
    for old in list(answers)[:-KEPT_ANSWERS]:
        answers.pop(old)


def risk_without(case: OpenCase, slide_id: str, event: Event) -> dict[str, Any]:
    """Risk and survival of the case with and without some patches of one slide.

    Args:
        event: names them by `patches` (their indices) or by `features` (GeoJSON polygons: those that lie in them by
            half or more).

    Raises:
        InputError: there is no such slide or patch, or none would be left.
    """
    from survviz.pipeline.explanation.removal import as_json, remove

    bags = {bag.slide_id: bag for bag in case.case.bags}
    if slide_id not in bags:
        raise InputError(f"The case has no slide {slide_id}. Reload the page.")
    gone = _named_patches(bags[slide_id], event)
    return as_json(remove(session.predictor(), case.case, {slide_id: gone}))


def _named_patches(bag: Bag, event: Event) -> NDArray[np.bool_]:
    gone = np.zeros(len(bag), dtype=bool)
    if "features" in event:
        from survviz.data.annotations import annotations_of
        from survviz.evaluation.coverage import coverage
        from survviz.pipeline.explanation.removal import MAJORITY

        areas = [one.geometry for one in annotations_of(event["features"], "the drawing")[0]]
        cover = coverage(bag.coords, bag.patch_size_level0, areas).toarray().max(axis=0)
        return cover >= MAJORITY
    patches = np.asarray(event["patches"], dtype=np.int64)
    if len(patches) and not 0 <= patches.min() <= patches.max() < len(bag):
        raise InputError(f"Patch {patches.max()} was named; slide {bag.slide_id} has {len(bag)}, counted from 0.")
    gone[patches] = True
    return gone
