"""Train, validation and test by patient; an overlap is an error, never a warning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from survviz.data.genes import shorten
from survviz.errors import InputError


@dataclass(frozen=True, slots=True)
class Split:
    """Case ids of one fold, each part sorted.

    Raises:
        InputError: a case is in two parts, twice in one, or `train` is empty.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        parts = {"train": self.train, "validation": self.val, "test": self.test}
        for name, ids in parts.items():
            if len(set(ids)) < len(ids):
                twice = sorted({case for case in ids if ids.count(case) > 1})
                raise InputError(f"{len(twice)} cases are in {name} twice: {shorten(twice)}. Name each case once.")
        for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
            both = sorted(set(parts[one]) & set(parts[other]))
            if both:
                raise InputError(
                    f"{len(both)} cases are in {one} and in {other}: {shorten(both)}. The parts must not share a "
                    "patient: a model that is chosen or tested on cases it has seen looks better than it is."
                )
        if not self.train:
            raise InputError("The training part of a split is empty. Give it some cases.")


def stratified_kfold(
    case_ids: Sequence[str],
    event: pd.Series | ArrayLike,
    *,
    n_folds: int = 5,
    inner_val: float = 0.2,
    seed: int = 0,
    holdout: Collection[str] = (),
) -> list[Split]:
    """Folds with about the same share of events in each part; every case is tested exactly once.

    The result depends on the set of cases and the seed, not on the order of `case_ids`.

    Args:
        event: bool per case: in the order of `case_ids`, or a series indexed by case.
        inner_val: share of what is not tested that chooses the epoch, with at least one event; 0 = no validation part.
        holdout: cases that must appear in no part.

    Raises:
        InputError: too few events (or censored cases) to put one in every test fold, or bad arguments.
    """
    observed_of = _events(case_ids, event)
    left_out = set(holdout)
    ids = sorted(case for case in case_ids if case not in left_out)
    observed = np.array([observed_of[case] for case in ids], dtype=bool)
    if len(set(ids)) < len(ids):
        raise InputError(f"{len(ids) - len(set(ids))} case ids appear twice. Name each case once.")
    if n_folds < 2 or not 0 <= inner_val < 1:
        raise InputError(f"{n_folds} folds with {inner_val} for validation; expected 2 or more, and a share below 1.")
    if observed.sum() < n_folds:
        raise InputError(
            f"{observed.sum()} of {len(ids)} cases had the event; {n_folds} folds need at least one event each. "
            "Use fewer folds or more cases."
        )
    fold = _deal(observed, n_folds, np.random.default_rng(seed))
    names = np.array(ids, dtype=object)
    return [_one(names, observed, fold == k, inner_val, np.random.default_rng([seed, k])) for k in range(n_folds)]


def _events(case_ids: Sequence[str], event: pd.Series | ArrayLike) -> dict[str, bool]:
    """Case -> event."""
    if isinstance(event, pd.Series):
        values = {str(case): flag for case, flag in zip(event.index, event.tolist(), strict=True)}
        missing = [case for case in case_ids if values.get(case) not in (True, False)]
        if missing:
            raise InputError(f"{len(missing)} cases have no event value: {shorten(missing)}. Give one for every case.")
        return {case: bool(values[case]) for case in case_ids}
    flags = np.asarray(event, dtype=bool)
    if flags.shape != (len(case_ids),):
        raise InputError(f"{len(case_ids)} cases and events of shape {flags.shape} were given; expected one each.")
    return dict(zip(case_ids, flags.tolist(), strict=True))


def _deal(observed: NDArray[np.bool_], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold of each case: shuffled events dealt like cards, then censored cases from the other end."""
    fold = np.empty(len(observed), dtype=np.int64)
    events, censored = rng.permutation(np.flatnonzero(observed)), rng.permutation(np.flatnonzero(~observed))
    fold[events] = np.arange(len(events)) % n
    fold[censored] = n - 1 - np.arange(len(censored)) % n
    return fold


def _one(
    names: NDArray[np.object_],
    observed: NDArray[np.bool_],
    test: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
) -> Split:
    rest = np.flatnonzero(~test)
    val: list[int] = []
    for flag in (True, False):
        members = rng.permutation(rest[observed[rest] == flag])
        n = max(round(share * len(members)), 1 if share > 0 and len(members) > 1 else 0)
        val += members[:n].tolist()
    chosen = np.zeros(len(names), dtype=bool)
    chosen[val] = True
    parts = (~test & ~chosen, chosen, test)
    train, validation, tested = (tuple(str(name) for name in names[part]) for part in parts)
    return Split(train, validation, tested)
