"""Figures of a case that is changed: its survival curve over the old one, and its risk with some of its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survviz.figures.attribution import ROW, plain
from survviz.figures.colours import GREY, THIS_CASE
from survviz.figures.survival import MARGIN, draw_case
from survviz.types import Prediction

if TYPE_CHECKING:
    import plotly.graph_objects as go


def comparison_figure(before: Prediction, after: Prediction, *, height: int = 380) -> go.Figure:
    """The case as it is, dashed and grey, under the changed case with the range over models.

    Args:
        before, after: predictions of the same folds.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=before.times,
        y=before.survival,
        mode="lines",
        name="As it is",
        line={"color": GREY, "width": 2.5, "dash": "dash"},
        hovertemplate="%{x:.0f} months: %{y:.0%}<extra>as it is</extra>",
    )
    draw_case(figure, after, name="What if", pointed="what if")
    for old, new in zip(before.horizons, after.horizons, strict=True):
        if old.survival is not None and new.survival is not None:
            figure.add_scatter(
                x=[old.months, old.months],
                y=[old.survival, new.survival],
                mode="lines+markers",
                line={"color": THIS_CASE, "width": 1.5, "dash": "dot"},
                marker={"color": [GREY, THIS_CASE], "size": 8},
                showlegend=False,
                hoverinfo="skip",
            )
    figure.update_xaxes(title="Months", rangemode="tozero", dtick=12, showgrid=False)
    figure.update_yaxes(title="Estimated survival", range=[0, 1.02], tickformat=".0%")
    figure.update_layout(height=height, margin=MARGIN, legend={"orientation": "h", "y": -0.22, "x": 0}, hovermode="x")
    return figure


def subset_figure(
    rows: Sequence[tuple[str, NDArray[np.float64]]], *, cutoff: float | None = None, target: str = "risk score"
) -> go.Figure:
    """The value of each test: what the model says with some of the evidence, one row per combination.

    Args:
        rows: words for what is there, and (F,) of the folds; from top to bottom.
        cutoff: between the groups of the training cohort.
    """
    import plotly.graph_objects as go

    names = [name for name, _ in rows]
    figure = go.Figure()
    figure.add_scatter(
        x=[float(value) for _, folds in rows for value in folds],
        y=[name for name, folds in rows for _ in folds],
        mode="markers",
        marker={"color": GREY, "size": 6, "opacity": 0.75},
        name="Each model",
        hovertemplate="%{y}: %{x:.2f}<extra>one model</extra>",
    )
    means = [float(np.mean(folds)) for _, folds in rows]
    figure.add_scatter(
        x=means,
        y=names,
        mode="markers+text",
        marker={"color": THIS_CASE, "size": 13, "symbol": "diamond"},
        text=[plain(mean) for mean in means],
        textposition="top center",
        cliponaxis=False,
        name="Mean of the models",
        hovertemplate="%{y}: %{x:.2f}<extra>mean</extra>",
    )
    if cutoff is not None:
        figure.add_vline(x=cutoff, line={"color": GREY, "dash": "dash", "width": 1.5})
        figure.add_annotation(
            x=cutoff, y=1.0, yref="paper", yanchor="bottom", text="cut-off", showarrow=False, font_color=GREY
        )
    figure.update_xaxes(title=f"{target.capitalize()} (higher = worse)", zeroline=False)
    figure.update_yaxes(categoryorder="array", categoryarray=names, autorange="reversed", automargin=True)
    figure.update_layout(
        height=110 + ROW * 1.4 * len(rows),
        margin={"l": 8, "r": 24, "t": 36, "b": 84},
        legend={"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0},
    )
    return figure
