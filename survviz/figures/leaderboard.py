"""Forest plots of a leaderboard: concordance, and what a model gains over its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from survviz.figures.colours import GREY, HIGH_RISK, LOW_RISK, THIS_CASE

if TYPE_CHECKING:
    import plotly.graph_objects as go

Kinds = Mapping[str, tuple[str, str, str]]
"""Kind of dot -> legend, colour, symbol: told apart without colour too."""

LINES: Kinds = {
    "model": ("model", LOW_RISK, "circle"),
    "mean": ("mean of risks", THIS_CASE, "diamond"),
    "baseline": ("baseline", GREY, "square"),
    "truth": ("true hazard", HIGH_RISK, "star"),
}
GAINS: Kinds = {
    "clinic": ("over Cox on clinic", LOW_RISK, "circle"),
    "best single": ("over each cohort's best single modality", HIGH_RISK, "diamond"),
}
CLINIC = "Cox on clinic"
ROW_PX, FRAME_PX = 26, 140


@dataclass(frozen=True, slots=True)
class Dot:
    """A number with its interval, for one line of a forest plot.

    Attributes:
        low: None = no interval.
        text: lines under its name when pointed at.
    """

    name: str
    kind: str
    value: float
    low: float | None
    high: float | None
    text: tuple[str, ...] = ()


def concordance_figure(dots: Sequence[Dot]) -> go.Figure:
    """Concordance of every line of a cohort, best on top; clinic as a dashed line."""
    clinic = next((dot.value for dot in dots if dot.name == CLINIC), None)
    return _forest(dots, LINES, "Harrell's C, mean over test folds (95 % interval)", clinic, (0.0, 1.0))


def gain_figure(dots: Sequence[Dot]) -> go.Figure:
    """Differences in concordance over all cohorts, largest gain on top; no difference as a dashed line."""
    return _forest(dots, GAINS, "Difference in C, mean over cohorts (95 % interval)", 0.0, (-1.0, 1.0))


def _forest(
    dots: Sequence[Dot], kinds: Kinds, title: str, line: float | None, limits: tuple[float, float]
) -> go.Figure:
    import plotly.graph_objects as go

    highest = {dot.name: max(one.value for one in dots if one.name == dot.name) for dot in dots}
    names = sorted(highest, key=lambda name: highest[name])
    figure = go.Figure()
    for kind, (legend, colour, symbol) in kinds.items():
        mine = [dot for dot in dots if dot.kind == kind]
        if mine:
            figure.add_trace(_trace(mine, legend, colour, symbol))
    if line is not None:
        figure.add_vline(x=line, line={"color": GREY, "dash": "dash", "width": 1.5})
    ends = [end for dot in dots for end in (dot.value, dot.low, dot.high) if end is not None]
    if ends:
        figure.update_xaxes(range=[max(limits[0], min(ends)) - 0.01, min(limits[1], max(ends)) + 0.01])
    figure.update_xaxes(title=title, zeroline=False, fixedrange=True)
    figure.update_yaxes(categoryorder="array", categoryarray=names, automargin=True, fixedrange=True)
    figure.update_layout(
        height=ROW_PX * len(names) + FRAME_PX,
        margin={"l": 8, "r": 16, "t": 56, "b": 48},
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hovermode="closest",
    )
    return figure


def _trace(dots: Sequence[Dot], legend: str, colour: str, symbol: str) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[dot.value for dot in dots],
        y=[dot.name for dot in dots],
        mode="markers",
        name=legend,
        marker={"color": colour, "symbol": symbol, "size": 10},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0.0 if dot.high is None else dot.high - dot.value for dot in dots],
            "arrayminus": [0.0 if dot.low is None else dot.value - dot.low for dot in dots],
            "color": colour,
            "thickness": 1.5,
            "width": 3,
        },
        text=["<br>".join((f"<b>{escape(dot.name)}</b>", *map(escape, dot.text))) for dot in dots],
        hovertemplate="%{text}<extra></extra>",
    )
