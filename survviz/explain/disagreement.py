"""Where a model looks but nothing moves, or does not look and the risk moves: ranks of two maps against each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError


def percentile_ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., N) values -> ranks along the last axis, within (0, 1): share of values below, ties sharing their ranks."""
    n = values.shape[-1]
    rows = values.reshape(-1, n)
    ranks = np.empty(rows.shape)
    for row, rank in zip(rows, ranks, strict=True):
        _, at, counts = np.unique(row, return_inverse=True, return_counts=True)
        rank[:] = (np.cumsum(counts) - counts / 2)[at] / n
    return ranks.reshape(values.shape)


def disagreement(attention: NDArray[np.floating], contributions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Percentile rank of attention minus that of the size of the contribution, along the last axis; within (-1, 1).

    Above 0: looked at more than it matters. Below 0: it matters more than it is looked at.

    Args:
        attention: (..., N) of all patches of a case.
        contributions: (..., N) signed, of the same patches.

    Raises:
        InputError: the maps are of different patches.
    """
    if attention.shape != contributions.shape:
        raise InputError(f"Maps of shape {attention.shape} and {contributions.shape} were given; expected one shape.")
    return percentile_ranks(attention) - percentile_ranks(np.abs(contributions))
