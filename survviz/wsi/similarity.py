"""Patches that look alike to an encoder: cosine similarity of standardised features, with room between the results.

Without standardising, the cosine of two patches of one encoder is close to 1 for any two of them, because all features
share a large mean. The spread keeps neighbours, which are alike because they touch, from filling the list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.types import Bag

CLIP = 10.0
CHUNK_ROWS = 4096
"""Patches that are standardised at a time: 4,096 x 1,536 float32 are 25 MB."""

APART = 2
"""Results lie at least so many patch sides from the patch and from each other (Chebyshev): no two of them touch."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What features are standardised with.

    Attributes:
        mean: (D,) float32.
        factor: (D,) float32; the inverse of the sd, 0 for a feature that does not change.
    """

    mean: NDArray[np.float32]
    factor: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Standard:
        """From (N, D) patches."""
        values = np.asarray(features, dtype=np.float64)
        mean, sd = values.mean(axis=0), values.std(axis=0)
        changing = sd > 1e-6 * np.maximum(np.abs(mean), 1e-6)
        factor = np.divide(1.0, sd, out=np.zeros_like(sd), where=changing)
        return cls(mean.astype(np.float32), factor.astype(np.float32))

    def z(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, D) in sd from the mean, within ±10."""
        values = np.asarray(features, dtype=np.float32)
        return np.clip((values - self.mean) * self.factor, -CLIP, CLIP)


@dataclass(frozen=True, slots=True)
class Alike:
    """One patch that was found."""

    slide_id: str
    index: int
    similarity: float


def similarities(
    features: NDArray[np.floating], query: NDArray[np.floating], standard: Standard
) -> NDArray[np.float32]:
    """(N,) cosine of each patch with the query (D,), both standardised; 0 where a patch is exactly the mean.

    Raises:
        InputError: the widths differ.
    """
    if features.shape[1:] != query.shape or query.shape != standard.mean.shape:
        raise InputError(
            f"Features of {features.shape[1]} numbers were compared with {query.size} of the patch and "
            f"{standard.mean.size} of the statistics; expected the same encoder for all."
        )
    asked = standard.z(query)
    asked = asked / max(float(np.linalg.norm(asked)), 1e-12)
    found = np.empty(len(features), np.float32)
    for start in range(0, len(features), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        z = standard.z(features[rows])
        found[rows] = (z @ asked) / np.maximum(np.linalg.norm(z, axis=1), 1e-12)
    return found


def most_alike(
    bag: Bag, query: NDArray[np.floating], standard: Standard, count: int, *, without: int | None = None
) -> list[Alike]:
    """The patches of a slide that are most like a query, best first, none touching another.

    Args:
        query: (D,) features as stored.
        without: index of the query in this bag: it and what touches it are left out.

    Raises:
        InputError: the widths differ.
    """
    found = similarities(bag.features, query, standard)
    reach = APART * bag.patch_size_level0
    near = [] if without is None else [bag.coords[without]]
    results: list[Alike] = []
    for index in np.argsort(-found, kind="stable"):
        if len(results) == count:
            break
        place = bag.coords[index]
        if all(np.abs(other - place).max() >= reach for other in near):
            near.append(place)
            results.append(Alike(bag.slide_id, int(index), float(found[index])))
    return results
