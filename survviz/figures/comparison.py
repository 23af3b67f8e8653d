"""Models on the same patients: C with its interval, and the C of every fold as a dot beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survviz.figures.attribution import MARGIN, ROW
from survviz.figures.colours import GREY, LOW_RISK

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One model.

    Attributes:
        value, low, high: C on all patients; without limits where they are undefined.
        by_fold: C of the patients of each fold; NaN where undefined, empty without folds.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    by_fold: tuple[float, ...] = ()


def comparison_figure(rows: Sequence[ComparedRow]) -> go.Figure:
    """A row per model, from top to bottom; the dotted line is chance."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for at, one in enumerate(rows):
        folds = [(number, value) for number, value in enumerate(one.by_fold, start=1) if value == value]
        figure.add_scatter(
            x=[value for _, value in folds], y=[at + 0.22] * len(folds), mode="markers", showlegend=at == 0,
            name="one fold", marker={"color": GREY, "size": 8, "opacity": 0.8},
            customdata=[number for number, _ in folds],
            hovertemplate=f"{one.label}, fold %{{customdata}}: C %{{x:.3f}}<extra></extra>",
        )  # fmt: skip
        if one.value is not None:
            ends = None if one.low is None or one.high is None else (one.high - one.value, one.value - one.low)
            figure.add_scatter(
                x=[one.value], y=[at - 0.1], mode="markers", name="all patients, 95 % CI", showlegend=at == 0,
                marker={"color": LOW_RISK, "size": 11, "symbol": "diamond"},
                error_x={"array": [ends[0]], "arrayminus": [ends[1]], "color": LOW_RISK, "width": 5} if ends else None,
                hovertemplate=f"{one.label}: C %{{x:.3f}}<extra></extra>",
            )  # fmt: skip
    figure.add_vline(x=0.5, line={"color": GREY, "dash": "dot", "width": 1})
    figure.update_xaxes(title="C-index", zeroline=False)
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[one.label for one in rows], range=[len(rows) - 0.5, -0.5],
        automargin=True, showgrid=False, zeroline=False,
    )  # fmt: skip
    height = 110 + 1.5 * ROW * max(len(rows), 2)
    figure.update_layout(height=height, margin=MARGIN, legend={"orientation": "h", "y": -0.35})
    return figure
