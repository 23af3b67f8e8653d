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
from survviz.pipeline.predictor import why_no_map
from survviz.server import MapView, SlideView, register_maps, register_slide, slide_without_file
from survviz.types import LEARNT_QUERY, PatchScores

ALL = "all"
SHOWN_GENES = 8
DIRECTIONS = {"clinical": "Clinic → pathology", "genomic": "Genomic → pathology", LEARNT_QUERY: "Model → pathology"}
NOUNS = {"clinical": "sentence", "genomic": "gene programme"}
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
    """Load the models and compute the maps that are asked for first."""
    queries = available(case)
    asked = st.session_state.get("direction") or st.query_params.get("direction")
    session.maps_of(case, asked if asked in queries else queries[0])
    st.session_state.setdefault("warm", set()).add(_warm_key(case))


def prepare_rest(case: OpenCase) -> None:
    """Compute the other directions' maps; called last, so that changing direction costs nothing."""
    for query in available(case):
        session.maps_of(case, query)


def available(case: OpenCase) -> list[str]:
    """Groups that can ask: those of the model whose data the case has.

    Raises:
        InputError: there is none.
    """
    predictor = session.predictor()
    asked_by = [DIRECTIONS.get(query, query) for query, _ in predictor.directions()]
    if not asked_by:
        raise InputError(
            f"The model {predictor.checkpoint.config.model} has no attention over patches, so there is no map. "
            "Risk and survival are on the next page; choose another checkpoint to see where a model looks."
        )
    if why := why_no_map(case.case):
        raise InputError(why)
    found = [query for query, _ in predictor.directions_of(case.case)]
    if not found:
        raise InputError(
            f"This model can draw {', '.join(asked_by)}, and the case has no data that could ask. "
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


def from_address(name: str, key: str, allowed: Sequence[str]) -> None:
    """A new session starts with the choice that the address bar names."""
    if key not in st.session_state and st.query_params.get(name) in allowed:
        st.session_state[key] = st.query_params[name]


def choose_map(case: OpenCase) -> Choice:
    """Slide, direction and token; direction and token are kept in the address bar too."""
    queries = available(case)
    from_address("direction", "direction", queries)
    query = st.segmented_control(
        "Direction",
        queries,
        default=None if "direction" in st.session_state else queries[0],
        format_func=lambda name: DIRECTIONS.get(name, f"{name} → pathology"),
        key="direction",
        required=True,
        persist_state="session",
        width="stretch",
    )
    query = query if query in queries else queries[0]
    token = _choose_token(query)
    st.query_params.update(direction=query, token=token or ALL)
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


def _choose_token(query: str) -> str | None:
    names = session.predictor().tokens(query)
    if len(names) < 2:
        return ALL
    tokens = [ALL, *names]
    from_address("token", f"token_{query}", tokens)
    return st.selectbox(
        f"Look through which {NOUNS.get(query, 'token')}?",
        tokens,
        format_func=lambda name: "All tokens (mean)" if name == ALL else name,
        key=f"token_{query}",
        persist_state="session",
    )


def token_words(case: OpenCase, choice: Choice) -> None:
    """What the token says: its sentence, or the genes of its programme and how this case expresses them."""
    if choice.token == ALL:
        return
    preprocess = session.predictor().checkpoint.preprocess(0)
    if choice.query == "clinical" and preprocess.templates.fields:
        sentences = preprocess.templates.sentences(case.case.clinical or {})
        st.markdown(f"> {dict(zip(preprocess.templates.tokens, sentences, strict=True))[choice.token]}")
    elif choice.token in preprocess.programmes and preprocess.ood.rna:
        columns = list(preprocess.programmes[choice.token])
        genes = [preprocess.ood.rna.genes[column] for column in columns]
        level = float(preprocess.ood.rna.transform(dict(case.case.rna or {}))[0][columns].mean())
        more = f" and {len(genes) - SHOWN_GENES} more" if len(genes) > SHOWN_GENES else ""
        st.markdown(
            f"> {', '.join(genes[:SHOWN_GENES])}{more}. "
            f"In this case, on average **{level:+.1f} SD** from the training mean."
        )


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
    right.metric("Top 1 % of patches hold", f"{found.top_1_percent:.0%}", help="A flat map gives 1 %.")
    flat = " The map is **almost flat**: colours show tiny differences." if found.flat else ""
    st.caption(
        f"Of {found.n_patches:,} patches in {len(maps)} slide{'s' * (len(maps) != 1)}; "
        f"highest {scores.fold_over_uniform.max():.3g}× uniform.{flat}"
    )
