"""Checkpoints on the same patients: what may be compared, by how much they differ, and whether that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from survviz.errors import InputError
from survviz.evaluation import (
    Estimate,
    PairedDifference,
    ResampledT,
    UndefinedMetricError,
    bootstrap_ci,
    concordance_index,
    corrected_resampled_t,
    holm,
    paired_bootstrap,
)
from survviz.pipeline.cohort.results import CohortResults

FEWEST_EVENTS = 5
OUT_OF_FOLD = "out of fold"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One checkpoint on the common patients.

    Attributes:
        c_index: of all of them, with its bootstrap interval.
        by_fold: C of the patients of each fold, of those who were scored out of fold; NaN where it is undefined.
    """

    name: str
    model: str
    c_index: Estimate
    by_fold: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Contest:
    """Two checkpoints on the common patients.

    Attributes:
        difference: C of the first minus C of the second; its interval and p are over patients.
        adjusted: that p, adjusted by Holm for all pairs.
        over_folds: the same difference fold by fold, where there are folds: corrected for what folds share.
    """

    first: str
    second: str
    difference: PairedDifference
    adjusted: float
    over_folds: ResampledT | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Checkpoints that may be compared, compared.

    Attributes:
        refused: name -> why it is not compared with the reference.
        left_out: patients of the reference that the others do not have, or did not score on equal terms.
        standing: how the common patients were scored, in words.
    """

    cohort: str
    endpoint: str
    reference: str
    n: int
    n_events: int
    contestants: tuple[Contestant, ...]
    contests: tuple[Contest, ...]
    refused: dict[str, str]
    left_out: int
    standing: str


def compare(
    results: Sequence[CohortResults], endpoint: str | None = None, *, n_resamples: int = 1000, seed: int = 0
) -> Comparison:
    """Compare checkpoints on the patients that all of them scored on equal terms.

    Equal terms: a patient was unseen by both, or out of fold in both and held out together with the same others.

    Args:
        results: of one cohort; the first is the reference, with which the others must be comparable.
        endpoint: None = the cohort's own.

    Raises:
        InputError: no results, an unknown endpoint, or nothing comparable is left.
    """
    if not results:
        raise InputError("Nothing was given to compare; expected the results of checkpoints on one cohort.")
    first, *others = results
    name = endpoint or next(iter(first.outcomes), "")
    if name not in first.outcomes:
        raise InputError(f"{first.cohort_name} has no endpoint {name!r}; it has {', '.join(first.outcomes)}.")
    refused = {one.checkpoint: why for one in others if (why := why_not(first, one))}
    fair = [first, *(one for one in others if one.checkpoint not in refused)]
    common = _common(fair, name)
    outcome = first.outcomes[name].loc[common]
    n_events = int(outcome["event"].sum())
    if n_events < FEWEST_EVENTS:
        raise InputError(
            f"The checkpoints have {len(common)} patients with {n_events} events in common; at least {FEWEST_EVENTS} "
            "events are needed to compare them."
        )
    folds = _folds(first, common)
    contestants = tuple(_contestant(one, common, outcome, folds, n_resamples, seed) for one in fair)
    pairs = [_contest(a, b, common, outcome, folds, n_resamples, seed) for a, b in combinations(fair, 2)]
    adjusted = holm([pair.difference.p_value for pair in pairs]) if pairs else []
    contests = [
        Contest(one.first, one.second, one.difference, float(p), one.over_folds)
        for one, p in zip(pairs, adjusted, strict=True)
    ]
    return Comparison(
        cohort=first.cohort_name, endpoint=name, reference=first.checkpoint, n=len(common), n_events=n_events,
        contestants=contestants, contests=tuple(contests), refused=refused,
        left_out=len(first.outcomes[name]) - len(common), standing=_standing(first, common),
    )  # fmt: skip


def why_not(reference: CohortResults, other: CohortResults) -> str:
    """Why two checkpoints must not be compared on a cohort; empty where they may be."""
    if reference.document["identity"]["cohort"] != other.document["identity"]["cohort"]:
        return f"It was scored on another version of {reference.cohort_name}; score the cohort with it again."
    both = reference.table.index.intersection(other.table.index)
    if both.empty:
        return "It scored none of the same patients."
    mine, theirs = reference.table.loc[both], other.table.loc[both]
    equal = mine["standing"] == theirs["standing"]
    if not equal.any():
        return (
            f"No patient was scored on equal terms: {_terms(mine)} by {reference.checkpoint}, {_terms(theirs)} by "
            f"{other.checkpoint}. What a model does in its own cohort and in a foreign one are two questions."
        )
    own = both[equal & (mine["standing"] == OUT_OF_FOLD)]
    moved = _moved(mine.loc[own, "folds"], theirs.loc[own, "folds"])
    if moved:
        return (
            f"The splits differ: {moved:,} of {len(own):,} patients were held out together with other patients than "
            f"in {reference.checkpoint}. Train both on the same folds (the same seed, protocol and patients)."
        )
    return ""


def _terms(table: pd.DataFrame) -> str:
    counts = table["standing"].value_counts()
    return " and ".join(f"{n:,} {name}" for name, n in counts.items())


def _moved(first: pd.Series, second: pd.Series) -> int:
    """How many patients are in a fold that does not match one of the other, whatever the folds are called."""
    together = pd.crosstab(first, second)
    return int(together.to_numpy().sum() - together.max(axis=1).sum()) or int(
        together.to_numpy().sum() - together.max(axis=0).sum()
    )


def _common(fair: Sequence[CohortResults], endpoint: str) -> pd.Index:
    """Patients with an outcome whom all scored on equal terms, in order."""
    first = fair[0]
    common = first.outcomes[endpoint].index
    for one in fair:
        common = common.intersection(one.table.index, sort=False)
    same = np.ones(len(common), dtype=bool)
    for one in fair[1:]:
        same &= (one.table.loc[common, "standing"] == first.table.loc[common, "standing"]).to_numpy()
    return pd.Index(common[same])


def _folds(first: CohortResults, common: pd.Index) -> pd.Series | None:
    """The fold of each patient, "" for those who were in none; None without folds."""
    table = first.table.loc[common]
    folds = pd.Series(table["folds"]).where(table["standing"] == OUT_OF_FOLD, "")
    return folds if len(set(folds) - {""}) > 1 else None


def _contestant(
    one: CohortResults, common: pd.Index, outcome: pd.DataFrame, folds: pd.Series | None, n_resamples: int, seed: int
) -> Contestant:
    part = _part(one, common, outcome)
    n, n_events = len(common), int(outcome["event"].sum())
    try:
        value = concordance_index(*part)
        interval = bootstrap_ci(*part, n_resamples=n_resamples, seed=seed)
        c_index = Estimate(value, interval.low, interval.high, n, n_events, "", interval.n_resamples)
    except UndefinedMetricError as error:
        c_index = Estimate(None, None, None, n, n_events, str(error))
    return Contestant(one.checkpoint, one.document["model"], c_index, _by_fold(part, folds))


def _part(one: CohortResults, common: pd.Index, outcome: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    risk = one.table.loc[common, "risk"].to_numpy(dtype=np.float64)
    return risk, outcome["time"].to_numpy(dtype=np.float64), outcome["event"].to_numpy(dtype=bool)


def _by_fold(part: tuple[np.ndarray, np.ndarray, np.ndarray], folds: pd.Series | None) -> tuple[float, ...]:
    found = []
    for fold in sorted(set(folds) - {""}) if folds is not None else ():
        rows = (folds == fold).to_numpy()
        try:
            found.append(concordance_index(*(array[rows] for array in part)))
        except UndefinedMetricError:
            found.append(float("nan"))
    return tuple(found)


def _contest(
    a: CohortResults,
    b: CohortResults,
    common: pd.Index,
    outcome: pd.DataFrame,
    folds: pd.Series | None,
    n_resamples: int,
    seed: int,
) -> Contest:
    first, second = _part(a, common, outcome), _part(b, common, outcome)
    difference = paired_bootstrap(first[0], *second, n_resamples=n_resamples, seed=seed)
    over_folds = None
    if folds is not None:
        gaps = np.array(_by_fold(first, folds)) - np.array(_by_fold(second, folds))
        gaps = gaps[np.isfinite(gaps)]
        n_own = int((folds != "").sum())
        n_test = n_own / len(set(folds) - {""})
        try:
            over_folds = corrected_resampled_t(gaps, n_train=n_own - n_test, n_test=n_test)
        except UndefinedMetricError:
            over_folds = None
    return Contest(a.checkpoint, b.checkpoint, difference, difference.p_value, over_folds)


def _standing(first: CohortResults, common: pd.Index) -> str:
    own = int((first.table.loc[common, "standing"] == OUT_OF_FOLD).sum())
    if not own:
        return "No checkpoint was trained on any of these patients."
    if own == len(common):
        return (
            "Every patient was scored by models that never saw them (out of fold), held out together with the same "
            "others in every checkpoint."
        )
    rest = f"{len(common) - own:,} by models that were trained on others"
    return f"{own:,} patients were scored out of fold on the same folds, {rest}."
