"""Every case of a cohort as one dot per feature: how far the feature pushes, coloured by the patient's own value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survviz.figures.attribution import MARGIN, STRIP_SD
from survviz.figures.colours import GREY, THIS_CASE

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROW = 44
BINS = 60
HALF = 0.38
"""Of a row's height that the widest part of a swarm takes on each side."""
LOW_VALUE, HIGH_VALUE = "#8E5BD0", "#E6A100"
"""Not the colours of worse and better, which say something else on the same page."""


@dataclass(frozen=True, slots=True)
class Swarm:
    """One feature over a cohort.

    Attributes:
        values: (n,) what it adds for each case.
        standing: (n,) the cases' own values in SD from their mean; NaN where a value has no place on a scale.
        cases: (n,) their names.
        own: (n,) their own values in words; () where none are known.
        marked: what it adds for the case that is open; None where it has none.
    """

    name: str
    values: NDArray[np.float64]
    standing: NDArray[np.float64]
    cases: Sequence[str]
    own: Sequence[str] = ()
    marked: float | None = None


def swarm_offsets(values: NDArray[np.float64], bins: int = BINS) -> NDArray[np.float64]:
    """(n,) sideways places, -1 to 1, so that dots of about the same value lie beside each other; in a fixed order."""
    values = np.asarray(values, dtype=np.float64)
    offsets = np.zeros(len(values))
    if len(values) < 2 or np.ptp(values) == 0:
        return np.linspace(-1, 1, len(values)) if len(values) > 1 else offsets
    at = np.minimum((bins * (values - values.min()) / np.ptp(values)).astype(int), bins - 1)
    most = np.bincount(at).max()
    for one in np.unique(at):
        inside = np.flatnonzero(at == one)
        inside = inside[np.argsort(values[inside], kind="stable")]
        places = np.arange(len(inside)) - (len(inside) - 1) / 2
        offsets[inside] = 2 * places / max(most - 1, 1)
    return offsets


def beeswarm_figure(swarms: Sequence[Swarm], *, target: str = "risk score") -> go.Figure:
    """Features from top to bottom, as given; cases without a place on the scale are grey, the open one a diamond."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for row, swarm in enumerate(swarms):
        known = np.isfinite(swarm.standing)
        heights = row + HALF * swarm_offsets(swarm.values)
        texts = list(zip(swarm.cases, swarm.own or [""] * len(swarm.cases), strict=True))
        for part, marker in (
            (~known, {"color": GREY, "size": 5, "opacity": 0.7}),
            (known, {"color": swarm.standing[known], "coloraxis": "coloraxis", "size": 5, "opacity": 0.85}),
        ):
            if not part.any():
                continue
            figure.add_scatter(
                x=swarm.values[part],
                y=heights[part],
                mode="markers",
                marker=marker,
                customdata=[text for text, inside in zip(texts, part, strict=True) if inside],
                hovertemplate=f"%{{customdata[0]}}, {swarm.name}: %{{x:+.3f}}<br>%{{customdata[1]}}<extra></extra>",
                showlegend=False,
            )
    marked = [(row, one.marked) for row, one in enumerate(swarms) if one.marked is not None]
    if marked:
        figure.add_scatter(
            x=[value for _, value in marked],
            y=[row for row, _ in marked],
            mode="markers",
            marker={"color": THIS_CASE, "symbol": "diamond", "size": 11, "line": {"color": "white", "width": 1}},
            hovertemplate="This case: %{x:+.3f}<extra></extra>",
            showlegend=False,
        )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    figure.update_xaxes(title=f"Pushes the {target} down | up", zeroline=False)
    figure.update_yaxes(
        tickvals=list(range(len(swarms))),
        ticktext=[swarm.name for swarm in swarms],
        range=[len(swarms) - 0.5, -0.5],
        automargin=True,
        showgrid=False,
        zeroline=False,
    )
    figure.update_layout(
        height=120 + ROW * max(len(swarms), 2),
        margin=MARGIN | {"t": 56},
        coloraxis={
            "colorscale": [(0.0, LOW_VALUE), (0.5, GREY), (1.0, HIGH_VALUE)],
            "cmin": -STRIP_SD,
            "cmax": STRIP_SD,
            "colorbar": {
                "title": {"text": "Own value, SD from the mean", "side": "top"},
                "orientation": "h",
                "thickness": 8,
                "len": 0.6,
                "y": 1,
                "yanchor": "bottom",
                "outlinewidth": 0,
            },
        },
    )
    return figure
