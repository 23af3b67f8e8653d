"""What the workbench shows of a case: its slides, which maps there are and can be, and what each token says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from pages.components import map_jobs, map_tests, session
from pages.components.cases import SAMPLE, OpenCase
from pages.components.owner import current_owner
from pages.components.viewer import Direction, Kind, SlideEntry, Token, WorkbenchData
from survviz.errors import InputError, SurvvizError
from survviz.phi import exported_id
from survviz.pipeline.explanation.story import stories_of
from survviz.server import MapView, SlideView, register_maps, register_slide, slide_without_file
from survviz.server.feature_files import register_features
from survviz.server.folders import SAMPLE_DATA
from survviz.server.regions import register_truth
from survviz.server.reports import register_report
from survviz.types import LEARNT_QUERY, MAP_KINDS, UNASKED_KINDS, Bag, MapKind, PatchScores

ALL = "all"
SHOWN_GENES = 8
GROUPS = {"clinical": "Clinic", "genomic": "Genomic", "pathology": "Pathology", LEARNT_QUERY: "Model"}
KINDS: dict[MapKind, tuple[str, str]] = {
    "attention": ("Attention", "Where the model looks"),
    "contribution": ("Contribution", "What each patch adds to the risk score: it pushes the estimate up or down"),
    "perturbation": ("Perturbation", "By how much the risk score changes when a patch is taken away"),
    "disagreement": ("Disagreement", "Where the model looks without it mattering, and the other way round"),
}
NOUNS = {"clinical": "sentence", "genomic": "gene programme"}
UNASKED = ("risk", "pathology")
REGISTERED_S = 86_400
"""How long what was registered is not registered again; the store keeps it for weeks."""
NO_PATCHES = InputError(
    "This case has no slide, so there is nothing to look at here. Add a slide on the page Load case."
)


def is_ready(case: OpenCase) -> bool:
    """Whether this session has the maps already; if not, the bare slide is drawn first."""
    return session.warm_key(case) in st.session_state.get("warm", set())


def prepare(case: OpenCase) -> None:
    """Load the models and compute the attention."""
    for query, key in session.directions_of(case):
        session.maps_of(case, query, key)
    st.session_state.setdefault("warm", set()).add(session.warm_key(case))


def weigh_tokens(case: OpenCase) -> bool:
    """Compute what each token does to the risk; whether that is news."""
    weighed = st.session_state.setdefault("weighed", set())
    if session.warm_key(case) in weighed:
        return False
    session.contributions_of(case)
    weighed.add(session.warm_key(case))
    return True


def workbench_data(case: OpenCase, *, ready: bool) -> WorkbenchData:
    """Everything that the workbench shows; without the maps while they are not `ready`."""
    name = session.checkpoint_name()
    sample = case.key.startswith(SAMPLE)
    return WorkbenchData(
        case={
            "id": case.case.case_id,
            "export_id": exported_id(case.case.case_id, "case"),
            "checkpoint": name,
            "key": case.key,
            "report": _report(case) if ready else None,
        },
        slides=[slide_entry(case, position, ready) for position in range(len(case.case.bags))],
        slide=case.case.bags[0].slide_id,
        kinds=[kind_entry(case, kind, ready) for kind in MAP_KINDS],
        directions=[direction(case, query, key) for query, key in session.directions_of(case)] if ready else [],
        models=None,
        tests=map_tests.tests_of(case) if ready else [],
        stories=[story.as_json() for story in stories_of(SAMPLE_DATA, case.case.case_id)] if sample else [],
        answers=st.session_state.get("answers", {}).get(session.warm_key(case), {}),
        notices=[asdict(notice) for notice in session.notices_of(case)] if ready else [],
    )


def _report(case: OpenCase) -> str:
    """Token of the case's report."""
    return _register_report(case, current_owner(), session.case_key(case))


@st.cache_resource(show_spinner=False, max_entries=64, ttl=REGISTERED_S)
def _register_report(_case: OpenCase, owner: str, key: tuple[object, ...]) -> str:
    try:
        prediction = session.prediction_of(_case)
    except SurvvizError:
        prediction = None  # the notices say why it is not scored
    encoders = sorted({f"{bag.encoder}, {bag.patch_size_level0} px patches" for bag in _case.case.bags})
    return register_report(
        owner,
        _case.case.case_id,
        session.checkpoint_name() or "",
        prediction=prediction,
        notices=session.notices_of(_case),
        provenance=[f"Encoder {words}." for words in encoders],
        slides=[bag.slide_id for bag in _case.case.bags],
    )


def slide_entry(case: OpenCase, position: int, ready: bool) -> SlideEntry:
    """One slide with its maps."""
    bag = case.case.bags[position]
    view = slide_view(case, bag)
    maps: list[MapView] = []
    shares: dict[str, float] = {}
    for kind, query, key in asked_maps(case) if ready else []:
        maps += views_of(case, position, view["token"], kind, query, key)
        if kind == "attention" and key == "pathology":
            shares[f"{kind}:{query}:{key}"] = float(session.maps_of(case, query, key)[ALL][position].values.sum())
    size = (view["width"], view["height"])
    truth = register_truth(current_owner(), bag.slide_id, size) if case.key.startswith(SAMPLE) else None
    return SlideEntry(
        view=view,
        maps=maps,
        others=[],
        shares=shares,
        features=_features(case, bag, view) if ready else None,
        truth=truth,
    )


def slide_view(case: OpenCase, bag: Bag) -> SlideView:
    """The slide as the workbench takes it; the patch grid alone where there is no file."""
    file = case.slides.get(bag.slide_id)
    if file is None:
        return slide_without_file(bag)
    try:
        return register_slide(current_owner(), file.path, mpp=file.mpp, label=bag.slide_id)
    except SurvvizError as error:
        return slide_without_file(bag, f"Slide file not available: showing the patch grid. {error}")


def _features(case: OpenCase, bag: Bag, view: SlideView) -> str:
    cohort = str(SAMPLE_DATA) if case.key.startswith(SAMPLE) else None
    return _register_features(bag, cohort, current_owner(), view["token"], (*session.case_key(case), bag.slide_id))


@st.cache_resource(show_spinner=False, max_entries=64, ttl=REGISTERED_S)
def _register_features(_bag: Bag, cohort: str | None, owner: str, slide: str | None, key: tuple[object, ...]) -> str:
    statistics = session.predictor().checkpoint.preprocess(0).ood.patches
    return register_features(owner, _bag, slide=slide, cohort=cohort, statistics=statistics)


def asked_maps(case: OpenCase) -> list[tuple[MapKind, str, str]]:
    """(kind, query, key) of every group of maps that the case can have."""
    directions = session.directions_of(case)
    return [
        (kind, query, key) for kind in MAP_KINDS for query, key in ([UNASKED] if kind in UNASKED_KINDS else directions)
    ]


def maps_of(case: OpenCase, kind: MapKind, query: str, key: str) -> dict[str, tuple[PatchScores, ...]] | None:
    """Token -> one map per slide, where they are there."""
    found = session.maps_of(case, query, key) if kind == "attention" else map_jobs.stored(case, kind, query, key)
    return only_map(found) if found else found


def only_map(found: dict[str, tuple[PatchScores, ...]]) -> dict[str, tuple[PatchScores, ...]]:
    """One map where there is one token, whose mean is itself."""
    return {ALL: found[ALL]} if ALL in found and len(found) == 2 else found


def views_of(case: OpenCase, position: int, slide: str | None, kind: MapKind, query: str, key: str) -> list[MapView]:
    """Maps of one slide as the workbench takes them; none where they are not there."""
    found = maps_of(case, kind, query, key)
    if found is None:
        return []
    scores = [each[position] for each in found.values()]
    return _register_views(
        scores, current_owner(), slide, case.case.case_id, (*session.case_key(case), position, kind, query, key)
    )


@st.cache_resource(show_spinner=False, max_entries=256, ttl=REGISTERED_S)
def _register_views(
    _scores: Sequence[PatchScores], owner: str, slide: str | None, case_id: str, key: tuple[object, ...]
) -> list[MapView]:
    name = session.checkpoint_name() or ""
    encoder = session.predictor().encoder
    return register_maps(owner, _scores, slide=slide, case_id=case_id, checkpoint=name, encoder=encoder)


def kind_entry(case: OpenCase, kind: MapKind, ready: bool) -> Kind:
    """Whether a kind of map can be had, and what is being computed of it."""
    label, words = KINDS[kind]
    reason = session.why_no_kind(case, kind) if ready else None
    state = "unavailable" if reason else "ready" if ready else "loading"
    asked = [one for one in asked_maps(case) if one[0] == kind] if ready and kind != "attention" else []
    jobs = [job for one in asked if (job := map_jobs.follow(case, *one))]
    return Kind(
        id=kind,
        label=label,
        words=words,
        asked=kind not in UNASKED_KINDS,
        state=state,
        reason=reason or "",
        jobs=jobs,
    )


def direction(case: OpenCase, query: str, key: str) -> Direction:
    """One direction with its tokens, the one that moves the risk most first."""
    group = key if query == "pathology" else query
    moves = session.contributions_of(case) if session.warm_key(case) in st.session_state.get("weighed", set()) else {}
    names = sorted(
        maps_of(case, "attention", query, key) or (), key=lambda name: (name != ALL, -abs(moves.get((group, name), 0)))
    )
    return Direction(
        query=query,
        key=key,
        label=direction_label(query, key),
        words=direction_words(query, key),
        mean=mean_words(query, key),
        tokens=[
            Token(
                name=name,
                words=token_words(case, group, name),
                recorded=is_recorded(case, group, name),
                contribution=moves.get((group, name)),
            )
            for name in names
        ],
    )


def direction_label(query: str, key: str) -> str:
    """For example "Clinic → pathology"."""
    return f"{GROUPS.get(query, query)} → {GROUPS.get(key, key).lower()}"


def direction_words(query: str, key: str) -> str:
    """In one plain sentence, who looks at what."""
    if query == LEARNT_QUERY:
        return "Which patches does the model look at, whatever the case?"
    if query == "pathology":
        return f"Which patches look at this {NOUNS.get(key, 'token')}? (softmax over the {NOUNS.get(key, 'token')}s)"
    return f"Which patches does this {NOUNS.get(query, 'token')} look at? (softmax over patches)"


def mean_words(query: str, key: str) -> str:
    """The same of the mean over all tokens."""
    if query == LEARNT_QUERY:
        return direction_words(query, key)
    if query == "pathology":
        return f"Which patches look at the {NOUNS.get(key, 'token')}s, on average?"
    return f"Which patches do the {NOUNS.get(query, 'token')}s look at, on average?"


def is_recorded(case: OpenCase, group: str, token: str) -> bool:
    """Whether the clinical record says anything about a token; gene programmes are measured where there is one."""
    templates = session.predictor().checkpoint.preprocess(0).templates
    if group != "clinical" or token not in templates.tokens:
        return True
    return templates.codes(case.case.clinical or {})[token] is not None


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
