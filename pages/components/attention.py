"""What the workbench shows of a case: its slides, which maps there are and can be, and what each token says."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import session
from pages.components.cases import SAMPLE, OpenCase
from pages.components.owner import current_owner
from pages.components.viewer import Direction, Kind, SlideEntry, Token, WorkbenchData
from survviz.errors import InputError
from survviz.server import MapView, SlideView, register_features, register_maps, register_slide, slide_without_file
from survviz.server.folders import SAMPLE_DATA
from survviz.types import LEARNT_QUERY, MAP_KINDS, MapKind, PatchScores

ALL = "all"
SHOWN_GENES = 8
GROUPS = {"clinical": "Clinic", "genomic": "Genomic", "pathology": "Pathology", LEARNT_QUERY: "Model"}
KINDS: dict[MapKind, tuple[str, str]] = {
    "attention": ("Attention", "Where the model looks"),
    "contribution": ("Contribution", "What each patch adds to the risk score: it pushes the estimate up or down"),
    "perturbation": ("Perturbation", "By how much the risk score changes when a patch is taken away"),
    "disagreement": ("Disagreement", "Where the model looks without it mattering, and the other way round"),
}
NO_PATCHES = InputError(
    "This case has no slide, so there is nothing to look at here. Add a slide on the page Load case."
)


def is_ready(case: OpenCase) -> bool:
    """Whether this session has the maps already; if not, the bare slide is drawn first."""
    return _warm_key(case) in st.session_state.get("warm", set())


def prepare(case: OpenCase) -> None:
    """Load the models and compute the attention."""
    for query, key in directions_of(case):
        session.maps_of(case, query, key)
    st.session_state.setdefault("warm", set()).add(_warm_key(case))


def _warm_key(case: OpenCase) -> tuple[object, ...]:
    return (case.key, case.stamp, session.checkpoint_name())


def directions_of(case: OpenCase) -> list[tuple[str, str]]:
    """(query, key) pairs of attention that the model has and whose data the case has."""
    return list(session.predictor().directions_of(case.case, both_ways=True))


def workbench_data(case: OpenCase, *, ready: bool) -> WorkbenchData:
    """Everything that the workbench shows; without the maps while they are not `ready`."""
    directions = [direction(case, query, key) for query, key in directions_of(case)] if ready else []
    return WorkbenchData(
        case={"id": case.case.case_id, "checkpoint": session.checkpoint_name(), "model": session.checkpoint_name()},
        slides=[slide_entry(case, position, ready) for position in range(len(case.case.bags))],
        slide=case.case.bags[0].slide_id,
        kinds=[kind_entry(case, kind, ready) for kind in MAP_KINDS],
        directions=directions,
        stories=[],
        answers={},
    )


def slide_entry(case: OpenCase, position: int, ready: bool) -> SlideEntry:
    """One slide with its maps."""
    slide_id = case.case.bags[position].slide_id
    view = slide_view(case, slide_id)
    maps: list[MapView] = []
    shares: dict[str, float] = {}
    for query, key in directions_of(case) if ready else []:
        scores = [each[position] for each in session.maps_of(case, query, key).values()]
        shares[f"attention:{query}:{key}"] = float(scores[0].values.sum())
        maps += _views(case, view, scores)
    features = features_token(case, position, view) if ready else None
    return SlideEntry(view=view, maps=maps, shares=shares, features=features, truth=None)


def features_token(case: OpenCase, position: int, view: SlideView) -> str:
    """Lets the browser ask about patches: named numbers, and which look alike, here and in the case's cohort."""
    cohort = SAMPLE_DATA if case.key.startswith(f"{SAMPLE}:") else None
    statistics = session.predictor().checkpoint.preprocess(0).ood.patches
    bag = case.case.bags[position]
    return register_features(current_owner(), bag, slide=view["token"], cohort=cohort, statistics=statistics)


def slide_view(case: OpenCase, slide_id: str) -> SlideView:
    """The slide as the workbench takes it; the patch grid alone where there is no file."""
    file = case.slides.get(slide_id)
    if file is None:
        return slide_without_file(next(bag for bag in case.case.bags if bag.slide_id == slide_id))
    return register_slide(current_owner(), file.path, mpp=file.mpp, label=slide_id)


def _views(case: OpenCase, slide: SlideView, scores: Sequence[PatchScores]) -> list[MapView]:
    name = session.checkpoint_name() or ""
    return register_maps(current_owner(), scores, slide=slide["token"], case_id=case.case.case_id, checkpoint=name)


def kind_entry(case: OpenCase, kind: MapKind, ready: bool) -> Kind:
    """Whether a kind of map is there, can be made, or cannot."""
    label, words = KINDS[kind]
    state, reason = "computing", ""
    if ready:
        reason = session.predictor().why_no_kind(case.case, kind) or ""
        state = "unavailable" if reason else "ready" if kind == "attention" else "computable"
    return Kind(id=kind, label=label, words=words, state=state, reason=reason, job=None)


def direction(case: OpenCase, query: str, key: str) -> Direction:
    """One direction with its tokens."""
    maps = session.maps_of(case, query, key)
    heads, folds, _ = next(iter(maps.values()))[0].by_head.shape
    group = key if query == "pathology" else query
    tokens = [Token(name=name, words=token_words(case, group, name), contribution=None) for name in maps]
    return Direction(
        query=query,
        key=key,
        label=f"{GROUPS.get(query, query)} → {GROUPS.get(key, key).lower()}",
        words="",
        tokens=tokens,
        heads=heads,
        folds=folds,
    )


def token_words(case: OpenCase, group: str, token: str) -> str:
    """What the token says: its sentence, or the genes of its programme and how this case expresses them."""
    if token == ALL:
        return ""
    preprocess = session.predictor().checkpoint.preprocess(0)
    if group == "clinical" and preprocess.templates.fields:
        sentences = preprocess.templates.sentences(case.case.clinical or {})
        return dict(zip(preprocess.templates.tokens, sentences, strict=True)).get(token, "")
    if token in preprocess.programmes and preprocess.ood.rna:
        columns = list(preprocess.programmes[token])
        genes = [preprocess.ood.rna.genes[column] for column in columns]
        level = float(preprocess.ood.rna.transform(dict(case.case.rna or {}))[0][columns].mean())
        more = f" and {len(genes) - SHOWN_GENES} more" if len(genes) > SHOWN_GENES else ""
        return (
            f"{', '.join(genes[:SHOWN_GENES])}{more}. In this case, on average {level:+.1f} SD from the training mean."
        )
    return ""
