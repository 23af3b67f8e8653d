"""Feature vectors of the training regions: mean and sd to standardise with, and how many values usually lie far out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.data.genes import shorten
from survviz.data.omics import compact, robust_moments
from survviz.data.patch_statistics import CLIP
from survviz.errors import InputError
from survviz.types import Notice, Regions

FAR = 4.0
"""A value beyond so many sd counts as far out. Of a normal feature 1 in 16,000 does."""


@dataclass(frozen=True, slots=True)
class RegionStatistics:
    """Fitted on the regions of the training cases.

    Attributes:
        encoder: what made the features, where declared.
        columns: (D,) features that varied in training, in the order of the vector.
        mean, sd: (D,), values beyond 10 robust sd pulled in first; features of real tables have absurd tails.
        limit: largest share of far values among the training cases.
    """

    encoder: str
    columns: tuple[str, ...]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    limit: float

    @classmethod
    def fit(cls, table: pd.DataFrame, encoder: str = "") -> tuple[Self, tuple[Notice, ...]]:
        """Statistics of a table with index (case_id, region), and what was left out or filled in.

        Raises:
            InputError: no feature varies.
        """
        values = table.to_numpy(dtype=np.float64)
        mean, sd = robust_moments(values)
        kept = np.flatnonzero(sd > 0)
        if not len(kept):
            raise InputError(
                f"None of the {len(sd)} pathology features varies among the {len(table)} training regions."
            )
        columns = tuple(str(table.columns[i]) for i in kept)
        draft = cls(encoder, columns, np.array(compact(mean[kept])), np.array(compact(sd[kept])), 0.0)
        far = pd.Series(draft._far(draft._z(values[:, kept])).mean(axis=1), index=table.index.get_level_values(0))
        limit = float(f"{far.groupby(level=0).mean().max():.7g}")
        fitted = cls(encoder, columns, draft.mean, draft.sd, limit)
        return fitted, _notices(table, values[:, kept], [str(table.columns[i]) for i in np.flatnonzero(sd == 0)])

    @property
    def dim(self) -> int:
        """Width of the vector."""
        return len(self.columns)

    def standardise(self, regions: Regions) -> NDArray[np.float32]:
        """(R, D) features with the training mean taken off, in training sd, within ±10; a missing value is 0, the mean.

        Raises:
            InputError: another encoder made them, or features are missing.
        """
        return np.nan_to_num(np.clip(self._z(self._values(regions)), -CLIP, CLIP), nan=0.0).astype(np.float32)

    def far(self, regions: Regions) -> float:
        """Share of the values of a case that lie far out."""
        return float(self._far(self._z(self._values(regions))).mean())

    def missing(self, regions: Regions) -> float:
        """Share of the values of a case that were not measured."""
        return float(np.isnan(self._values(regions)).mean())

    def _values(self, regions: Regions) -> NDArray[np.float64]:
        if regions.encoder and self.encoder and regions.encoder != self.encoder:
            raise InputError(
                f"The feature vectors were made by {regions.encoder!r}, but this model was trained on those of "
                f"{self.encoder!r}. Make them with {self.encoder!r}."
            )
        at = {name: i for i, name in enumerate(regions.columns)}
        lost = [name for name in self.columns if name not in at]
        if lost:
            raise InputError(
                f"The feature vectors lack {len(lost)} of the {self.dim} features that this model takes: "
                f"{shorten(lost, 3)}. Features are found by their column's name."
            )
        return np.asarray(regions.features, dtype=np.float64)[:, [at[name] for name in self.columns]]

    def _z(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return (values - self.mean) / self.sd

    def _far(self, z: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.abs(np.nan_to_num(z, nan=0.0)) > FAR

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        arrays = {"mean": compact(self.mean), "sd": compact(self.sd)}
        return {"encoder": self.encoder, "columns": list(self.columns), **arrays, "limit": self.limit}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form."""
        mean, sd = (np.array(value[name], dtype=np.float64) for name in ("mean", "sd"))
        return cls(str(value["encoder"]), tuple(value["columns"]), mean, sd, float(value["limit"]))


def _notices(table: pd.DataFrame, kept: NDArray[np.float64], constant: list[str]) -> tuple[Notice, ...]:
    notices: list[Notice] = []
    if constant:
        text = f"{len(constant)} of {table.shape[1]} pathology features do not vary among the training regions"
        notices.append(Notice("info", "regions.constant", f"{text} and are left out: {shorten(constant, 3)}."))
    gaps = int(np.isnan(kept).sum())
    if gaps:
        text = f"{gaps:,} of {kept.size:,} pathology values were not measured ({100 * gaps / kept.size:.2g} %)"
        notices.append(Notice("info", "regions.missing", f"{text}; the training mean stands in for them."))
    return tuple(notices)
