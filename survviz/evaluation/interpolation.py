"""Survival between the edges of a discrete-time model's bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError


def survival_at(times: ArrayLike, edges: ArrayLike, survival: ArrayLike) -> NDArray[np.float64]:
    """S(t), linear between bin edges, from S(0) = 1; NaN beyond the last edge, because nothing was observed there.

    Args:
        times: (T,) months, 0 or more.
        edges: (K + 1,) bin edges in months; the first is the start of the first bin and carries no value.
        survival: (..., K) survival at the end of each bin.

    Returns:
        (..., T)

    Raises:
        InputError: edges are not increasing, or their number does not fit.
    """
    asked = np.asarray(times, dtype=np.float64)
    knots = np.asarray(edges, dtype=np.float64)
    values = np.asarray(survival, dtype=np.float64)
    if values.ndim == 0 or len(knots) != values.shape[-1] + 1:
        raise InputError(f"{len(knots)} bin edges were given for survival of shape {values.shape}; expected K + 1.")
    if not (np.diff(knots) > 0).all() or knots[1] <= 0:
        raise InputError(f"Bin edges must increase and end after 0; given {knots.tolist()}.")
    if np.isnan(asked).any() or (asked < 0).any():
        raise InputError("Survival was asked at a negative or missing time.")
    knots = np.concatenate([[0.0], knots[1:]])
    values = np.concatenate([np.ones((*values.shape[:-1], 1)), values], axis=-1)
    bin_of = np.clip(np.searchsorted(knots, asked, side="left"), 1, len(knots) - 1)
    share = (asked - knots[bin_of - 1]) / (knots[bin_of] - knots[bin_of - 1])
    between = values[..., bin_of - 1] * (1 - share) + values[..., bin_of] * share
    return np.where(asked <= knots[-1], between, np.nan)
