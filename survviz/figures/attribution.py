"""Plotly figures of what the evidence of a case adds to its estimate: by modality, by feature, over time.

Vermillion always points to the worse outcome and blue to the better one, whatever is explained; the side of zero says
whether the explained number goes up or down. The figures know no theme: text and axes take the page's colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from survviz.figures.colours import GREY, HIGH_RISK, LOW_RISK, SIGNED_TABLE, THIS_CASE, colour_table, translucent

if TYPE_CHECKING:
    import plotly.graph_objects as go

MARGIN = {"l": 8, "r": 24, "t": 16, "b": 48}
ROW = 30
"""Height of a row in pixels."""
STRIP_SD = 3.0
REST = "Not accounted for"
SMALLEST_REST = 0.01
"""Share of the bars' lengths below which what is left over is not drawn."""
SHORT, LONGEST = 10, 34
"""Characters of an own value that a scale shows already, and of a row's label."""
SPACE = "\N{NO-BREAK SPACE}"


class Evidence(Protocol):
    """A named piece of evidence, for example `survviz.pipeline.explanation.pieces.Piece`."""

    @property
    def name(self) -> str: ...

    @property
    def value(self) -> float: ...

    @property
    def sd(self) -> float | None: ...

    @property
    def own(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Explained:
    """What is explained, in the words of the figures.

    Attributes:
        target: "risk score", "survival at 36 months".
        baseline: "training mean".
        better_when_higher: survival, not risk.
    """

    target: str
    baseline: str
    better_when_higher: bool = False

    def colour(self, value: float) -> str:
        """Vermillion towards the worse outcome, blue towards the better one."""
        return LOW_RISK if (value > 0) == self.better_when_higher else HIGH_RISK


def signed(value: float, digits: int = 2) -> str:
    """`+0.81`, `−0.03`, `0.00`, with a real minus sign."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text[1:] if float(f"{value:.{digits}f}") == 0 else text


def plain(value: float, digits: int = 2) -> str:
    """`0.81`, `−0.03`, with a real minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def waterfall_figure(pieces: Sequence[Evidence], reference: float, output: float, explained: Explained) -> go.Figure:
    """From the baseline's estimate to the case's, one signed bar per piece; what they leave over is a bar of its own.

    Args:
        pieces: as they are drawn, from top to bottom.
        reference, output: what is explained, of the baseline and of the case.
    """
    import plotly.graph_objects as go

    steps = [(one.name, one.value, one.sd, one.own, explained.colour(one.value)) for one in pieces]
    rest = output - reference - sum(one.value for one in pieces)
    if abs(rest) > SMALLEST_REST * sum(abs(one.value) for one in pieces):
        steps.append((REST, rest, None, "the parts do not add up", GREY))
    ends = [reference, *(reference + sum(step[1] for step in steps[: i + 1]) for i in range(len(steps)))]
    rows = [f"Baseline: {explained.baseline}", *(name for name, *_ in steps), "This case"]
    figure = go.Figure()
    for (name, value, sd, own, colour), start in zip(steps, ends, strict=False):
        spread = "" if sd is None else f" ± {sd:.2f} (SD over models)"
        figure.add_bar(
            y=[name],
            x=[value],
            base=start,
            orientation="h",
            marker_color=colour,
            text=signed(value),
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{name}: {_pushes(value, explained)}{spread}<br>{own}<extra></extra>",
            showlegend=False,
        )
    figure.add_scatter(
        x=[reference, output],
        y=[rows[0], rows[-1]],
        mode="markers+text",
        marker={"color": [GREY, THIS_CASE], "size": 13, "symbol": ["line-ns-open", "diamond"], "line": {"width": 3}},
        text=[f"{SPACE}{plain(reference)}", f"{SPACE}{plain(output)}"],
        textposition="middle right",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        showlegend=False,
    )
    for position, end in enumerate(ends):
        figure.add_shape(
            type="line", x0=end, x1=end, y0=position - 0.5, y1=position + 0.9, line={"color": GREY, "width": 1}
        )
    shown = [*ends, output]
    reach = max(shown) - min(shown) or max(abs(output), 1e-6)
    figure.update_xaxes(
        title=explained.target.capitalize(),
        range=[min(shown) - 0.16 * reach, max(shown) + 0.2 * reach],
        zeroline=False,
    )
    figure.update_yaxes(categoryorder="array", categoryarray=rows, autorange="reversed", automargin=True)
    figure.update_layout(height=70 + ROW * 1.25 * len(rows), margin=MARGIN, bargap=0.35, barmode="overlay")
    return figure


def feature_figure(
    pieces: Sequence[Evidence],
    explained: Explained,
    standing: Mapping[str, float] | None = None,
) -> go.Figure:
    """Signed bars of single features, and beside them where the patient's own value stands among the training cases.

    Args:
        pieces: from top to bottom; a name appears once.
        standing: name -> SD from the training mean; a feature without one shows its own value in words.
    """
    from plotly.subplots import make_subplots

    places = {one.name: (standing or {}).get(one.name) for one in pieces}
    wide = any(place is not None for place in places.values())
    figure = make_subplots(1, 2, shared_yaxes=True, column_widths=[0.64, 0.36] if wide else [0.99, 0.01])
    labels = {one.name: _label(one, places[one.name]) for one in pieces}
    values = [one.value for one in pieces]
    figure.add_bar(
        y=[labels[one.name] for one in pieces],
        x=values,
        orientation="h",
        marker_color=[explained.colour(value) for value in values],
        error_x={"array": [one.sd or 0.0 for one in pieces], "color": GREY, "thickness": 1.2, "width": 3},
        customdata=[[one.name, _pushes(one.value, explained), one.own] for one in pieces],
        hovertemplate="%{customdata[0]}: %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        showlegend=False,
        row=1,
        col=1,
    )
    figure.update_xaxes(
        title=f"Pushes the {explained.target} down | up", zeroline=True, zerolinecolor=GREY, side="top", col=1
    )
    if wide:
        _draw_strip(figure, pieces, labels, places)
    else:
        figure.update_xaxes(visible=False, col=2)
    figure.update_yaxes(categoryorder="array", categoryarray=list(labels.values()), autorange="reversed")
    figure.update_yaxes(automargin=True, col=1)
    figure.update_layout(height=80 + 0.87 * ROW * max(len(pieces), 2), margin=MARGIN | {"t": 56, "b": 8}, bargap=0.35)
    return figure


def _draw_strip(
    figure: Any, pieces: Sequence[Evidence], labels: Mapping[str, str], places: Mapping[str, float | None]
) -> None:
    """Grey where two thirds, and 95 %, of normal training values lie; a diamond where this patient's value does."""
    known = [(one, place) for one in pieces if (place := places[one.name]) is not None]
    figure.add_scatter(
        y=[labels[one.name] for one, _ in known],
        x=[float(np.clip(place, -STRIP_SD, STRIP_SD)) for _, place in known],
        mode="markers",
        marker={"color": THIS_CASE, "symbol": "diamond", "size": 10},
        customdata=[[one.name, one.own, signed(place, 1)] for one, place in known],
        hovertemplate="%{customdata[0]}: %{customdata[1]}<br>%{customdata[2]} SD from the training mean<extra></extra>",
        showlegend=False,
        row=1,
        col=2,
    )
    for reach, alpha in ((2, 0.16), (1, 0.22)):
        figure.add_vrect(
            x0=-reach, x1=reach, fillcolor=translucent(GREY, alpha), line_width=0, layer="below", row=1, col=2
        )
    ticks = [-3, -2, -1, 0, 1, 2, 3]
    figure.update_xaxes(
        title="Own value, SD",
        side="top",
        range=[-STRIP_SD - 0.3, STRIP_SD + 0.3],
        tickvals=ticks,
        ticktext=[str(tick).replace("-", "−") for tick in ticks],
        zeroline=False,
        showgrid=False,
        row=1,
        col=2,
    )


def heat_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    values: NDArray[np.float64],
    *,
    title: str,
    reach: float | None = None,
    hover: str = "%{y}, %{x}: %{z:+.2f}",
) -> go.Figure:
    """Signed numbers as a table of colours, violet below 0 and orange above, each with its number.

    Args:
        values: (rows, columns); NaN = not known.
        title: of the colour bar; without one there is none, since each cell has its number.
        reach: what the strongest colours stand for; default the largest |value|.
    """
    import plotly.graph_objects as go

    values = np.asarray(values, dtype=np.float64)
    most = reach or (float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0) or 1.0
    text = [["" if np.isnan(value) else signed(value) for value in row] for row in values]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(columns),
            y=list(rows),
            zmin=-most,
            zmax=most,
            colorscale=_signed_scale(),
            text=text,
            texttemplate="%{text}",
            hovertemplate=f"{hover}<extra></extra>",
            hoverongaps=False,
            xgap=2,
            ygap=2,
            showscale=bool(title),
            colorbar={"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0},
        )
    )
    figure.update_xaxes(showgrid=False, zeroline=False, automargin=True, side="top", ticks="")
    figure.update_yaxes(showgrid=False, zeroline=False, automargin=True, autorange="reversed", ticks="")
    figure.update_layout(height=90 + ROW * max(len(rows), 4), margin=MARGIN | {"t": 40, "b": 12, "r": 8})
    return figure


def _label(one: Evidence, place: float | None) -> str:
    """Name of a feature, with its value where that is short, or where no scale shows it."""
    if not one.own or (place is not None and len(one.own) > SHORT):
        return one.name
    text = f"{one.name}: {one.own}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _pushes(value: float, explained: Explained) -> str:
    way = "up" if value > 0 else "down"
    return f"pushes the {explained.target} {way} by {abs(value):.3g}"


def _signed_scale() -> list[tuple[float, str]]:
    table = colour_table(SIGNED_TABLE)
    at = np.linspace(0, 255, 17).round().astype(int)
    return [(float(i / 255), f"rgb({r},{g},{b})") for i, (r, g, b) in zip(at, table[at].tolist(), strict=True)]
