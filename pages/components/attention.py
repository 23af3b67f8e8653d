"""The right rail of the slide page: which slide, direction and token; what the map says in words and in two numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.components import session
from pages.components.cases import OpenCase
from pages.components.owner import current_owner
from survviz.errors import InputError
from survviz.server import MapView, SlideView, register_maps, register_slide, slide_without_file
from survviz.types import PatchScores

ALL = "all"
DIRECTIONS = {"clinical": "Clinic → pathology", "genomic": "Genomic → pathology"}
NO_PATCHES = InputError(
    "This case has no slide, so there is nothing to look at here. Add a slide on the page Load case."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The map on show."""

    query: str
    token: str

    @property
    def map_id(self) -> str:
        """As the viewer names it."""
        return f"{self.query}:pathology:{self.token}"


def _warm_key(case: OpenCase) -> tuple[object, ...]:
    return (case.key, case.stamp, session.checkpoint_name())


def is_ready(case: OpenCase) -> bool:
    """Whether this session has the maps already; if not, the bare slide is drawn first."""
    return _warm_key(case) in st.session_state.get("warm", set())


def prepare(case: OpenCase) -> None:
    """Load the models and compute every map of the case."""
    for query in available(case):
        session.maps_of(case, query)
    st.session_state.setdefault("warm", set()).add(_warm_key(case))


def available(case: OpenCase) -> list[str]:
    """Groups that can ask: those of the model whose data the case has.

    Raises:
        InputError: there is none.
    """
    predictor = session.predictor()
    present = predictor.present(case.case)
    found = [query for query, _ in predictor.directions() if query in present]
    if not found:
        raise InputError(
            "This model draws maps from clinical sentences and gene programmes, and the case has neither. "
            "Add a clinical record or gene expression on the page Load case."
        )
    return found


def chosen_slide(case: OpenCase) -> str:
    """Id of the slide on show."""
    ids = [bag.slide_id for bag in case.case.bags]
    chosen = st.session_state.get("slide_id")
    return chosen if chosen in ids else ids[0]


def slide_view(case: OpenCase, slide_id: str) -> SlideView:
    """The slide as the viewer takes it; the patch grid alone where there is no file."""
    file = case.slides.get(slide_id)
    if file is None:
        return slide_without_file(next(bag for bag in case.case.bags if bag.slide_id == slide_id))
    return register_slide(current_owner(), file.path, mpp=file.mpp, label=slide_id)


def map_views(case: OpenCase, slide_id: str, query: str) -> list[MapView]:
    """Every token's map of one slide, as the viewer takes it."""
    maps = session.maps_of(case, query)
    scores = [next(one for one in each if one.slide_id == slide_id) for each in maps.values()]
    return register_maps(current_owner(), scores)


def choose_map(case: OpenCase) -> Choice:
    """Slide, direction and token."""
    queries = available(case)
    query = (
        st.segmented_control(
            "Direction",
            queries,
            default=queries[0],
            format_func=lambda name: DIRECTIONS.get(name, f"{name} → pathology"),
            key="direction",
            required=True,
            bind="query-params",
            width="stretch",
        )
        or queries[0]
    )
    tokens = [ALL, *session.predictor().tokens(query)]
    noun = "sentence" if query == "clinical" else "gene programme"
    token = st.selectbox(
        f"Look through which {noun}?",
        tokens,
        format_func=lambda name: "All tokens (mean)" if name == ALL else name,
        key=f"token_{query}",
        bind="query-params",
    )
    maps = session.maps_of(case, query)[token or ALL]
    if len(maps) > 1:
        share = {one.slide_id: one.values.sum() for one in maps}
        st.radio(
            "Slide, with its share of the attention",
            list(share),
            format_func=lambda name: f"{name} · {share[name]:.0%}",
            key="slide_id",
            persist_state="session",
        )
    return Choice(query, token or ALL)


def token_words(case: OpenCase, choice: Choice) -> None:
    """What the token says: its sentence, or the genes of its programme."""
    if choice.token == ALL:
        return
    preprocess = session.predictor().checkpoint.preprocess(0)
    if choice.query == "clinical":
        sentences = dict(
            zip(preprocess.templates.tokens, preprocess.templates.sentences(case.case.clinical or {}), strict=True)
        )
        st.markdown(f"> {sentences[choice.token]}")
    else:
        programme = next((one for one in preprocess.programmes if one.name == choice.token), None)
        if programme is not None:
            st.markdown(f"> {len(programme.genes)} genes: {', '.join(programme.genes[:8])} …")
            st.caption(programme.source)


def read_outs(maps: Sequence[PatchScores], scores: PatchScores) -> None:
    """How concentrated the map is, over all slides of the case."""
    from survviz.explain.concentration import concentration

    found = concentration(np.concatenate([one.values for one in maps]))
    left, right = st.columns(2)
    left.metric(
        "Effective patches",
        f"{found.effective:,.0f}",
        help="exp(entropy): how many equally weighted patches would be as concentrated as this map.",
    )
    left.caption(f"of {found.n_patches:,}")
    right.metric("Top 1 % of patches hold", f"{found.top_1_percent:.0%}", help="A flat map gives 1 %.")
    right.caption(f"peak {scores.fold_over_uniform.max():.3g}× uniform")
    if found.flat:
        st.info("This map is almost flat; its colours show tiny differences.", icon=":material/horizontal_rule:")
