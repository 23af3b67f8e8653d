"""What the page computes, once per checkpoint, case and choice; moving a control back finds it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components import session
from pages.components.cases import OpenCase
from pages.components.why_choice import Choice
from survviz.types import Modality

if TYPE_CHECKING:
    from survviz.pipeline.explanation.attribution import CaseAttribution, Method
    from survviz.pipeline.explanation.learnt import LearntShares
    from survviz.pipeline.explanation.standing import Standing
    from survviz.pipeline.explanation.token_tissue import Overlap, TokenTissue
    from survviz.pipeline.predictor import Predictor

Key = tuple[object, ...]
FALLBACK: Method = "relevance"
"""One pass back through the model, instead of many."""


def attribution_of(case: OpenCase, choice: Choice) -> CaseAttribution:
    """What every piece of evidence adds; by `FALLBACK` where the chosen method does not fit into memory.

    Raises:
        SurvvizError: the checkpoint or the case does not have it.
    """
    return _attribution(
        session.predictor(), case, session.case_key(case), choice.method, choice.target, choice.baseline
    )


@st.cache_resource(show_spinner="Weighing the evidence …", max_entries=64)
def _attribution(
    _predictor: Predictor, _case: OpenCase, key: Key, method: Method, target: str, baseline: str
) -> CaseAttribution:
    from survviz.pipeline.device import ran_out_of_memory
    from survviz.pipeline.explanation.attribution import attribute

    try:
        return attribute(_predictor, _case.case, method=method, target=target, baseline=baseline)
    except (MemoryError, RuntimeError) as error:
        if method == FALLBACK or not ran_out_of_memory(error):
            raise
        return attribute(_predictor, _case.case, method=FALLBACK, target=target, baseline=baseline)


def learnt_of(case: OpenCase, choice: Choice) -> LearntShares:
    """Whether the shares of the modalities show what the model has learnt.

    Raises:
        SurvvizError: as `attribution_of`.
    """
    return _learnt(session.predictor(), case, session.case_key(case), choice.method, choice.target, choice.baseline)


@st.cache_resource(show_spinner="Shuffling the weights of the model …", max_entries=64)
def _learnt(
    _predictor: Predictor, _case: OpenCase, key: Key, method: Method, target: str, baseline: str
) -> LearntShares:
    from survviz.pipeline.explanation.learnt import learnt_shares

    return learnt_shares(_predictor, [_case.case], method=method, target=target, baseline=baseline)


def over_time_of(case: OpenCase, choice: Choice) -> tuple[CaseAttribution, ...]:
    """The same for every time bin.

    Raises:
        SurvvizError: the model has no time bins, or as `attribution_of`.
    """
    return _over_time(session.predictor(), case, session.case_key(case), choice.method, choice.baseline)


@st.cache_resource(show_spinner="Weighing the evidence in every time bin …", max_entries=16)
def _over_time(
    _predictor: Predictor, _case: OpenCase, key: Key, method: Method, baseline: str
) -> tuple[CaseAttribution, ...]:
    from survviz.pipeline.explanation.attribution import over_time

    return over_time(_predictor, _case.case, method=method, baseline=baseline)


def subsets_of(case: OpenCase) -> Mapping[frozenset[Modality], NDArray[np.float64]]:
    """Risk per fold with each combination of the modalities that the case has."""
    return _subsets(session.predictor(), case, session.case_key(case))


@st.cache_resource(show_spinner="Leaving out one test after another …", max_entries=16)
def _subsets(_predictor: Predictor, _case: OpenCase, key: Key) -> Mapping[frozenset[Modality], NDArray[np.float64]]:
    from survviz.pipeline.explanation.attribution import modality_subsets

    return modality_subsets(_predictor, _case.case)


def standing_of(case: OpenCase) -> Standing:
    """Where the patient's own values stand among the training cases."""
    return _standing(session.predictor(), case, session.case_key(case))


@st.cache_resource(show_spinner=False, max_entries=16)
def _standing(_predictor: Predictor, _case: OpenCase, key: Key) -> Standing:
    from survviz.pipeline.explanation.standing import standing

    return standing(_predictor, _case.case)


def offers_of(case: OpenCase) -> Mapping[str, Any]:
    """What can be asked of the case: clinical `values`, `levels` of programmes, `modalities` to take away."""
    return _offers(session.predictor(), case, session.case_key(case))


@st.cache_resource(show_spinner=False, max_entries=16)
def _offers(_predictor: Predictor, _case: OpenCase, key: Key) -> Mapping[str, Any]:
    from survviz.pipeline.explanation.what_if import programme_levels, removable, settable_values

    return {
        "values": settable_values(_predictor, _case.case),
        "levels": programme_levels(_predictor, _case.case),
        "modalities": removable(_predictor, _case.case),
    }


def tissue_of(case: OpenCase) -> tuple[TokenTissue, ...]:
    """What every token looks at.

    Raises:
        InputError: the encoder's numbers have no names, or the case has too few patches.
    """
    return _tissue(session.predictor(), case, session.case_key(case))


@st.cache_resource(show_spinner="Looking at what each token looks at …", max_entries=16)
def _tissue(_predictor: Predictor, _case: OpenCase, key: Key) -> tuple[TokenTissue, ...]:
    from survviz.pipeline.explanation.token_tissue import tokens_on_tissue

    maps = {query: session.maps_of(_case, query) for query in asking(_case)}
    return tokens_on_tissue(maps, _case.case.bags)


def overlap_of(case: OpenCase) -> Overlap | None:
    """What the top patches of clinic and genomic share; None where the model does not ask by both."""
    from survviz.pipeline.explanation.token_tissue import overlap

    groups = asking(case)
    if not {"clinical", "genomic"} <= set(groups):
        return None
    first, second = (session.maps_of(case, group)["all"] for group in ("clinical", "genomic"))
    return overlap(first, second, names=("clinic", "genomic"))


def asking(case: OpenCase) -> list[str]:
    """Groups whose tokens look at the case's patches."""
    return [query for query, key in session.directions_of(case) if key == "pathology"]
