"""Live curves of a training run: losses above, the C-index of the inner validation part below, a colour per fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

FOLDS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
DASHES = {"train_loss": "dot", "validation_loss": "solid"}
WORDS = {"train_loss": "training", "validation_loss": "validation"}


def training_figure(epochs: Mapping[int, Sequence[Mapping[str, Any]]]) -> go.Figure:
    """What every epoch so far gave.

    Args:
        epochs: fold (from 0) -> records of the run log, in order.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.55, 0.45])
    for fold, records in sorted(epochs.items()):
        colour = FOLDS[fold % len(FOLDS)]
        at = [record["epoch"] for record in records]
        for name, dash in DASHES.items():
            figure.add_scatter(
                x=at, y=[record[name] for record in records], mode="lines", row=1, col=1,
                line={"color": colour, "dash": dash, "width": 1.8}, legendgroup=str(fold),
                name=f"Fold {fold + 1}", showlegend=name == "validation_loss",
                hovertemplate=f"fold {fold + 1}, {WORDS[name]} loss<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=at, y=[record["validation_c_index"] for record in records], mode="lines", row=2, col=1,
            line={"color": colour, "width": 1.8}, legendgroup=str(fold), showlegend=False,
            hovertemplate=f"fold {fold + 1}<br>epoch %{{x}}: C %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    figure.add_hline(y=0.5, line={"color": "#8A8F98", "dash": "dot", "width": 1}, row=2, col=1)  # type: ignore[arg-type]
    figure.update_xaxes(title="Epoch", row=2, col=1)
    figure.update_yaxes(title="Loss (dotted: training)", row=1, col=1)
    figure.update_yaxes(title="C, inner validation", row=2, col=1)
    figure.update_layout(
        height=460, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"orientation": "h", "y": 1.06}
    )
    return figure
