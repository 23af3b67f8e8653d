"""Which evidence matters early and which late: attributions of the hazard in each time bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from pages.components import notices, session, why_results
from pages.components.cases import OpenCase
from pages.components.why_choice import Choice
from pages.components.why_evidence import COARSE, named_modalities, percent, plot_config
from survviz.errors import SurvvizError
from survviz.phi import exported_id
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.pipeline.explanation.attribution import CaseAttribution
    from survviz.pipeline.explanation.pieces import Piece

SHOWN = 12


def show(case: OpenCase, choice: Choice) -> None:
    """Attributions of the hazard in each time bin."""
    from survviz.figures.attribution import heat_figure

    if session.predictor().checkpoint.baselines[0] is not None:
        st.info(
            "This model has one log-hazard for all times: every piece of evidence weighs the same early and late. "
            "Models with time bins show here which evidence matters when.",
            icon=":material/schedule:",
        )
        return
    try:
        bins = why_results.over_time_of(case, choice)
    except SurvvizError as error:
        notices.problem(error)
        return
    columns = [one.target_words.rpartition("months ")[2] for one in bins]
    rows = {
        one.name: values
        for one, values in zip(named_modalities(of_modalities(bins)), modality_values(bins), strict=True)
    }
    features = top_features(bins)
    title, axis = "Pushes the hazard logit", "Months"
    modalities, named = st.columns([2, 3], gap="large")
    with modalities:
        st.subheader("By modality", anchor=False)
        figure = heat_figure(list(rows), columns, np.array(list(rows.values())), title=title)
        figure.update_xaxes(title=axis)
        st.plotly_chart(figure, key="time-modality", config=plot_config("over_time_modalities", bins[0]))
        st.caption(
            f"Each column explains the hazard logit of one time bin against the {bins[0].baseline}: above 0 the "
            "evidence pushes the hazard of these months up, below 0 down. "
            f"Largest gap in a model {percent(max(one.gap for one in bins))}."
        )
    with named:
        st.subheader("The features that push most", anchor=False)
        if features:
            figure = heat_figure(list(features), columns, np.array(list(features.values())), title=title)
            figure.update_xaxes(title=axis)
            st.plotly_chart(figure, key="time-feature", config=plot_config("over_time_features", bins[0]))
    table = pd.DataFrame(
        {"name": name, **dict(zip(columns, values, strict=True))} for name, values in (rows | features).items()
    )
    st.download_button(
        "These numbers (CSV)",
        table_csv(table, index=False),
        file_name=f"over_time_{exported_id(bins[0].case_id, 'case')}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def of_modalities(bins: Sequence[CaseAttribution]) -> list[Piece]:
    """The modalities, in the order of the first bin's model."""
    return [one for one in bins[0].pieces if one.level == "modality"]


def modality_values(bins: Sequence[CaseAttribution]) -> list[list[float]]:
    """One row per modality, one number per bin."""
    return [[value(bins[k], one) for k in range(len(bins))] for one in of_modalities(bins)]


def value(found: CaseAttribution, piece: Piece) -> float:
    """What a piece adds in another attribution of the same case."""
    return next(one.value for one in found.pieces if (one.level, one.name) == (piece.level, piece.name))


def top_features(bins: Sequence[CaseAttribution]) -> dict[str, list[float]]:
    """The features with the largest push in any bin."""
    levels = COARSE if any(one.level == "programme" for one in bins[0].pieces) else (*COARSE, "gene")
    found = {
        one.name: [value(each, one) for each in bins] for level in levels for one in bins[0].of(level)[: 5 * SHOWN]
    }
    largest = sorted(found, key=lambda name: -max(abs(number) for number in found[name]))[:SHOWN]
    return {name: found[name] for name in largest}
