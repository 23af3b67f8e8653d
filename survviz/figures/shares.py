"""Share of each modality over the cases of a cohort, with its interval, and of one case beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survviz.figures.attribution import MARGIN, ROW, SPACE
from survviz.figures.colours import GREY, THIS_CASE, translucent

if TYPE_CHECKING:
    import plotly.graph_objects as go

COHORT = "#009E73"
"""Of no group of risk and of no case."""


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One bar.

    Attributes:
        label: "Slide", or a cancer type below it.
        share, low, high: 0 to 1; without ends for a single patient.
        own: share in the case that is open; None where it is not to be compared.
        head: whether it stands for all cases, and not for a part of them.
    """

    label: str
    share: float
    low: float | None = None
    high: float | None = None
    own: float | None = None
    head: bool = True


def shares_figure(rows: Sequence[ShareRow]) -> go.Figure:
    """Bars with their intervals, from top to bottom; a diamond is the open case."""
    import plotly.graph_objects as go

    at = list(range(len(rows)))
    figure = go.Figure()
    figure.add_bar(
        y=at,
        x=[100 * one.share for one in rows],
        orientation="h",
        marker_color=[COHORT if one.head else translucent(COHORT, 0.45) for one in rows],
        error_x={
            "array": [100 * (one.high - one.share) if one.high is not None else 0.0 for one in rows],
            "arrayminus": [100 * (one.share - one.low) if one.low is not None else 0.0 for one in rows],
            "color": GREY,
            "thickness": 1.6,
            "width": 5,
        },
        customdata=[[one.label.strip(SPACE), interval_words(one)] for one in rows],
        hovertemplate="%{customdata[0]}: %{x:.1f} %<br>%{customdata[1]}<extra></extra>",
        showlegend=False,
    )
    own = [(position, one.own) for position, one in zip(at, rows, strict=True) if one.own is not None]
    if own:
        figure.add_scatter(
            y=[position for position, _ in own],
            x=[100 * share for _, share in own],
            mode="markers",
            marker={"color": THIS_CASE, "symbol": "diamond", "size": 11, "line": {"color": "white", "width": 1}},
            hovertemplate="This case: %{x:.1f} %<extra></extra>",
            showlegend=False,
        )
    labels = [one.label if one.head else f"{SPACE * 4}{one.label}" for one in rows]
    figure.update_xaxes(title="Share of what all modalities add", ticksuffix=" %", rangemode="tozero", zeroline=False)
    figure.update_yaxes(
        tickvals=at, ticktext=labels, range=[len(rows) - 0.5, -0.5], automargin=True, showgrid=False, zeroline=False
    )
    figure.update_layout(height=80 + ROW * max(len(rows), 2), margin=MARGIN, bargap=0.4)
    return figure


def interval_words(one: ShareRow) -> str:
    """Its 95 % interval, or why there is none."""
    if one.low is None or one.high is None:
        return "one patient"
    return f"95 % CI {100 * one.low:.1f} to {100 * one.high:.1f} %"
