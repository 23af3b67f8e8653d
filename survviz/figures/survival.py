"""Plotly figures of one case's prediction: the survival curve, and where its risk lies in the training cohort."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from survviz.figures.colours import GREY, GROUP_COLOURS, GROUP_DASHES, THIS_CASE, translucent
from survviz.types import Prediction

if TYPE_CHECKING:
    import plotly.graph_objects as go

MARGIN = {"l": 56, "r": 16, "t": 16, "b": 48}


class Curve(Protocol):
    """A survival curve of a group, for example a Kaplan-Meier estimate."""

    @property
    def times(self) -> NDArray[np.float64]: ...

    @property
    def survival(self) -> NDArray[np.float64]: ...


def fold_band(prediction: Prediction) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest S(t) over the folds used."""
    return prediction.survival_per_fold.min(axis=0), prediction.survival_per_fold.max(axis=0)


def draw_case(figure: go.Figure, prediction: Prediction, *, name: str, pointed: str) -> None:
    """S(t) as a bold line, over the range of the models where there are several.

    Args:
        name: in the legend.
        pointed: beside the number that is pointed at.
    """
    low, high = fold_band(prediction)
    if len(prediction.folds) > 1:
        figure.add_scatter(
            x=prediction.times, y=high, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip"
        )
        figure.add_scatter(
            x=prediction.times,
            y=low,
            mode="lines",
            line={"width": 0},
            fill="tonexty",
            hoverinfo="skip",
            fillcolor=translucent(THIS_CASE, 0.22),
            name=f"Range over {len(prediction.folds)} models",
        )
    figure.add_scatter(
        x=prediction.times,
        y=prediction.survival,
        mode="lines",
        name=name,
        line={"color": THIS_CASE, "width": 3},
        hovertemplate="%{x:.0f} months: %{y:.0%}<extra>" + f"{pointed}</extra>",
    )


def survival_figure(
    prediction: Prediction, cohort: Mapping[str, Curve] | None = None, *, height: int = 400
) -> go.Figure:
    """S(t) of a case with the range over folds, above the training cohort's Kaplan-Meier curves in grey.

    Args:
        cohort: group name ("low", "high") -> its curve.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, curve in (cohort or {}).items():
        figure.add_scatter(
            x=curve.times,
            y=curve.survival,
            mode="lines",
            name=f"Training cohort, {name} risk (Kaplan–Meier)",
            line={"color": GREY, "dash": GROUP_DASHES.get(name, "dot"), "shape": "hv", "width": 1.5},
            hovertemplate="%{x:.0f} months: %{y:.0%}<extra>" + f"training cohort, {name} risk</extra>",
        )
    draw_case(figure, prediction, name="This case (mean of the models)", pointed="this case")
    known = [horizon for horizon in prediction.horizons if horizon.survival is not None]
    figure.add_scatter(
        x=[horizon.months for horizon in known],
        y=[horizon.survival for horizon in known],
        mode="markers",
        marker={"color": THIS_CASE, "size": 9, "line": {"width": 2, "color": "white"}},
        showlegend=False,
        hoverinfo="skip",
    )
    figure.update_xaxes(title="Months", rangemode="tozero", dtick=12, showgrid=False)
    figure.update_yaxes(title="Estimated survival", range=[0, 1.02], tickformat=".0%")
    figure.update_layout(height=height, margin=MARGIN, legend={"orientation": "h", "y": -0.22, "x": 0}, hovermode="x")
    return figure


def risk_figure(prediction: Prediction, risks: NDArray[np.float64], cutoff: float, *, height: int = 320) -> go.Figure:
    """Out-of-fold risks of the training cohort as a histogram by group, with this case marked.

    Args:
        risks: one per training patient, each from the model that did not train on the patient.
        cutoff: risks above it are the high group.
    """
    import plotly.graph_objects as go

    low, high = min(risks.min(), prediction.risk), max(risks.max(), prediction.risk)
    width = max((high - low) / 30, 1e-9)
    start = cutoff - width * math.ceil((cutoff - low) / width + 1e-9)  # a bin ends at the cut-off, so none is mixed
    bins = {"start": start, "end": high + width, "size": width}
    figure = go.Figure()
    for name, part in (("low", risks[risks <= cutoff]), ("high", risks[risks > cutoff])):
        figure.add_histogram(
            x=part,
            xbins=bins,
            name=f"Training cohort, {name} risk (n = {len(part)})",
            marker_color=GROUP_COLOURS[name],
            opacity=0.85,
            hovertemplate="risk %{x}: %{y} patients<extra></extra>",
        )
    figure.add_vline(x=cutoff, line={"color": GREY, "dash": "dash", "width": 1.5})
    figure.add_annotation(
        x=cutoff, y=1.0, yref="paper", yanchor="bottom", text="cut-off", showarrow=False, font_color=GREY
    )
    figure.add_vline(x=prediction.risk, line={"color": THIS_CASE, "width": 3})
    figure.add_annotation(
        x=prediction.risk,
        y=1.12,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        font_color=THIS_CASE,
        text=f"<b>this case</b>, percentile {prediction.percentile:.0f}",
    )
    figure.update_xaxes(title="Risk (higher = worse)", showgrid=False)
    figure.update_yaxes(title="Patients")
    figure.update_layout(
        height=height,
        barmode="stack",
        bargap=0.04,
        margin=MARGIN | {"t": 52},
        legend={"orientation": "h", "y": -0.42, "x": 0, "traceorder": "normal"},
    )
    return figure
