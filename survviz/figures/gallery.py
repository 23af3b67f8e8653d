"""Which patches to show beside a map: the same ones, in the same order, as the gallery of the browser (gallery.js)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError

Choice: TypeAlias = Literal["top", "bottom", "random"]


def pick(
    values: NDArray[np.floating],
    coords: NDArray[np.integer],
    which: Choice = "top",
    count: int = 12,
    *,
    min_distance: float = 0.0,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Indices of the patches with the highest or lowest values, or of a random sample; equal values keep their order.

    Args:
        values: (N,); a patch without a value (NaN) is never chosen.
        coords: (N, 2) corners in level-0 pixels.
        min_distance: no two shown patches lie closer than this, in level-0 pixels (Chebyshev), so that
            neighbours do not fill the gallery; 0 = take them as they come.
        seed: of the random sample.

    Raises:
        InputError: `count` is not positive.
    """
    if count < 1:
        raise InputError(f"A gallery of {count} patches was asked for; expected 1 or more.")
    if which == "random":
        order = shuffled(len(values), seed)
    else:
        order = np.argsort(-values if which == "top" else values, kind="stable")
    chosen: list[int] = []
    for index in order[np.isfinite(values[order])]:
        offsets = np.abs(coords[chosen] - coords[index]).max(axis=1, initial=0)
        if not chosen or (offsets >= min_distance).all():
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return np.array(chosen, dtype=np.int64)


def shuffled(n: int, seed: int = 0) -> NDArray[np.int64]:
    """0 to n - 1 in an order that depends on n and the seed only, and that JavaScript can repeat exactly.

    Sorted by the finaliser of MurmurHash3 (Appleby, public domain), a bijection of 32-bit numbers: no ties.
    """
    hashed = np.arange(n, dtype=np.uint32) ^ np.uint32((seed * 0x9E3779B1) & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashed = (hashed ^ (hashed >> np.uint32(shift))) * np.uint32(factor)
    return np.argsort(hashed ^ (hashed >> np.uint32(16)), kind="stable").astype(np.int64)
