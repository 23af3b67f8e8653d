"""Agreement between readers beyond chance: Cohen's, weighted, Light's and Fleiss' kappa, with intervals over cases."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.resampling import Interval, draw_counts, percentile_interval

Weights: TypeAlias = Literal["none", "linear", "quadratic"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One kappa: 1 = always the same answer, 0 = as often as chance, below 0 = less often.

    Attributes:
        statistic: which kappa, in words.
        interval: bootstrap over cases; the readers are taken as they are. None where no resample is defined.
    """

    statistic: str
    value: float
    interval: Interval | None
    n_cases: int
    n_readers: int


def agreement(
    ratings: ArrayLike,
    n_categories: int,
    *,
    weights: Weights = "none",
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Cohen's kappa (1960, weighted: 1968) of two readers; of more, Fleiss' (1971), or with weights Light's (1971).

    Fleiss' kappa knows no order of the categories; Light's is the mean of the weighted kappas of all pairs of readers.

    Args:
        ratings: (readers, cases) of categories 0 to `n_categories` - 1; every reader answered every case.
        weights: how a disagreement counts by the distance of the categories; "none" = all the same.

    Raises:
        InputError: fewer than two readers, no case, or a category out of range.
        UndefinedMetricError: chance alone agrees always, because only one category was used.
    """
    table = _checked(ratings, n_categories)
    n_readers, n_cases = table.shape
    every = np.ones((1, n_cases))
    counts = draw_counts(n_cases, n_resamples, seed).astype(np.float64)
    if n_readers > 2 and weights == "none":
        statistic, kappa = "Fleiss' kappa", lambda drawn: _fleiss(table, n_categories, drawn)
    else:
        statistic = "Cohen's kappa" if n_readers == 2 else "Light's kappa"
        statistic += "" if weights == "none" else f", {weights} weights"
        pairs = list(combinations(range(n_readers), 2))

        def kappa(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.mean([_cohen(table[a], table[b], n_categories, weights, drawn) for a, b in pairs], axis=0)

    value = float(kappa(every)[0])
    if np.isnan(value):
        raise UndefinedMetricError(
            f"{statistic} is undefined: chance alone explains all agreement, because a reader or all readers used only "
            f"one category in {n_cases} case{'s' * (n_cases != 1)}."
        )
    resampled = kappa(counts)
    interval = None if np.isnan(resampled).all() else percentile_interval(resampled, level)
    return Agreement(statistic, value, interval, n_cases, n_readers)


def _checked(ratings: ArrayLike, n_categories: int) -> NDArray[np.int64]:
    given = np.asarray(ratings)
    if given.ndim != 2 or given.shape[0] < 2 or given.shape[1] < 1:
        raise InputError(f"Ratings of shape {given.shape} were given; expected (readers, cases), two readers or more.")
    if not np.issubdtype(given.dtype, np.integer) or given.min() < 0 or given.max() >= n_categories:
        raise InputError(f"Ratings must be whole categories from 0 to {n_categories - 1}.")
    return given.astype(np.int64)


def _cohen(
    first: NDArray[np.int64], second: NDArray[np.int64], k: int, weights: Weights, counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(R,) kappa of every resample, 1 - observed / expected disagreement; NaN where none is expected."""
    joint = np.zeros((len(first), k * k))
    joint[np.arange(len(first)), first * k + second] = 1
    observed = (counts @ joint / counts.sum(axis=1, keepdims=True)).reshape(-1, k, k)
    expected = observed.sum(axis=2)[:, :, None] * observed.sum(axis=1)[:, None, :]
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    cost = {"none": distance > 0, "linear": distance, "quadratic": distance**2}[weights].astype(np.float64)
    chance = (cost * expected).sum(axis=(1, 2))
    share = np.divide((cost * observed).sum(axis=(1, 2)), chance, out=np.full(len(counts), np.nan), where=chance > 0)
    return 1 - share


def _fleiss(table: NDArray[np.int64], k: int, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) Fleiss' kappa of every resample; NaN where one category holds everything."""
    m, n = table.shape
    votes = np.zeros((n, k))
    np.add.at(votes, (np.broadcast_to(np.arange(n), (m, n)), table), 1)
    drawn = counts / counts.sum(axis=1, keepdims=True)
    observed = drawn @ (((votes**2).sum(axis=1) - m) / (m * (m - 1)))
    chance = ((drawn @ votes / m) ** 2).sum(axis=1)
    room = 1 - chance
    return np.divide(observed - chance, room, out=np.full(len(counts), np.nan), where=room > 1e-12)
