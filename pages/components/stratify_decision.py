"""Decision curve on Stratify: would acting on the estimates be better than treating all patients alike?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import estimate, stratify_choice
from pages.components.cohort_list import CohortEntry
from survviz.evaluation import DecisionCurve
from survviz.pipeline.cohort.validation import HORIZONS, decide
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.pipeline.cohort.observation import Observation
    from survviz.pipeline.cohort.results import CohortResults


@st.cache_resource(show_spinner="Weighing decisions …", max_entries=32)
def _decided(_results: CohortResults, folder: str, asked: str, horizon: float) -> DecisionCurve:
    from survviz.pipeline.cohort.observation import Observation

    return decide(_results, Observation.model_validate_json(asked), horizon)


def show(entry: CohortEntry, results: CohortResults, asked: Observation) -> None:
    """Choice of the horizon, the figure, what it means."""
    from survviz.figures.validation import decision_figure

    years = {f"{months / 12:g} year{'s' * (months != 12)}": months for months in HORIZONS}
    label = st.pills("An event within", list(years), default="3 years", key="decision_at", required=True)
    found = _decided(results, str(results.folder), asked.model_dump_json(), years[label or "3 years"])
    n_out_of_fold = results.n_out_of_fold
    st.markdown(stratify_choice.standing(results, n_out_of_fold, len(results)))
    st.plotly_chart(decision_figure(found), key="decision", config=estimate.PLOT_CONFIG)
    if found.useful is None:
        st.markdown("At no threshold does acting on the model beat both acting on everybody and acting on nobody.")
    else:
        low, high = found.useful
        st.markdown(f"Acting on the model beats both simple rules from a threshold of **{low:.0%}** to **{high:.0%}**.")
    st.caption(
        "Net benefit: share of patients who are treated and would have had an event, less the share treated needlessly "
        "times the odds of the threshold (Vickers 2008); events of censored groups by Kaplan–Meier. It rests on stated "
        "probabilities, so calibration counts. Which threshold is right is a clinical question, not a statistical one."
    )
    table = pd.DataFrame({
        "threshold": found.thresholds, "model": found.model, "everybody": found.everybody, "n_above": found.n_above,
    })  # fmt: skip
    st.download_button(
        "Table (CSV)", table_csv(table, index=False), f"{entry.id}_decision_{found.horizon:g}.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    stratify_choice.footer()
