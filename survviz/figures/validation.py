"""Plotly figures of a validation: calibration, discrimination over time, D-calibration, the decision curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from survviz.evaluation import Calibration, DCalibration, DecisionCurve, PerTime
from survviz.figures.colours import GREY, HIGH_RISK, LOW_RISK

if TYPE_CHECKING:
    import plotly.graph_objects as go

MARGIN = {"l": 8, "r": 8, "t": 24, "b": 8}
LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}


def calibration_figure(found: Calibration, *, height: int = 380) -> go.Figure:
    """Stated against observed survival of groups of similar patients, with Kaplan-Meier's limits; the line is right."""
    import plotly.graph_objects as go

    known = [
        (one, seen, seen if one.low is None else one.low, seen if one.high is None else one.high)
        for one in found.groups
        if (seen := one.observed) is not None
    ]
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dash", "width": 1.2}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=[one.predicted for one, *_ in known], y=[observed for _, observed, *_ in known], mode="lines+markers",
        line={"color": LOW_RISK, "width": 1.2}, marker={"size": 9, "color": LOW_RISK}, showlegend=False,
        error_y={"type": "data", "symmetric": False, "thickness": 1.4,
                 "array": [high - observed for _, observed, _, high in known],
                 "arrayminus": [observed - low for _, observed, low, _ in known]},
        customdata=[[one.n, one.n_events] for one, *_ in known],
        hovertemplate="stated %{x:.0%}, observed %{y:.0%}<br>%{customdata[0]} patients, %{customdata[1]} events"
        "<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title=f"Stated survival at {found.horizon:g} months", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(title="Observed (Kaplan–Meier)", range=[0, 1.02], tickformat=".0%")
    figure.update_layout(height=height, margin=MARGIN, dragmode=False)
    return figure


def over_time_figure(scores: Mapping[str, PerTime], *, height: int = 320) -> go.Figure:
    """AUC and Brier score by month; a gap is where they are undefined."""
    import plotly.graph_objects as go

    figure = go.Figure()
    looks = {"AUC": (LOW_RISK, "solid"), "Brier score": (HIGH_RISK, "dash")}
    for name, one in scores.items():
        colour, dash = looks[name]
        figure.add_scatter(
            x=one.times, y=one.values, mode="lines", name=name, line={"color": colour, "dash": dash, "width": 2.2},
            hovertemplate="%{x:.0f} months: %{y:.2f}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.add_hline(y=0.5, line={"color": GREY, "dash": "dot", "width": 1})
    figure.update_xaxes(title="Months", dtick=12, showgrid=False, rangemode="tozero")
    figure.update_yaxes(range=[0, 1.02])
    figure.update_layout(height=height, margin=MARGIN, legend=LEGEND, hovermode="x", dragmode=False)
    return figure


def d_calibration_figure(found: DCalibration, *, height: int = 320) -> go.Figure:
    """Share of the patients in each tenth of S(own time); all alike is right."""
    import plotly.graph_objects as go

    n_bins = len(found.mass)
    shares = found.mass / found.mass.sum()
    figure = go.Figure()
    figure.add_bar(
        x=(np.arange(n_bins) + 0.5) / n_bins, y=shares, width=0.92 / n_bins, marker_color=LOW_RISK,
        hovertemplate="%{y:.1%} of the patients<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=1 / n_bins, line={"color": GREY, "dash": "dash", "width": 1.2})
    figure.update_xaxes(title="Stated survival at the own time of event", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(title="Patients", tickformat=".0%", rangemode="tozero")
    figure.update_layout(height=height, margin=MARGIN, dragmode=False)
    return figure


def decision_figure(found: DecisionCurve, *, height: int = 420) -> go.Figure:
    """Net benefit of acting on the model, on everybody, on nobody."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines = {
        "Act on the model": (found.model, LOW_RISK, "solid", 2.6),
        "Act on everybody": (found.everybody, HIGH_RISK, "dash", 1.8),
        "Act on nobody": (np.zeros(len(found.thresholds)), GREY, "dot", 1.8),
    }
    for name, (values, colour, dash, width) in lines.items():
        figure.add_scatter(
            x=found.thresholds, y=values, mode="lines", name=name,
            line={"color": colour, "dash": dash, "width": width}, customdata=found.n_above,
            hovertemplate="threshold %{x:.0%}: %{y:.3f}"
            + (" (%{customdata} patients)" if name == "Act on the model" else "") + f"<extra>{name}</extra>",
        )  # fmt: skip
    top = float(np.nanmax(np.concatenate([found.model, found.everybody, [0.02]])))
    figure.update_xaxes(
        title=f"Threshold: probability of an event within {found.horizon:g} months at which one would act",
        range=[0, 1], tickformat=".0%",
    )  # fmt: skip
    figure.update_yaxes(title="Net benefit", range=[-0.25 * top, 1.08 * top], zeroline=False)
    figure.update_layout(height=height, margin=MARGIN, legend=LEGEND, hovermode="x", dragmode=False)
    return figure
