"""Another checkpoint in the second stage of the workbench: which can be had, and its attention once it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from pages.components import session
from pages.components.attention import ALL, KINDS, REGISTERED_S, direction_label, only_map
from pages.components.cases import OpenCase
from pages.components.owner import current_owner
from pages.components.viewer import Direction, Kind, Model, Token, WorkbenchData
from survviz.errors import SurvvizError, UnknownNameError
from survviz.server import MapView, register_maps
from survviz.types import PatchScores


@dataclass
class Asked:
    """What this session asked for beside one case and checkpoint.

    Attributes:
        reasons: other checkpoint -> why it cannot be had, None = it can; None = not looked at yet.
        name: the checkpoint that was asked for.
        ready: those whose maps have been computed.
    """

    reasons: dict[str, str | None] | None = None
    name: str = ""
    ready: set[str] = field(default_factory=set)


def asked_of(case: OpenCase) -> Asked:
    """Kept in the session."""
    return st.session_state.setdefault("beside", {}).setdefault(session.warm_key(case), Asked())


def look(case: OpenCase) -> bool:
    """Find which other checkpoints can map the case; whether that is news."""
    asked = asked_of(case)
    if asked.reasons is not None:
        return False
    own = session.checkpoint_name()
    names = [name for name in session.checkpoint_folders() if name != own]
    asked.reasons = {name: _why_not(case, session.case_key(case, name), name) for name in names}
    return True


@st.cache_data(show_spinner=False, max_entries=256)
def _why_not(_case: OpenCase, key: tuple[object, ...], name: str) -> str | None:
    from survviz.pipeline.explanation.beside import why_not_beside

    return why_not_beside(session.checkpoint_folders()[name], _case.case)


def ask(case: OpenCase, name: str) -> None:
    """Have the maps of another checkpoint computed in this run of the page.

    Raises:
        UnknownNameError: there is no such checkpoint.
    """
    if name not in session.checkpoint_folders():
        raise UnknownNameError("checkpoint", name, session.checkpoint_folders())
    asked_of(case).name = name


def prepare(case: OpenCase) -> bool:
    """Compute the maps that were asked for; whether that is news."""
    asked = asked_of(case)
    if not asked.name or asked.name in asked.ready or (asked.reasons or {}).get(asked.name):
        return False
    try:
        for query, key in session.directions_of(case, asked.name):
            session.maps_of(case, query, key, asked.name)
        asked.ready.add(asked.name)
    except SurvvizError as error:
        asked.reasons = {**(asked.reasons or {}), asked.name: str(error)}
    return True


def join(case: OpenCase, data: WorkbenchData) -> None:
    """Put into the workbench's data which other checkpoints there are, and the maps of the one that was asked for."""
    asked = asked_of(case)
    if asked.reasons is None:
        return
    data["models"] = [_model(case, asked, name, why) for name, why in asked.reasons.items()]
    if asked.name in asked.ready:
        for position, slide in enumerate(data["slides"]):
            slide["others"] = _views(case, asked.name, position, slide["view"]["token"])


def _model(case: OpenCase, asked: Asked, name: str, why: str | None) -> Model:
    shown = name == asked.name and name in asked.ready
    state = "unavailable" if why else "ready" if shown else "loading" if name == asked.name else "known"
    label, words = KINDS["attention"]
    kind = Kind(id="attention", label=label, words=words, asked=True, state="ready", reason="", jobs=[])
    found = session.directions_of(case, name) if shown else ()
    directions = [_direction(case, name, query, key) for query, key in found]
    return Model(name=name, state=state, reason=why or "", kinds=[kind], directions=directions)


def _direction(case: OpenCase, name: str, query: str, key: str) -> Direction:
    found = sorted(only_map(session.maps_of(case, query, key, name)), key=lambda token: token != ALL)
    tokens = [Token(name=token, words="", recorded=True, contribution=None) for token in found]
    return Direction(query=query, key=key, label=direction_label(query, key), words="", mean="", tokens=tokens)


def _views(case: OpenCase, name: str, position: int, slide: str | None) -> list[MapView]:
    """Maps of one slide by another checkpoint."""
    found: list[MapView] = []
    for query, key in session.directions_of(case, name):
        about = (*session.case_key(case, name), position, query, key)
        scores = [slides[position] for slides in only_map(session.maps_of(case, query, key, name)).values()]
        found += _register(scores, current_owner(), slide, case.case.case_id, name, about)
    return found


@st.cache_resource(show_spinner=False, max_entries=64, ttl=REGISTERED_S)
def _register(
    _scores: list[PatchScores], owner: str, slide: str | None, case_id: str, name: str, about: tuple[object, ...]
) -> list[MapView]:
    encoder = session.predictor(name).encoder
    return register_maps(owner, _scores, slide=slide, case_id=case_id, checkpoint=name, encoder=encoder, beside=True)
