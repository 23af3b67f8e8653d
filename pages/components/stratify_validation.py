"""Validation on Stratify: discrimination, calibration and their intervals on the open cohort, and recalibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import estimate, stratify_choice
from pages.components.cohort_list import CohortEntry
from survviz.pipeline.cohort.stratification_words import with_limits
from survviz.pipeline.cohort.validation import CENSORING, HORIZONS, Validation, recalibrated, validate
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.evaluation import Estimate, Recalibration
    from survviz.pipeline.cohort.observation import Observation
    from survviz.pipeline.cohort.results import CohortResults

WORDS = {
    "harrell_c": "C-index (Harrell)",
    "uno_c": "C-index (Uno)",
    "within_c": "C-index within cancer types",
    "auc_12": "AUC at 1 year",
    "auc_36": "AUC at 3 years",
    "auc_60": "AUC at 5 years",
    "iauc": "AUC, mean over 5 years",
    "brier_12": "Brier score at 1 year",
    "brier_36": "Brier score at 3 years",
    "brier_60": "Brier score at 5 years",
    "ibs": "Brier score, mean over 5 years",
    "calibration": "Calibration slope at 3 years",
    "observed_expected": "Observed / expected events, 3 years",
    "d_calibration_p": "D-calibration, p",
    "logrank_p": "Log-rank p at the checkpoint's cut-off",
}
RESAMPLES = 1000
MOST_BOOTSTRAPPED = 3000
BOOTSTRAP = "Bootstrap intervals"


@st.cache_resource(show_spinner="Validating …", max_entries=32)
def validated(_results: CohortResults, folder: str, asked: str, n_resamples: int | None) -> Validation:
    """Computed once for each endpoint and kind of interval."""
    from survviz.pipeline.cohort.observation import Observation

    return validate(_results, Observation.model_validate_json(asked), n_resamples=n_resamples)


@st.cache_resource(show_spinner=False, max_entries=32)
def _recalibrated(
    _results: CohortResults, folder: str, asked: str, horizon: float
) -> tuple[Recalibration, pd.DataFrame]:
    from survviz.pipeline.cohort.observation import Observation

    return recalibrated(_results, Observation.model_validate_json(asked), horizon)


def show(entry: CohortEntry, results: CohortResults, asked: Observation) -> None:
    """Numbers at the left, figures at the right."""
    few = len(results) <= MOST_BOOTSTRAPPED
    drawn = st.toggle(
        BOOTSTRAP, key="bootstrap", disabled=not few,
        help=f"{RESAMPLES:,} resamples of patients; else intervals in closed form, at once. Up to "
        f"{MOST_BOOTSTRAPPED:,} patients here, more with `survviz evaluate`.",
    )  # fmt: skip
    found = validated(results, str(results.folder), asked.model_dump_json(), RESAMPLES if drawn and few else None)
    st.markdown(
        f"**n = {found.n:,}**, {found.n_events:,} events ({found.endpoint}). "
        f"{stratify_choice.standing(results, found.n_out_of_fold, found.n)} {CENSORING}"
    )
    numbers, pictures = st.columns([2, 3], gap="large")
    with numbers:
        table = estimate_table(found)
        st.dataframe(table, hide_index=True, width="stretch", height=38 + 35 * len(table))
        st.download_button("Table (CSV)", table_csv(table, index=False), f"{entry.id}_{found.endpoint}_validation.csv",
                           "text/csv", icon=":material/download:", on_click="ignore")  # fmt: skip
    with pictures:
        horizon = _horizon("calibration_at")
        _calibration(found, horizon)
        _over_time(found)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _d_calibration(found)
    with right:
        _recalibration(entry, results, asked, horizon)
    stratify_choice.footer()


def estimate_table(found: Validation) -> pd.DataFrame:
    """One row per statistic, for reading; what is undefined says why."""
    table = pd.DataFrame([
        {"Statistic": words, "Value": value_text(one, p=name.endswith("_p")), "95 % interval": interval_text(one),
         "Why": one.reason}
        for name, words in WORDS.items() if (one := found.estimates.get(name)) is not None
    ])  # fmt: skip
    return table if any(table["Why"]) else table.drop(columns="Why")


def value_text(one: Estimate, *, p: bool = False) -> str:
    """Three decimals; a small p as such."""
    if one.value is None:
        return "undefined"
    return "< 0.001" if p and one.value < 0.001 else f"{one.value:.3f}"


def interval_text(one: Estimate) -> str:
    """Both ends, where there are any."""
    return "" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"


def _horizon(key: str) -> float:
    years = {f"{months / 12:g} year{'s' * (months != 12)}": months for months in HORIZONS}
    label = st.pills("At", list(years), default="3 years", key=key, required=True)
    return years[label or "3 years"]


def _calibration(found: Validation, horizon: float) -> None:
    from survviz.figures.validation import calibration_figure

    one = found.calibration[horizon]
    if isinstance(one, str):
        st.info(one, icon=":material/info:")
        return
    st.plotly_chart(calibration_figure(one), key="calibration", config=estimate.PLOT_CONFIG)
    slope = "slope undefined" if one.slope is None else f"slope {one.slope:.2f}"
    ici = "" if one.ici is None else f", mean distance from the smooth curve (ICI) {100 * one.ici:.1f} points"
    st.caption(
        f"Patients in {len(one.groups)} groups by stated survival. Observed over expected events "
        f"{one.observed_over_expected:.2f}, {slope}{ici}. {one.reason}"
    )


def _over_time(found: Validation) -> None:
    from survviz.figures.validation import over_time_figure

    if found.over_time:
        st.plotly_chart(over_time_figure(found.over_time), key="over-time", config=estimate.PLOT_CONFIG)
        st.caption("AUC (higher is better, 0.5 is chance) and Brier score (lower is better) by month.")


def _d_calibration(found: Validation) -> None:
    from survviz.figures.validation import d_calibration_figure

    st.subheader("D-calibration", anchor=False)
    if isinstance(found.d, str):
        st.info(found.d, icon=":material/info:")
        return
    st.plotly_chart(d_calibration_figure(found.d), key="d-calibration", config=estimate.PLOT_CONFIG)
    off = found.d.p_value < 0.05
    shown = "are not uniform: the curves are off" if off else "are not shown to be other than uniform"
    st.caption(f"Stated survivals at the own time {shown} (p {value_of_p(found.d.p_value)}).")


def value_of_p(p_value: float) -> str:
    """For example "= 0.20"."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.2g}"


def _recalibration(entry: CohortEntry, results: CohortResults, asked: Observation, horizon: float) -> None:
    """What would have to change for this cohort, said to be fitted on it."""
    st.subheader("Recalibration to this cohort", anchor=False)
    st.warning(
        "Fitted on these very patients: its numbers here are no validation, and another cohort may need others. The "
        "checkpoint stays as it is.",
        icon=":material/warning:",
    )
    found, table = _recalibrated(results, str(results.folder), asked.model_dump_json(), horizon)
    rows = {
        "Intercept (0 is right)": (found.intercept, *found.intercept_limits),
        "Slope (1 is right)": (found.slope, *found.slope_limits),
    }
    text = {name: with_limits(*row, digits=2) for name, row in rows.items()}
    text |= {"Mean stated survival": f"{table['stated'].mean():.1%}",
             "Mean recalibrated survival": f"{table['recalibrated'].mean():.1%}"}  # fmt: skip
    st.table(pd.DataFrame({f"At {horizon:g} months": text}))
    level = "more" if found.intercept > 0 else "fewer"
    st.caption(
        f"By {horizon:g} months there were {level} events than stated (log ratio of observed to expected cumulative "
        "hazard, Crowson 2016). Recalibrated: slope as fitted, baseline hazard re-estimated (Breslow)."
    )
    st.download_button(
        "Recalibrated survival (CSV)", table_csv(table), f"{entry.id}_recalibrated_{horizon:g}.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
