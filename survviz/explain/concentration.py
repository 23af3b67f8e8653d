"""How concentrated a map is: read-outs that stand beside every heatmap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError

FLAT_SHARE = 0.9
"""A map whose effective number of patches exceeds this share of all patches is called almost flat."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """Read-outs of one map.

    Attributes:
        n_patches: number of patches.
        effective: exp(entropy), the number of patches that a uniform map of equal entropy would have.
        top_1_percent: share of the attention held by the top 1 % of the patches (at least one patch).
        flat: whether the colours show tiny differences only.
    """

    n_patches: int
    effective: float
    top_1_percent: float
    flat: bool


def concentration(values: NDArray[np.float64]) -> Concentration:
    """Summarise a map of non-negative values (N,), of one patient or one slide.

    Raises:
        InputError: the map is empty, negative, not finite, or zero everywhere.
    """
    if values.size == 0 or not np.isfinite(values).all() or (values < 0).any() or values.sum() == 0:
        raise InputError("A map needs at least one patch, finite non-negative values and a positive sum.")
    share = values / values.sum()
    positive = share[share > 0]
    effective = math.exp(-(positive * np.log(positive)).sum())
    top = np.sort(share)[::-1][: max(1, round(0.01 * share.size))]
    return Concentration(
        n_patches=share.size,
        effective=effective,
        top_1_percent=float(top.sum()),
        flat=effective > FLAT_SHARE * share.size,
    )
