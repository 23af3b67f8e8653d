"""Numbers of all patches of a case -> one map per slide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.types import Bag, MapKind, MapUnit, PatchScores


@dataclass(frozen=True, slots=True)
class Story:
    """What the numbers of a map are; the fields are those of `PatchScores`."""

    kind: MapKind
    query: str
    key: str
    token: str
    semantics: str
    unit: MapUnit
    shared_among: int | None = None


def split_by_slide(
    per_fold: NDArray[np.floating],
    bags: Sequence[Bag] | Sequence[PatchScores],
    story: Story,
    *,
    values: NDArray[np.floating] | None = None,
    detail: NDArray[np.floating] | None = None,
) -> tuple[PatchScores, ...]:
    """One map per slide.

    Args:
        per_fold: (F, N) of all patches, the slides one after another.
        bags: the slides, or other maps of them.
        values: (N,) to show, where that is not the mean over folds.
        detail: (H, F, N) of each head, where there are several.

    Raises:
        InputError: the slides have another number of patches.
    """
    ends = np.cumsum([0, *(len(bag.coords) for bag in bags)])
    if per_fold.shape[1] != ends[-1]:
        raise InputError(f"{per_fold.shape[1]} values were given for {ends[-1]} patches; expected one each.")
    shown = per_fold.mean(axis=0) if values is None else values
    return tuple(
        PatchScores(
            kind=story.kind,
            query=story.query,
            key=story.key,
            token=story.token,
            slide_id=bag.slide_id,
            values=shown[start:stop].astype(np.float64),
            per_fold=per_fold[:, start:stop].astype(np.float64),
            coords=bag.coords,
            patch_size_level0=bag.patch_size_level0,
            n_patches_case=int(ends[-1]),
            semantics=story.semantics,
            unit=story.unit,
            detail=None if detail is None else detail[:, :, start:stop].astype(np.float32),
            shared_among=story.shared_among,
        )
        for bag, start, stop in zip(bags, ends[:-1], ends[1:], strict=True)
    )
