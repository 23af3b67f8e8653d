"""What a map of patches says of a region: share of attention against share of area, or difference of means.

With a_i the value of patch i, w_i the share of it that lies in the region, and N patches:

    share of attention = sum(a w) / sum(a)     share of area = sum(w) / N     enrichment = their ratio

so that 1 = as much as any other tissue of the slide. The area is that of the slide's patches, not of its glass. A
signed map (contribution, disagreement) has no shares; there the mean inside is compared with the mean outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.outcomes import UndefinedMetricError, check_same_length

SMALLEST_COVER = 1e-9


@dataclass(frozen=True, slots=True)
class Enrichment:
    """A region under one map.

    Attributes:
        area: in patches; parts of patches count as parts.
        share_of_area: of the patches that have a value.
        mean_inside: mean value in the region.
        mean_outside: mean value of the rest; None when there is no rest.
        share_of_map: of the sum of the map; None for a signed map.
        enrichment: share of the map / share of area; None for a signed map.
        n_without_value: patches without a value, which are left out.
    """

    area: float
    share_of_area: float
    mean_inside: float
    mean_outside: float | None
    share_of_map: float | None
    enrichment: float | None
    n_without_value: int

    @property
    def difference(self) -> float | None:
        """Mean inside - mean outside."""
        return None if self.mean_outside is None else self.mean_inside - self.mean_outside


def enrichment(values: ArrayLike, cover: ArrayLike, *, signed: bool = False) -> Enrichment:
    """A region under one map.

    Args:
        values: (N,) one per patch; NaN = no value.
        cover: (N,) share of each patch that lies in the region, from 0 to 1.
        signed: the map has a sign; shares have no meaning.

    Raises:
        UndefinedMetricError: the region holds no patch with a value, or the map is zero everywhere.
        InputError: different lengths, a cover beyond 0 to 1, or a negative value in a map without sign.
    """
    value, share = np.asarray(values, np.float64), np.asarray(cover, np.float64)
    check_same_length(values=value, cover=share)
    check_map(value, signed)
    if len(share) and not (share.min() >= 0 and share.max() <= 1):
        raise InputError(f"The cover of patches runs from {share.min():g} to {share.max():g}; expected shares, 0 to 1.")
    known = np.isfinite(value)
    value, share, n_without = value[known], share[known], int((~known).sum())
    area, total = float(share.sum()), float(value.sum())
    if area <= SMALLEST_COVER:
        raise UndefinedMetricError(
            "The region covers no patch of the map. Draw it on tissue that was cut into patches."
        )
    outside = len(value) - area
    inside = float(value @ share)
    mean_outside = (total - inside) / outside if outside > SMALLEST_COVER else None
    part = area / len(value)
    if signed:
        return Enrichment(area, part, inside / area, mean_outside, None, None, n_without)
    if total <= 0:
        raise UndefinedMetricError("The map is zero on every patch of this slide, so no region has a share of it.")
    return Enrichment(area, part, inside / area, mean_outside, inside / total, inside / total / part, n_without)


def check_map(values: NDArray[np.float64], signed: bool) -> None:
    """Raise InputError for a map that is not (N,), or negative without being signed."""
    if values.ndim != 1:
        raise InputError(f"A map of shape {values.shape} was given; expected one value per patch.")
    if not signed and np.any(values < 0):
        raise InputError(
            f"The map has {int((values < 0).sum())} negative values (lowest {np.nanmin(values):g}); "
            "a share needs values of 0 or more. Compare means instead (signed)."
        )
