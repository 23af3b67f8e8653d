"""What is compared on the page Stratify: the endpoint, from when on, in which groups; all of it in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from survviz.pipeline.cohort.observation import Observation
from survviz.pipeline.cohort.patient_groups import GroupKind, as_numbers, clinical_column, clinical_columns
from survviz.pipeline.cohort.stratification import StratifyPlan
from survviz.types import RESEARCH_USE
from survviz.units import TimeUnit

if TYPE_CHECKING:
    from survviz.pipeline.cohort.results import CohortResults
    from survviz.pipeline.cohort.stratification import Stratification

FROM_START = "Time 0"
UNITS: tuple[TimeUnit, ...] = ("days", "months", "years")
KINDS: dict[str, GroupKind] = {
    "Cut-off of the checkpoint": "trained cut-off",
    "Tertiles of the checkpoint": "trained tertiles",
    "Median of these patients": "median",
    "Tertiles of these patients": "tertiles",
    "Quartiles of these patients": "quartiles",
    "Own cut-off": "own cut-off",
    "Best cut-off": "best cut-off",
    "Clinical variable": "clinical",
}
WORDS = {
    "trained cut-off": "The median risk of the training cohort, frozen in the checkpoint.",
    "trained tertiles": "Thirds of the training cohort, frozen in the checkpoint.",
    "median": "Made on these very patients: half of them in each group, whatever their risk.",
    "tertiles": "Made on these very patients.",
    "quartiles": "Made on these very patients.",
    "own cut-off": "Chosen by hand; every one that is looked at counts below.",
    "best cut-off": "Separates these very patients best; its p is corrected for all that were compared.",
    "clinical": "Numbers are cut at their median here; stages lose their letters.",
}


@st.cache_data(show_spinner=False, max_entries=16)
def columns_of(_results: CohortResults, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Clinical columns that can make groups, and those among them that are numbers of 0 or more."""
    useful = clinical_columns(_results)
    numbers = {name: as_numbers(clinical_column(_results, name)) for name in useful}
    return useful, tuple(name for name, cells in numbers.items() if cells is not None and not (cells < 0).any())


def observation(results: CohortResults) -> Observation:
    """Endpoint, landmark and late entry, for all tabs."""
    endpoints = list(results.outcomes)
    numbers = columns_of(results, str(results.folder))[1]
    with st.container(horizontal=True, vertical_alignment="bottom", key="stratify-observation"):
        endpoint = st.selectbox(
            "Endpoint", endpoints, key="endpoint", bind="query-params", width=150,
            help="Every endpoint whose columns the cohort's outcome table holds.",
        )  # fmt: skip
        landmark = st.number_input(
            "Landmark, months", 0.0, 600.0, 0.0, 6.0, format="%g", key="landmark", bind="query-params", width=150,
            help="Only patients still under observation then are compared, from then on. 0 = all patients.",
        )  # fmt: skip
        entry = st.selectbox(
            "At risk from", [FROM_START, *numbers], key="entry", bind="query-params", width=200,
            help="Left truncation: the column that says when a patient came under observation.",
        )  # fmt: skip
        unit: TimeUnit = "months"
        if entry != FROM_START:
            unit = st.selectbox("Unit", UNITS, key="entry_unit", bind="query-params", width=110)
    return Observation(
        endpoint=endpoint, landmark=landmark or None, entry_column=None if entry == FROM_START else entry,
        entry_unit=unit,
    )  # fmt: skip


def groups(results: CohortResults, asked: Observation) -> StratifyPlan:
    """How patients are grouped."""
    label = st.selectbox("Groups", list(KINDS), key="groups", bind="query-params")
    kind = KINDS[label]
    st.caption(WORDS[kind])
    cutoff = column = None
    if kind == "own cut-off":
        risk = results.table["risk"]
        cutoff = st.number_input(
            "Risk above which a patient is in the high group", float(risk.min()), float(risk.max()), results.cutoff,
            format="%.3f", key="cutoff", bind="query-params",
        )  # fmt: skip
    if kind == "clinical":
        column = st.selectbox("Variable", columns_of(results, str(results.folder))[0], key="by", bind="query-params")
    until = st.number_input(
        "Mean survival until, months", 0.0, 600.0, 0.0, 12.0, format="%g", key="until", bind="query-params",
        help="Where restricted means end. 0 = as long as every group is followed.",
    )  # fmt: skip
    return StratifyPlan(
        **asked.model_dump(), groups=kind, cutoff=cutoff, column=column, restricted_to=until or None,
    )  # fmt: skip


def count_cutoffs(results: CohortResults, found: Stratification) -> int:
    """Cut-offs of the risk that this session has looked at, on this cohort and endpoint."""
    tried: dict[tuple[str, str], set[float]] = st.session_state.setdefault("cutoffs_tried", {})
    seen = tried.setdefault((str(results.cohort), found.endpoint), set())
    if found.plan.groups != "clinical":
        seen.update(round(value, 9) for value in found.cutoffs)
    return len(seen)


def standing(results: CohortResults, n_out_of_fold: int, n: int) -> str:
    """Who is compared, in one sentence; it never says validation of patients that the checkpoint learnt from."""
    if not n_out_of_fold:
        return f"No model of {results.checkpoint} was trained on these patients (by case id)."
    some = "all" if n_out_of_fold == n else f"{n_out_of_fold:,}"
    return (
        f"Out of fold: {some} of these patients are in the training cohort of {results.checkpoint}, each scored only "
        "by models that never saw them. This is no external validation."
    )


def footer() -> None:
    """What the numbers may be used for."""
    st.caption(f"Estimates of groups, not prognoses of patients. {RESEARCH_USE}")
