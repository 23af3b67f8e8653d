"""The value of each test: what the model would say with fewer of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.components import estimate, notices, session, why_results
from pages.components.cases import OpenCase
from pages.components.why_choice import Choice
from survviz.errors import SurvvizError
from survviz.phi import exported_id
from survviz.spreadsheets import table_csv
from survviz.types import MODALITIES, Modality


def show(case: OpenCase, choice: Choice) -> None:
    """The view; it is of the risk and needs no baseline, whatever is chosen above."""
    from survviz.figures.what_if import subset_figure

    try:
        rows = subset_rows(why_results.subsets_of(case))
    except SurvvizError as error:
        notices.problem(error)
        return
    name = f"tests_{exported_id(case.case.case_id, 'case')}"
    st.subheader("The risk score with fewer tests", anchor=False)
    st.plotly_chart(
        subset_figure(rows, cutoff=session.predictor().checkpoint.reference.cutoff),
        key="tests",
        config=estimate.PLOT_CONFIG | {"toImageButtonOptions": {"format": "svg", "filename": name}},
    )
    st.caption(
        "A test that is left out is missing for the model, as if it had never been done; nothing is filled in, so this "
        "picture needs no baseline. Two rows close together mean that this model's estimate hardly changes with the "
        "test, not that the test is of no use to the patient."
    )
    table = pd.DataFrame(
        {"tests": words, "risk": float(np.mean(folds)), **{f"model_{i + 1}": float(x) for i, x in enumerate(folds)}}
        for words, folds in rows
    )
    st.download_button(
        "These numbers (CSV)",
        table_csv(table, index=False),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def subset_rows(
    found: Mapping[frozenset[Modality], NDArray[np.float64]],
) -> list[tuple[str, NDArray[np.float64]]]:
    """Combinations in words, the smallest first."""
    ordered = sorted(found, key=lambda names: (len(names), sorted(MODALITIES.index(name) for name in names)))
    return [
        (" + ".join(estimate.NAMES[name] for name in MODALITIES if name in names) or "Nothing known", found[names])
        for names in ordered
    ]
