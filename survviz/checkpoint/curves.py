"""From a model's output to survival curves: between the edges of its bins, or by its baseline hazard."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.data.bins import TimeBins
from survviz.evaluation import BreslowBaseline, survival_at
from survviz.types import Output

HORIZONS_MONTHS = (12.0, 36.0, 60.0)
"""Where survival is stated in numbers: 1, 3 and 5 years."""


def curve_knots(bins: TimeBins, baseline: BreslowBaseline | None) -> NDArray[np.float64]:
    """Times (months) between which the curve of a fold has no bend: edges of its bins, or steps of its baseline."""
    return np.asarray(bins.edges if baseline is None else baseline.times, dtype=np.float64)


def survival_curves(
    output: Output, times: ArrayLike, bins: TimeBins, baseline: BreslowBaseline | None
) -> NDArray[np.float64]:
    """(B, T) S(t) of every case of a batch; NaN beyond the follow-up of the training part.

    Args:
        times: (T,) months.
        baseline: of a log-hazard model; None for a discrete-time model.
    """
    if baseline is None:
        return survival_at(times, curve_knots(bins, None), output.survival.double().cpu().numpy())
    return baseline.survival(output.risk.double().cpu().numpy(), times)
