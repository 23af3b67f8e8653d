"""Figures of the privacy page: odds of an attacker, what a release leaves open, shares of epsilon, noise without end.

Two colours that are never mixed: one for the patient entered now, one for the patients of the training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from survviz.figures.colours import GREY, THIS_CASE, translucent
from survviz.figures.survival import MARGIN

if TYPE_CHECKING:
    import plotly.graph_objects as go

SESSION = "#0072B2"
TRAINING = "#009E73"
OPEN_ENDED = "#D55E00"
"""Of what has no finite epsilon."""
LEGEND = {"orientation": "h", "y": -0.24, "x": 0}
DOT = 13
HORIZON_ROOM = 1.02


@dataclass(frozen=True, slots=True)
class Shares:
    """One way of dealing epsilon.

    Attributes:
        label: in the legend.
        epsilons: coordinate -> its epsilon.
        open_ended: whether no finite epsilon holds, whatever the numbers say.
    """

    label: str
    epsilons: Mapping[str, float]
    open_ended: bool = False


def odds_figure(guess: float) -> go.Figure:
    """A hundred guesses about one of two values: half are right by tossing a coin, some more by the release.

    Args:
        guess: largest share of right answers, 0.5 to 1.
    """
    import plotly.graph_objects as go

    right = min(100, round(100 * guess))
    groups = (
        ("right by a coin", 0, 50, GREY, "circle"),
        ("right by what was released", 50, right, SESSION, "circle"),
        ("wrong", right, 100, GREY, "circle-open"),
    )
    figure = go.Figure()
    for name, start, stop, colour, symbol in groups:
        at = np.arange(start, stop)
        figure.add_scatter(
            x=at % 20,
            y=-(at // 20),
            mode="markers",
            marker={"color": colour, "size": DOT, "symbol": symbol, "opacity": 0.9},
            name=f"{name}: {stop - start}",
            hoverinfo="name",
        )
    figure.update_xaxes(visible=False, range=[-0.8, 19.8])
    figure.update_yaxes(visible=False, range=[-4.8, 0.8])
    figure.update_layout(height=170, margin={"l": 0, "r": 0, "t": 4, "b": 4}, legend={"orientation": "h", "y": -0.02})
    return figure


def received_figure(
    times: Float[NDArray, " T"],
    survival: Float[NDArray, "3 T"],
    own: tuple[Float[NDArray, " T"], Float[NDArray, " T"]],
    *,
    risk: tuple[float, float, float],
    months: float,
    height: int = 380,
) -> go.Figure:
    """What the receiver of a release can say about survival, over the curve that stays on this machine.

    Args:
        times, survival: 5 %, 50 % and 95 % quantiles over plausible records; empty where only the risk was released.
        own: times and S(t) of the record without noise.
        risk: median, 5 % and 95 % of the risk of death.
        months: horizon of the risk.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=own[0],
        y=own[1],
        mode="lines",
        name="Without noise (stays on this machine)",
        line={"color": GREY, "width": 2.5, "dash": "dash"},
        hovertemplate="%{x:.0f} months: %{y:.0%}<extra>without noise</extra>",
    )
    if len(times):
        _band(figure, times, survival)
    else:
        middle, low, high = (1 - value for value in risk)
        figure.add_scatter(
            x=[months],
            y=[middle],
            mode="markers",
            error_y={"array": [low - middle], "arrayminus": [middle - high], "color": THIS_CASE, "width": 8},
            marker={"color": THIS_CASE, "size": 11},
            name="From the release (90 % of what it leaves plausible)",
            hovertemplate="%{x:.0f} months: %{y:.0%}<extra>from the release</extra>",
        )
    figure.update_xaxes(title="Months", rangemode="tozero", dtick=12, showgrid=False)
    figure.update_yaxes(title="Estimated survival", range=[0, HORIZON_ROOM], tickformat=".0%")
    figure.update_layout(height=height, margin=MARGIN, legend=LEGEND)
    return figure


def shares_of_epsilon_figure(ways: Sequence[Shares]) -> go.Figure:
    """Epsilon of every coordinate under each way of dealing it."""
    import plotly.graph_objects as go

    colours = (GREY, SESSION, OPEN_ENDED)
    figure = go.Figure()
    for way in ways:
        figure.add_bar(
            y=list(way.epsilons),
            x=list(way.epsilons.values()),
            orientation="h",
            name=way.label,
            marker={
                "color": OPEN_ENDED if way.open_ended else colours[list(ways).index(way)],
                "pattern_shape": "/" if way.open_ended else "",
            },
            hovertemplate="%{y}: epsilon %{x:.2f}<extra>" + way.label + "</extra>",
        )
    count = len(ways[0].epsilons)
    figure.update_xaxes(title="Epsilon of this coordinate", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    figure.update_layout(
        height=130 + (14 + 14 * len(ways)) * count, margin=MARGIN | {"l": 8}, legend=LEGEND, bargap=0.35
    )
    return figure


def loss_figure(
    recipe: Callable[[float], float], correct: Callable[[float], float], *, epsilon: float, reach: float = 40.0
) -> go.Figure:
    """How much one noised output tells about 0 against 1: without end by the recipe, at most epsilon by public shares.

    Args:
        recipe, correct: output -> log-likelihood ratio.
        reach: outputs shown, on both sides.
    """
    import plotly.graph_objects as go

    outputs = np.linspace(-reach, reach, 401)
    figure = go.Figure()
    figure.add_hrect(y0=-epsilon, y1=epsilon, fillcolor=translucent(SESSION, 0.12), line_width=0)
    for name, loss, colour in (
        ("Noise by this patient's relevance: no bound", recipe, OPEN_ENDED),
        (f"Noise with public shares: within ±{epsilon:g}", correct, SESSION),
    ):
        figure.add_scatter(
            x=outputs,
            y=[loss(float(value)) for value in outputs],
            mode="lines",
            name=name,
            line={"color": colour, "width": 2.5},
            hovertemplate="output %{x:.0f}: log-odds %{y:.1f}<extra></extra>",
        )
    figure.update_xaxes(title="Noised output (the true value is 0 or 1)", zeroline=False)
    figure.update_yaxes(title="Log-odds that it gives away", zeroline=False)
    figure.update_layout(height=300, margin=MARGIN, legend=LEGEND | {"y": -0.3})
    return figure


def _band(figure: go.Figure, times: Float[NDArray, " T"], survival: Float[NDArray, "3 T"]) -> None:
    low, middle, high = survival
    for values, fill in ((high, None), (low, "tonexty")):
        figure.add_scatter(
            x=times,
            y=values,
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=translucent(THIS_CASE, 0.25),
            name="90 % of the records that the release leaves plausible",
            showlegend=fill is not None,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=times,
        y=middle,
        mode="lines",
        name="From the release (median)",
        line={"color": THIS_CASE, "width": 3},
        hovertemplate="%{x:.0f} months: %{y:.0%}<extra>from the release</extra>",
    )
