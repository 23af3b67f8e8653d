"""Kaplan-Meier curves of groups with limits, censor ticks, and the numbers at risk in line with the ticks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from survviz.evaluation import KaplanMeier, RiskTable
from survviz.figures.colours import GREY, HIGH_RISK, LOW_RISK, translucent

if TYPE_CHECKING:
    import plotly.graph_objects as go

MIDDLE = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6BB3", "#8C6D31", "#5F6B6D")
"""Okabe and Ito's other colours, for groups between the lowest and the highest risk and for categories."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
ROW_HEIGHT = 34
MOST_DRAWN, MOST_MARKED = 1000, 250
"""Corners of a line, and marks: a browser draws a line as one path, but every mark as an element of its own."""
UNSEEN = {"color": "rgba(0, 0, 0, 0)", "size": 10}
"""Marks on a curve that make it clickable: plotly selects no bare line."""
COUNTED = "Number at risk at the start of each interval (events until then)"


class GroupCurve(Protocol):
    """One group as it is drawn: anything with these."""

    @property
    def name(self) -> str: ...

    @property
    def curve(self) -> KaplanMeier:
        """With limits."""
        ...

    @property
    def counts(self) -> RiskTable:
        """At the ticks of the axis; the same ticks in all groups."""
        ...


def group_colours(n: int) -> tuple[str, ...]:
    """Blue for the first of two groups and vermilion for the last; others between, distinct for the colour-blind."""
    return (LOW_RISK,) if n == 1 else (LOW_RISK, *MIDDLE[: n - 2], HIGH_RISK)


def censored_at(curve: KaplanMeier) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where follow-up ends without an event: times and S there."""
    rows = curve.n_censored > 0
    return curve.times[rows], curve.survival[rows]


def thinned(times: NDArray[np.float64], most: int = MOST_DRAWN) -> NDArray[np.int64]:
    """Rows of ascending times that are drawn: all, or of more than `most` the first, and the last in each 1 / most."""
    if len(times) <= most:
        return np.arange(len(times))
    place = np.floor(times / times[-1] * most)
    return np.union1d(0, np.flatnonzero(np.diff(place, append=np.inf) > 0))


def kaplan_meier_figure(
    groups: Sequence[GroupCurve],
    *,
    endpoint: str = "",
    limits: bool = True,
    note: str = "",
    landmark: float | None = None,
    height: int = 430,
) -> go.Figure:
    """Curves above, one row of counts per group below, on one axis.

    Args:
        groups: the first is the reference.
        endpoint: what survival means, for the axis ("OS").
        note: lines in the upper right corner, for example the log-rank p.
        landmark: months from which curves start.
    """
    from plotly.subplots import make_subplots

    table = ROW_HEIGHT * len(groups) + 20
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=64 / (height + table),
        row_heights=[height, table], specs=[[{}], [{}]],
    )  # fmt: skip
    for index, (group, colour) in enumerate(zip(groups, group_colours(len(groups)), strict=True)):
        _draw_group(figure, group, colour, DASHES[index % len(DASHES)], limits)
    _draw_counts(figure, groups)
    ticks = groups[0].counts.times
    end = max(float(one.curve.times[-1]) for one in groups)
    pad = 0.04 * end
    figure.update_xaxes(range=[(landmark or 0) - pad, end + pad], tickvals=ticks, showgrid=False, zeroline=False)
    figure.update_xaxes(title="Months", title_standoff=10, showticklabels=True, row=1, col=1)
    figure.update_xaxes(showticklabels=False, ticks="", row=2, col=1)
    what = f"{endpoint}: share without event" if endpoint else "Share without event"
    figure.update_yaxes(title=what, range=[0, 1.02], tickformat=".0%", row=1, col=1)
    if landmark:
        figure.add_vline(x=landmark, line={"color": GREY, "dash": "dot", "width": 1}, row=1, col=1)  # pyright: ignore[reportArgumentType]
    if note:
        figure.add_annotation(
            text=note.replace("\n", "<br>"), xref="x domain", yref="y domain", x=1, y=1, xanchor="right", yanchor="top",
            showarrow=False, align="right",
        )  # fmt: skip
    figure.update_layout(
        height=height + table + 60, margin={"l": 8, "r": 8, "t": 36, "b": 8}, hovermode="closest",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}, dragmode=False,
    )  # fmt: skip
    return figure


def _draw_group(figure: go.Figure, group: GroupCurve, colour: str, dash: str, limits: bool) -> None:
    curve, place = group.curve, {"row": 1, "col": 1, "legendgroup": group.name}
    rows = thinned(curve.times)
    if limits:
        known = rows[~np.isnan(curve.ci_low[rows])]
        edge = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, "showlegend": False, "hoverinfo": "skip"}
        figure.add_scatter(x=curve.times[known], y=curve.ci_high[known], **edge, **place)
        figure.add_scatter(
            x=curve.times[known], y=curve.ci_low[known], fill="tonexty", fillcolor=translucent(colour, 0.16), **edge,
            **place,
        )  # fmt: skip
    limits_text = [
        "" if np.isnan(low) else f"{low:.0%} to {high:.0%}"
        for low, high in zip(curve.ci_low[rows], curve.ci_high[rows], strict=True)
    ]
    figure.add_scatter(
        x=curve.times[rows], y=curve.survival[rows], mode="lines+markers",
        name=f"{escape(group.name)} (n = {curve.n_cases:,})",
        line={"color": colour, "dash": dash, "shape": "hv", "width": 2.2},
        marker={**UNSEEN, "maxdisplayed": MOST_MARKED},
        selected={"marker": UNSEEN}, unselected={"marker": UNSEEN},
        customdata=np.column_stack([curve.at_risk[rows], limits_text]),
        hovertemplate=f"<b>{escape(group.name)}</b><br>%{{x:.1f}} months: %{{y:.0%}} (%{{customdata[1]}})<br>"
        "%{customdata[0]} at risk<extra></extra>",
        **place,
    )  # fmt: skip
    x, y = censored_at(curve)
    shown = thinned(x, MOST_MARKED)
    figure.add_scatter(
        x=x[shown], y=y[shown], mode="markers", showlegend=False, hoverinfo="skip",
        marker={"symbol": "line-ns", "size": 7, "line": {"width": 1.2, "color": colour}},
        unselected={"marker": {"opacity": 1}}, **place,
    )  # fmt: skip


def _draw_counts(figure: go.Figure, groups: Sequence[GroupCurve]) -> None:
    """One text per tick and group, at the tick's own place on the axis."""
    colours = group_colours(len(groups))
    for row, group in enumerate(groups):
        words = [
            f"{n:,}<br><span style='font-size:10px'>({events:,})</span>"
            for n, events in zip(group.counts.at_risk, group.counts.n_events, strict=True)
        ]
        figure.add_scatter(
            x=group.counts.times, y=[-row] * len(words), mode="text", text=words,
            textfont={"size": 12}, showlegend=False, hoverinfo="skip", cliponaxis=False, row=2, col=1,
        )  # fmt: skip
    figure.update_yaxes(
        range=[-len(groups) + 0.4, 0.7], tickvals=[-row for row in range(len(groups))], showgrid=False, zeroline=False,
        ticktext=[f"<span style='color:{colour}'>{escape(one.name)}</span>"
                  for one, colour in zip(groups, colours, strict=True)],
        automargin=True, row=2, col=1,
    )  # fmt: skip
    figure.add_annotation(
        text=COUNTED, xref="x2 domain", yref="y2 domain", x=0, y=1, xanchor="left", yanchor="bottom", showarrow=False,
        font={"size": 12},
    )  # fmt: skip
