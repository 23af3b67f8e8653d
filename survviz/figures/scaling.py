"""Values of a map -> positions on a colour bar.

The default is log2 of *times uniform* clipped to +-4: a flat map then looks flat. Percentiles always paint a tenth of
the patches hot, whatever the map; they are offered under their own name.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from survviz.errors import UnknownNameError
from survviz.types import PatchScores

Scale: TypeAlias = Literal["log2", "linear", "percentile"]

CLIP = 4.0
"""log2 of times uniform is shown between 1/16 and 16."""

SCALE_LABELS: dict[str, str] = {
    "log2": "attention, times uniform (log scale)",
    "linear": "attention, times uniform",
    "percentile": "rank among the patches (percentile; always shows a hottest tenth)",
}


def percentiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share (0 to 1) of the other values that lie below each value; ties share the mean of their ranks."""
    if values.size == 1:
        return np.array([0.5])
    order = np.sort(values)
    below = np.searchsorted(order, values, side="left")
    up_to = np.searchsorted(order, values, side="right")
    return (below + up_to - 1) / 2 / (values.size - 1)


def colour_positions(scores: PatchScores, scale: Scale = "log2") -> NDArray[np.float64]:
    """(N,) position of each patch on the colour bar, 0 to 1.

    Raises:
        UnknownNameError: no such scale.
    """
    fold = scores.fold_over_uniform
    if scale == "percentile":
        return percentiles(fold)
    if scale == "linear":
        return np.clip(fold / max(float(fold.max(initial=0.0)), np.finfo(float).tiny), 0, 1)
    if scale == "log2":
        floor = 2.0 ** (-CLIP)
        return (np.clip(np.log2(np.maximum(fold, floor)), -CLIP, CLIP) + CLIP) / (2 * CLIP)
    raise UnknownNameError("colour scale", scale, get_args(Scale))


def colour_bar_ticks(scores: PatchScores, scale: Scale = "log2") -> list[tuple[float, str]]:
    """(position, label) of the numbers beside the colour bar."""
    if scale == "percentile":
        return [(p / 100, f"{p} %") for p in (0, 25, 50, 75, 100)]
    if scale == "linear":
        top = float(scores.fold_over_uniform.max(initial=0.0))
        return [(share, f"{share * top:.3g}×") for share in (0.0, 0.5, 1.0)]
    return [(0.0, "≤1/16×"), (0.25, "1/4×"), (0.5, "1×"), (0.75, "4×"), (1.0, "≥16×")]
