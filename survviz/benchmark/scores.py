"""Statistics of a line: per fold with the corrected interval of resampled estimates, and pooled out of fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.benchmark.predictions import FoldPredictions
from survviz.evaluation import UndefinedMetricError, concordance_index, survival_at
from survviz.evaluation.paired import ResampledT, corrected_resampled_t
from survviz.evaluation.summary import Estimate, summarise

FOLD_METRICS = ("harrell_c", "uno_c", "iauc", "auc_12", "auc_36", "auc_60", "ibs")
"""Mean over all folds of all repeats; the censoring distribution is that of the fold's own training patients."""

POOLED_METRICS = ("harrell_c", "within_c", "logrank_p", "d_calibration_p")
"""Over all test patients of a repeat at once, risks as z-scores among their fold's training patients."""

N_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Score:
    """One number of the table.

    Attributes:
        value: None where it is undefined; `reason` then says why.
        low: lower limit of the 95 % interval; None where there is none.
        n: folds (or repeats, for pooled ones) on which it is defined.
        reason: why it is undefined, in all or in some of them.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of a cohort: months and deaths by case, and the field within whose values concordance is also stated."""

    time: Mapping[str, float]
    event: Mapping[str, bool]
    strata: Mapping[str, str] | None = None

    @classmethod
    def of(cls, time: pd.Series, event: pd.Series, strata: Mapping[str, str] | None) -> Outcomes:
        """From columns indexed by case."""
        return cls(
            {str(case): float(value) for case, value in time.items()},
            {str(case): bool(value) for case, value in event.items()},
            strata,
        )

    def arrays(self, cases: Iterable[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Times and events of cases, in their order."""
        ids = list(cases)
        return np.array([self.time[one] for one in ids]), np.array([self.event[one] for one in ids], dtype=bool)


def fold_scores(folds: Sequence[FoldPredictions], outcomes: Outcomes) -> dict[str, Score]:
    """`FOLD_METRICS`, each the mean over folds with a Nadeau-Bengio interval."""
    found = [_summary(fold, outcomes) for fold in folds]
    n_train, n_test = sizes(folds)
    return {name: _over_folds([one[name] for one in found], n_train, n_test) for name in FOLD_METRICS}


def pooled_scores(folds: Sequence[FoldPredictions], outcomes: Outcomes) -> dict[str, Score]:
    """`POOLED_METRICS` under `pooled_*` names: the mean over repeats, of p-values the median.

    The interval is the mean of the repeats' bootstrap limits over patients: repeats score the same patients again, so
    they add no certainty about them.
    """
    found = [_pooled(one, outcomes) for one in _repeats(folds)]
    return {f"pooled_{name}": _over_repeats([one[name] for one in found if name in one]) for name in POOLED_METRICS}


def _repeats(folds: Sequence[FoldPredictions]) -> list[list[FoldPredictions]]:
    """Folds that together test every patient at most once; random test parts overlap, so each stands alone."""
    groups: dict[int, list[FoldPredictions]] = {}
    for fold in folds:
        groups.setdefault(fold.repeat, []).append(fold)
    tested = [[case for fold in group for case in fold.case_ids] for group in groups.values()]
    if all(len(set(cases)) == len(cases) for cases in tested):
        return list(groups.values())
    return [[fold] for fold in folds]


def sizes(folds: Sequence[FoldPredictions]) -> tuple[float, float]:
    """Mean number of seen (training and inner validation) and of test patients of a fold."""
    return float(np.mean([len(one.seen_ids) for one in folds])), float(np.mean([len(one.case_ids) for one in folds]))


def paired_difference(
    first: Sequence[FoldPredictions], second: Sequence[FoldPredictions], outcomes: Outcomes
) -> tuple[ResampledT, float]:
    """Test of the mean difference in fold concordance, over the test cases that both have; and their mean number.

    Raises:
        UndefinedMetricError: fewer than two folds in which both are defined, or no difference at all.
    """
    others = {(fold.repeat, fold.fold): fold for fold in second}
    differences, n_common = [], []
    for one in first:
        other = others.get((one.repeat, one.fold))
        if other is None:
            continue
        common = sorted(set(one.case_ids) & set(other.case_ids))
        time, event = outcomes.arrays(common)
        try:
            values = [concordance_index(_risks(fold, common), time, event) for fold in (one, other)]
        except UndefinedMetricError:
            continue
        differences.append(values[0] - values[1])
        n_common.append(len(common))
    if not differences:
        raise UndefinedMetricError("There is no fold in which both have a concordance index on common test cases.")
    n_train = min(sizes(first)[0], sizes(second)[0])
    n_test = float(np.mean(n_common))
    return corrected_resampled_t(differences, n_train=n_train, n_test=n_test), n_test


def _risks(fold: FoldPredictions, cases: Sequence[str]) -> NDArray[np.float64]:
    known = dict(zip(fold.case_ids, fold.risk.tolist(), strict=True))
    return np.array([known[case] for case in cases])


def _summary(fold: FoldPredictions, outcomes: Outcomes) -> Mapping[str, Estimate]:
    """Of one fold, without bootstrap."""
    time, event = outcomes.arrays(fold.case_ids)
    train_time, train_event = outcomes.arrays(fold.seen_ids)
    stated = len(fold.times) > 0
    return summarise(
        fold.risk,
        time,
        event,
        survival=fold.survival if stated else None,
        times=fold.times if stated else None,
        train_time=train_time,
        train_event=train_event,
        n_resamples=0,
    )


def _pooled(folds: Sequence[FoldPredictions], outcomes: Outcomes) -> Mapping[str, Estimate]:
    """Of one repeat. The high group is above each fold's own cut-off, which is 0 after it is taken off."""
    cases = [case for fold in folds for case in fold.case_ids]
    time, event = outcomes.arrays(cases)
    stated = all(len(fold.times) for fold in folds)
    times = np.unique(np.concatenate([fold.times for fold in folds])) if stated else None
    curves = None if times is None else np.concatenate([_on(times, fold) for fold in folds])
    train = sorted({case for fold in folds for case in fold.seen_ids})
    train_time, train_event = outcomes.arrays(train)
    common = {
        "survival": curves, "times": times, "train_time": train_time, "train_event": train_event, "n_resamples": 0,
    }  # fmt: skip
    scaled = summarise(
        np.concatenate([fold.z_score(fold.risk) for fold in folds]),
        time,
        event,
        strata=None if outcomes.strata is None else np.array([outcomes.strata[case] for case in cases]),
        **(common | {"survival": None, "times": None, "n_resamples": N_RESAMPLES}),
    )
    grouped = summarise(np.concatenate([fold.risk - fold.cutoff for fold in folds]), time, event, cutoff=0.0, **common)
    return {**scaled, **{name: grouped[name] for name in ("logrank_p", "d_calibration_p")}}


def _on(times: NDArray[np.float64], fold: FoldPredictions) -> NDArray[np.float64]:
    """(n, T) the fold's curves at other times; NaN beyond their end."""
    return survival_at(times, np.append(0.0, fold.times), fold.survival)


def _over_folds(estimates: Sequence[Estimate], n_train: float, n_test: float) -> Score:
    values = [one.value for one in estimates if one.value is not None]
    reason = next((one.reason for one in estimates if one.value is None), "")
    if not values:
        return Score(None, reason=reason)
    if len(values) < len(estimates):
        reason = f"undefined in {len(estimates) - len(values)} of {len(estimates)} folds: {reason}"
    try:
        test = corrected_resampled_t(values, n_train=n_train, n_test=n_test)
    except UndefinedMetricError as error:
        return Score(float(np.mean(values)), n=len(values), reason=reason or f"no interval: {error}")
    return Score(test.mean, max(test.low, 0.0), min(test.high, 1.0), len(values), reason)


def _over_repeats(estimates: Sequence[Estimate]) -> Score:
    values = [one.value for one in estimates if one.value is not None]
    reason = next((one.reason for one in estimates if one.value is None), "")
    if not values:
        return Score(None, reason=reason)
    low = [one.low for one in estimates if one.low is not None]
    high = [one.high for one in estimates if one.high is not None]
    if not low:
        return Score(float(np.median(values)), n=len(values), reason=reason)
    return Score(float(np.mean(values)), float(np.mean(low)), float(np.mean(high)), len(values), reason)
