"""The patches of a case, standardised when they are read: a drawn row costs memory only while its batch exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survviz.data.patch_statistics import CLIP, PatchStatistics
from survviz.types import Bag

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

CHUNK = 2**17
"""Numbers that are converted and standardised at a time: few enough to stay in a core's cache."""


@dataclass(frozen=True, slots=True)
class StoredPatches:
    """Patches that lie in their bags, in memory or in a packed store, until a batch is built.

    Attributes:
        features: (N_i, D) of each slide, as stored.
        statistics: what standardises them.
        rows: the patches that were drawn, counted over all slides, ascending; None = all.
    """

    features: tuple[NDArray[np.floating], ...]
    statistics: PatchStatistics
    rows: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, bags: Sequence[Bag], statistics: PatchStatistics) -> StoredPatches:
        """All patches of a case.

        Raises:
            InputError: a bag was made by another encoder, or its width differs.
        """
        for bag in bags:
            statistics.fits(bag)
        return cls(tuple(bag.features for bag in bags), statistics)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        n = sum(map(len, self.features)) if self.rows is None else len(self.rows)
        return n, self.statistics.dim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.int64]) -> StoredPatches:
        """These rows, ascending; nothing is read yet."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> NDArray[np.floating]:
        """(N, D) float32, standardised now."""
        import torch

        values = torch.empty(self.shape)
        self.read_into(values)
        return values.numpy().astype(dtype or np.float32, copy=False)

    def read_into(self, out: Float[Tensor, "N D"]) -> None:
        """Standardise into a part of a batch, in its dtype: minus the mean, in training sd, within ±10.

        Equal to `PatchStatistics.standardise`, in one pass over the stored numbers.
        """
        import torch

        mean, factor = (torch.from_numpy(one) for one in self.statistics.scale())
        step, at = max(1, CHUNK // self.statistics.dim), 0
        scratch = torch.empty(step, self.statistics.dim)
        for stored, rows in self._slides():
            for start in range(0, len(stored) if rows is None else len(rows), step):
                chosen = slice(start, start + step) if rows is None else rows[start : start + step]
                values = np.array(stored[chosen])
                some = scratch[: len(values)].copy_(torch.from_numpy(values))
                out[at : at + len(values)] = some.sub_(mean).mul_(factor).clamp_(-CLIP, CLIP)
                at += len(values)

    def _slides(self) -> list[tuple[NDArray[np.floating], NDArray[np.int64] | None]]:
        """Each slide's numbers with its drawn rows."""
        if self.rows is None:
            return [(one, None) for one in self.features]
        ends = np.cumsum([0, *map(len, self.features)])
        cuts = np.searchsorted(self.rows, ends)
        return [
            (one, self.rows[low:high] - start)
            for one, start, low, high in zip(self.features, ends[:-1], cuts[:-1], cuts[1:], strict=True)
        ]
