"""What every cut-off would have said: the statistic over cut-offs, with the one that was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import special

from survviz.evaluation import BestCutoff
from survviz.figures.colours import GREY, HIGH_RISK, LOW_RISK

if TYPE_CHECKING:
    import plotly.graph_objects as go


def cutpoint_figure(found: BestCutoff, *, height: int = 240) -> go.Figure:
    """|z| of every cut-off; dashed, what 5 % would be for one cut-off that was fixed beforehand."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=found.cutoffs, y=abs(found.statistics), mode="lines", line={"color": LOW_RISK, "width": 1.8},
        hovertemplate="cut-off %{x:.3g}: |z| = %{y:.2f}<extra></extra>", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=[found.cutoff], y=[found.statistic], mode="markers", marker={"color": HIGH_RISK, "size": 10},
        hovertemplate="best: %{x:.4g}<extra></extra>", showlegend=False,
    )  # fmt: skip
    figure.add_hline(
        y=float(special.ndtri(0.975)), line={"color": GREY, "dash": "dash", "width": 1},
        annotation={"text": "5 % if fixed beforehand", "font": {"color": GREY, "size": 11}},
        annotation_position="bottom right",
    )  # fmt: skip
    figure.update_xaxes(title="Cut-off of the risk", showgrid=False, zeroline=False)
    figure.update_yaxes(title="|z| (log-rank)", rangemode="tozero")
    figure.update_layout(height=height, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    return figure
