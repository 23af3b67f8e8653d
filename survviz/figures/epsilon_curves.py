"""A C-index against epsilon: lines with intervals, single runs, floors, and the region in which a model is useless."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survviz.figures.colours import GREY, HIGH_RISK, translucent
from survviz.figures.survival import MARGIN

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#E69F00", "#8A8F98", "#332288", "#117733")
FLOOR_DASHES = ("dot", "dashdot", "longdash", "longdashdot")
STEP = 0.05
"""Between the places of two lines at one epsilon, so that their intervals do not hide each other."""


@dataclass(frozen=True, slots=True)
class EpsilonPoint:
    """One measured value.

    Attributes:
        epsilon: infinite without noise.
        value, low, high: mean and interval; without ends for none.
        runs: of single seeds, drawn as small dots.
    """

    epsilon: float
    value: float
    low: float | None = None
    high: float | None = None
    runs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class EpsilonLine:
    """Points of one model or release.

    Attributes:
        dash: "solid", or another of plotly's for a second kind of the same colour.
        colour: number among the figure's colours.
    """

    label: str
    points: tuple[EpsilonPoint, ...]
    colour: int = 0
    dash: str = "solid"


def epsilon_figure(
    lines: Sequence[EpsilonLine],
    *,
    title: str,
    useless: tuple[float, str],
    floors: Mapping[str, float] | None = None,
    height: int = 460,
) -> go.Figure:
    """Lines over the values of epsilon at equal distances, "no noise" last.

    Args:
        title: of the vertical axis.
        useless: up to which value a model is of no use, and why in words.
        floors: words -> value of what a model has to beat; at most four.
    """
    import plotly.graph_objects as go

    epsilons = sorted({point.epsilon for line in lines for point in line.points})
    places = {epsilon: float(place) for place, epsilon in enumerate(epsilons)}
    figure = go.Figure()
    for number, line in enumerate(lines):
        _draw(figure, line, places, STEP * (number - (len(lines) - 1) / 2))
    values = [end for line in lines for point in line.points for end in _ends(point)]
    bottom, top = min(*values, useless[0]) - 0.03, max(*values, *(floors or {"": useless[0]}).values()) + 0.02
    figure.add_hrect(y0=bottom, y1=useless[0], fillcolor=translucent(HIGH_RISK, 0.12), line_width=0, layer="below")
    words = {"text": useless[1], "font": {"color": HIGH_RISK}, "showarrow": False}
    figure.add_annotation(x=0.005, xref="paper", xanchor="left", y=bottom, yanchor="bottom", **words)
    for dash, (words, value) in zip(FLOOR_DASHES, (floors or {}).items(), strict=False):
        figure.add_scatter(
            x=[-0.4, len(epsilons) - 0.6],
            y=[value, value],
            mode="lines",
            name=f"{words}: {value:.3f}",
            line={"color": GREY, "dash": dash, "width": 1.8},
            hoverinfo="name",
        )
    figure.update_xaxes(
        title="Epsilon (smaller = more private)",
        tickvals=list(places.values()),
        ticktext=[f"{one:g}" if math.isfinite(one) else "no noise" for one in epsilons],
        range=[-0.4, len(epsilons) - 0.6],
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(title=title, range=[bottom, top], tickformat=".2f", zeroline=False)
    figure.update_layout(height=height, margin=MARGIN, showlegend=True)
    figure.update_layout(legend={"orientation": "h", "y": -0.2, "x": 0})
    return figure


def _ends(point: EpsilonPoint) -> tuple[float, ...]:
    return tuple(value for value in (point.value, point.low, point.high, *point.runs) if value is not None)


def _draw(figure: go.Figure, line: EpsilonLine, places: Mapping[float, float], shift: float) -> None:
    """A line with its intervals, and its single runs."""
    colour = COLOURS[line.colour % len(COLOURS)]
    known = [point for point in line.points if point.low is not None and point.high is not None]
    points = sorted(line.points, key=lambda point: point.epsilon)
    figure.add_scatter(
        x=[places[point.epsilon] + shift for point in points],
        y=[point.value for point in points],
        mode="lines+markers",
        name=line.label,
        line={"color": colour, "width": 2.5, "dash": line.dash},
        marker={"size": 8, "color": colour},
        error_y={
            "array": [(point.high or point.value) - point.value for point in points],
            "arrayminus": [point.value - (point.low or point.value) for point in points],
            "color": translucent(colour, 0.55),
            "thickness": 1.3,
            "width": 3,
            "visible": bool(known),
        },
        hovertemplate="%{y:.3f}<extra>" + line.label + "</extra>",
    )
    runs = [(places[point.epsilon] + shift, run) for point in points for run in point.runs]
    if runs:
        figure.add_scatter(
            x=[place for place, _ in runs],
            y=[run for _, run in runs],
            mode="markers",
            marker={"size": 5, "color": colour, "symbol": "x-thin-open"},
            name=f"{line.label}: single seeds",
            showlegend=False,
            hovertemplate="%{y:.3f}<extra>one seed</extra>",
        )
