"""Does a map find a region? Area under the ROC curve of patch scores against region labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.errors import InputError
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_same_length
from survviz.evaluation.resampling import Interval


@dataclass(frozen=True, slots=True)
class LocalisationScore:
    """AUROC of maps over several cases.

    Attributes:
        mean: mean over the cases in which it is defined.
        interval: bootstrap interval of that mean; cases are resampled.
        per_case: (cases,) NaN where a case has no patch inside or none outside of the region.
        n_undefined: number of such cases; they are left out of the mean.
    """

    mean: float
    interval: Interval
    per_case: NDArray[np.float64]
    n_undefined: int


def auroc(score: ArrayLike, label: ArrayLike) -> float:
    """Chance that a patch inside the region scores higher than one outside; ties count one half (Mann-Whitney).

    Raises:
        UndefinedMetricError: all patches lie on one side.
        InputError: NaN, or different lengths.
    """
    scores = check_numbers("score", score)
    inside = np.asarray(label, dtype=bool)
    check_same_length(score=scores, label=inside)
    n_inside, n_outside = int(inside.sum()), int((~inside).sum())
    if not n_inside or not n_outside:
        raise UndefinedMetricError(
            f"AUROC needs patches inside and outside of the region; there are {n_inside} inside, {n_outside} outside."
        )
    from scipy.stats import rankdata  # half a second, which the server need not wait for

    rank_sum = rankdata(scores)[inside].sum()
    return float((rank_sum - n_inside * (n_inside + 1) / 2) / (n_inside * n_outside))


def auroc_ci(
    scores: Sequence[ArrayLike],
    labels: Sequence[ArrayLike],
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> LocalisationScore:
    """Mean over cases of each case's AUROC, with an interval that resamples cases.

    Scores are compared within a case only, since attention sums to 1 in each. Patches of one case are not independent,
    so they are never resampled.

    Args:
        scores: one array per case.
        labels: one boolean array per case, True = inside the region.

    Raises:
        UndefinedMetricError: it is undefined in every case.
    """
    if len(scores) != len(labels):
        raise InputError(f"{len(scores)} cases with scores and {len(labels)} with labels were given.")
    per_case = np.full(len(scores), np.nan)
    for index, (score, label) in enumerate(zip(scores, labels, strict=True)):
        inside = np.asarray(label, dtype=bool)
        if inside.any() and not inside.all():
            per_case[index] = auroc(score, inside)
    defined = per_case[~np.isnan(per_case)]
    if not len(defined):
        raise UndefinedMetricError(
            f"None of the {len(scores)} cases has patches both inside and outside of the region."
        )
    draws = np.random.default_rng(seed).integers(len(defined), size=(n_resamples, len(defined)))
    low, high = np.quantile(defined[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    interval = Interval(float(low), float(high), level, n_resamples)
    return LocalisationScore(float(defined.mean()), interval, per_case, len(per_case) - len(defined))
