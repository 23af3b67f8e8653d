"""A forest plot: one row per estimate with its interval, the numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from survviz.figures.colours import GREY, LOW_RISK

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROW = 27
CHARACTER = 5.8
"""Pixels of a letter beside the plot, about."""


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One line of a forest plot.

    Attributes:
        value: with its limits; None for a heading, a reference group, or what is undefined.
        words: what stands at the right: numbers, or why there are none.
    """

    name: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    words: str = ""

    @property
    def ends(self) -> tuple[float, float, float] | None:
        """Value and limits, a limit that is missing at the value; None where there is no value."""
        if self.value is None:
            return None
        return self.value, self.value if self.low is None else self.low, self.value if self.high is None else self.high


def forest_figure(
    rows: Sequence[ForestRow], *, axis: str, ratio: bool = True, marked: float | None = None
) -> go.Figure:
    """Estimates from top to bottom.

    Args:
        axis: what they are.
        ratio: no effect is 1, on a logarithmic axis; else it is 0.5 (a C-index).
        marked: another line, for example the estimate of everybody.
    """
    import plotly.graph_objects as go

    places = [-place for place in range(len(rows))]
    known = [(place, row, *ends) for place, row in zip(places, rows, strict=True) if (ends := row.ends)]
    figure = go.Figure()
    figure.add_scatter(
        x=[value for *_, value, _, _ in known], y=[one[0] for one in known], mode="markers", showlegend=False,
        marker={"symbol": "square", "size": 9, "color": LOW_RISK},
        error_x={
            "type": "data", "symmetric": False, "thickness": 1.6, "width": 5,
            "array": [high - value for *_, value, _, high in known],
            "arrayminus": [value - low for *_, value, low, _ in known],
        },
        hovertext=[f"<b>{escape(row.name)}</b><br>{escape(row.words)}" for _, row, *_ in known], hoverinfo="text",
    )  # fmt: skip
    for place, row in zip(places, rows, strict=True):
        figure.add_annotation(
            text=escape(row.words), xref="paper", x=1.01, xanchor="left", y=place, showarrow=False, font={"size": 12},
            align="left",
        )  # fmt: skip
    figure.add_vline(x=1.0 if ratio else 0.5, line={"color": GREY, "dash": "dash", "width": 1.2})
    if marked is not None:
        figure.add_vline(x=marked, line={"color": GREY, "dash": "dot", "width": 1.2})
    figure.update_xaxes(title=axis, type="log" if ratio else "linear", showgrid=False, zeroline=False)
    if ratio:
        figure.update_xaxes(dtick="D2", tickformat="~g")
    figure.update_yaxes(
        tickvals=places, ticktext=[_label(row) for row in rows], range=[-len(rows) + 0.4, 0.6], showgrid=False,
        zeroline=False, automargin=True,
    )  # fmt: skip
    longest = max((len(row.words) for row in rows), default=0)
    figure.update_layout(
        height=90 + ROW * len(rows),
        margin={"l": 8, "r": round(16 + CHARACTER * longest), "t": 8, "b": 8},
        dragmode=False,
    )
    return figure


def _label(row: ForestRow) -> str:
    """A heading is bold."""
    name = escape(row.name)
    return name if row.words else f"<b>{name}</b>"
