"""What is explained and against which baseline: the choices on top of the page, kept in the address bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.components import session
from pages.components.cases import OpenCase
from survviz.errors import InputError

if TYPE_CHECKING:
    from survviz.pipeline.explanation.attribution import Method

EVIDENCE, OVER_TIME, TESTS, WHAT_IF, TISSUE, COHORT = VIEWS = (
    "Evidence",
    "Over time",
    "Value of each test",
    "What if",
    "Tokens and tissue",
    "Over a cohort",
)
HORIZONS = (12, 36, 60)
METHODS: dict[Method, str] = {
    "integrated-gradients": "Integrated gradients",
    "relevance": "Relevance propagation",
    "shapley": "Shapley of modalities",
    "removal": "Removal of modalities",
}
METHOD_WORDS: dict[Method, str] = {
    "integrated-gradients": "Integrated gradients add up the model's slopes on the way from the baseline to the case.",
    "relevance": "Relevance propagation hands the estimate back through the layers of the model, rule by rule.",
    "shapley": "A Shapley value is what a modality adds, averaged over every order in which the modalities may come.",
    "removal": "Removal leaves out one modality, as if it had never been measured; the values need not add up.",
}
OF_MODALITIES: tuple[Method, ...] = ("shapley", "removal")
"""Methods that weigh whole modalities, against the case without any."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the page explains.

    Attributes:
        target: "risk", "survival:36", "logit:2".
        baseline: by its name.
        method: by its name.
    """

    target: str
    baseline: str
    method: Method


def choose(case: OpenCase, view: str) -> Choice:
    """The controls; those that a view does not use are there, but cannot be moved, so that the address keeps them."""
    weighs = view in (EVIDENCE, OVER_TIME, COHORT)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        target = choose_target(case, used=view in (EVIDENCE, COHORT))
        method = choose_method(used=weighs)
        return Choice(target, choose_baseline(used=weighs and method not in OF_MODALITIES), method)


def choose_target(case: OpenCase, *, used: bool) -> str:
    """Risk, survival at a time, or a time bin."""
    targets = targets_of(case)
    words = st.selectbox(
        "Explain",
        list(targets),
        key="explain",
        bind="query-params",
        disabled=not used,
        width=190,
        help="Survival at a time goes up when things look better; risk and hazard go up when they look worse.",
    )
    return targets[words or next(iter(targets))]


def choose_baseline(*, used: bool) -> str:
    """Where the evidence starts from; the first that the checkpoint holds, unless a person chooses another."""
    from survviz.pipeline.explanation.baseline_points import BASELINES, why_no_baseline

    checkpoint = session.predictor().checkpoint
    held = [why_no_baseline(checkpoint, name) is None for name in BASELINES]
    return st.selectbox(
        "Against",
        list(BASELINES),
        index=held.index(True),
        disabled=not used,
        format_func=lambda name: name[:1].upper() + name[1:],
        key="against",
        bind="query-params",
        width=270,
        help="Where the evidence starts from: every number counts from there. "
        + "; ".join(f"**{name}** is {words}" for name, words in BASELINES.items()),
    )


def choose_method(*, used: bool) -> Method:
    """How the change is shared among the evidence."""
    return st.selectbox(
        "By",
        list(METHODS),
        format_func=METHODS.__getitem__,
        key="by",
        bind="query-params",
        disabled=not used,
        width=190,
        help=" ".join(METHOD_WORDS.values()),
    )


def targets_of(case: OpenCase) -> dict[str, str]:
    """Words -> name of everything that can be explained: risk, survival within the follow-up, each time bin."""
    return _targets(session.predictor(), session.case_key(case))


@st.cache_data(show_spinner=False, max_entries=16)
def _targets(_predictor: object, key: tuple[object, ...]) -> dict[str, str]:
    from survviz.pipeline.explanation.target_names import TargetName

    checkpoint = session.predictor().checkpoint
    n_bins = len(checkpoint.preprocess(0).bins) if checkpoint.baselines[0] is None else 0
    names = ["risk", *(f"survival:{months}" for months in HORIZONS), *(f"logit:{k + 1}" for k in range(n_bins))]
    found = {}
    for name in names:
        try:
            target = TargetName.parse(name)
            for fold in range(checkpoint.n_folds):
                target.of(checkpoint, fold)
            words = target.words(checkpoint)
        except InputError:
            continue  # months beyond the follow-up that the models were trained on
        found[words[:1].upper() + words[1:]] = name
    return found
