"""Discrete time: quartiles of the observed event times, fitted on training cases and stored with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError

EPS = 1e-6


@dataclass(frozen=True, slots=True)
class TimeBins:
    """Right-open intervals of time.

    Attributes:
        edges: (K + 1,) months, increasing; bin k is [edges[k], edges[k + 1]).
    """

    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, dtype=np.float64)
        if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise InputError(f"Time bins need two or more finite, increasing edges; {list(self.edges)} was given.")

    def __len__(self) -> int:
        return len(self.edges) - 1

    @classmethod
    def fit(cls, time: ArrayLike, event: ArrayLike, n_bins: int = 4) -> Self:
        """Quantiles of the times of observed events (linear interpolation, Hyndman & Fan type 7).

        The outer edges are the shortest and longest time of all cases, widened by 1e-6. Give training cases only.

        Raises:
            InputError: fewer events than bins, or so many equal times that two edges coincide.
        """
        time, event = np.asarray(time, dtype=np.float64), np.asarray(event, dtype=bool)
        if n_bins < 1 or time.shape != event.shape or time.ndim != 1:
            raise InputError(f"{n_bins} bins of {time.shape} times and {event.shape} events cannot be made.")
        if not np.isfinite(time).all():
            raise InputError(f"{np.sum(~np.isfinite(time))} times are missing. Time bins need a time for every case.")
        observed = time[event]
        if len(observed) < n_bins:
            raise InputError(
                f"{n_bins} time bins were asked for, but only {len(observed)} of {len(time)} training cases had the "
                f"event. Use at most {len(observed)} bins, or more cases."
            )
        edges = np.quantile(observed, np.linspace(0, 1, n_bins + 1))
        edges[0], edges[-1] = time.min() - EPS, time.max() + EPS
        if (np.diff(edges) <= 0).any():
            distinct = len(np.unique(np.quantile(observed, np.linspace(0, 1, n_bins + 1))[1:-1])) + 1
            raise InputError(
                f"{n_bins} time bins cannot be told apart: many events happen at the same time (edges "
                f"{', '.join(f'{edge:.4g}' for edge in edges)} months). Use {max(1, min(distinct, n_bins - 1))} bins."
            )
        return cls(tuple(edges.tolist()))

    def labels(self, time: ArrayLike) -> NDArray[np.int64]:
        """The bin of each time; times beyond the outer edges go to the first or last bin.

        Raises:
            InputError: a time is NaN.
        """
        time = np.asarray(time, dtype=np.float64)
        if np.isnan(time).any():
            raise InputError(f"{np.isnan(time).sum()} times are missing; a missing time has no bin.")
        return np.searchsorted(np.asarray(self.edges[1:-1]), time, side="right").astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"edges": list(self.edges)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form."""
        return cls(tuple(float(edge) for edge in value["edges"]))
