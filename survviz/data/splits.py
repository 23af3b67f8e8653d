"""Train, validation and test by patient; an overlap is an error, never a warning."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class NamedSplit:
    """A split and its place in a plan; both count from 0."""

    repeat: int
    fold: int
    split: Split

    @property
    def name(self) -> str:
        """`repeat-fold`, for files and logs."""
        return f"{self.repeat}-{self.fold}"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The cases that may be split, sorted, and what the parts should be alike in.

    Attributes:
        event: (n,) True = observed.
        stratum: (n,) for example the cancer type; all "" where only events count.
    """

    case_ids: NDArray[np.object_]
    event: NDArray[np.bool_]
    stratum: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.case_ids)

    @classmethod
    def of(
        cls,
        case_ids: Iterable[str],
        event: pd.Series,
        *,
        stratum: Mapping[str, str] | None = None,
        holdout: Collection[str] = (),
    ) -> Outcomes:
        """Looked up by case id; the order of the arguments has no influence.

        Raises:
            InputError: a case is named twice or has no event, or the events come without case ids.
        """
        left_out = set(holdout)
        ids = sorted(case for case in case_ids if case not in left_out)
        if len(set(ids)) < len(ids):
            raise InputError(f"{len(ids) - len(set(ids))} case ids appear twice. Name each case once.")
        values = events_by_case(event)
        missing = [case for case in ids if case not in values]
        if missing:
            raise InputError(f"{len(missing)} cases have no event value: {shorten(missing)}. Give one for every case.")
        strata = [stratum[case] if stratum is not None else "" for case in ids]
        observed = np.array([values[case] for case in ids], dtype=bool)
        return cls(np.array(ids, dtype=object), observed, np.array(strata, dtype=object))

    def split(self, test: NDArray[np.bool_], inner_val: float, rng: np.random.Generator) -> Split:
        """Cases where `test` is set are tested, a share of the others with at least one event validates."""
        chosen = self.draw(np.flatnonzero(~test), inner_val, rng)
        parts = (~test & ~chosen, chosen, test)
        train, validation, tested = (tuple(str(name) for name in self.case_ids[part]) for part in parts)
        return Split(train, validation, tested)

    def draw(self, among: NDArray[np.intp], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """(n,) mask of a random share of some cases, with the same share of events and of each stratum."""
        chosen = np.zeros(len(self), dtype=bool)
        for flag in (True, False):
            members = rng.permutation(among[self.event[among] == flag])
            n = max(round(share * len(members)), 1 if share > 0 and len(members) > 1 else 0)
            spread = np.argsort(self.stratum[members], kind="stable")  # of one stratum: as they were drawn
            at = np.arange(n) if len(set(self.stratum[members])) <= 1 else np.arange(n) * len(members) // max(n, 1)
            chosen[members[spread][at]] = True
        return chosen

    def deal(self, n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(n,) fold of each case: shuffled events dealt like cards, then censored cases from the other end."""
        fold = np.empty(len(self), dtype=np.int64)
        for flag, place in ((True, _forwards), (False, _backwards)):
            members = rng.permutation(np.flatnonzero(self.event == flag))
            members = members[np.argsort(self.stratum[members], kind="stable")]
            fold[members] = place(np.arange(len(members)), n_folds)
        return fold


def _forwards(i: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    return i % n


def _backwards(i: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    return n - 1 - i % n


def events_by_case(event: pd.Series) -> dict[str, bool]:
    """Case -> event.

    Raises:
        InputError: the events are not a series indexed by case, or name a case twice, or are neither true nor false.
    """
    if not isinstance(event, pd.Series):
        raise InputError(
            f"Events were given as {type(event).__name__} without case ids. Give a series indexed by case id: nothing "
            "is joined by position."
        )
    if not event.index.is_unique:
        raise InputError(f"{int(event.index.duplicated().sum())} cases have two event values. Give one for each case.")
    if pd.api.types.is_integer_dtype(event.index):
        raise InputError("The events are indexed by numbers, not by case id. Give a series indexed by case id.")
    values = {str(case): flag for case, flag in zip(event.index, event.tolist(), strict=True)}
    bad = [case for case, flag in values.items() if flag not in (True, False)]
    if bad:
        raise InputError(f"{len(bad)} cases have no event value: {shorten(bad)}. Give one for every case.")
    return {case: bool(flag) for case, flag in values.items()}


def stratified_kfold(
    case_ids: Iterable[str],
    event: pd.Series,
    *,
    n_folds: int = 5,
    inner_val: float = 0.2,
    seed: int = 0,
    holdout: Collection[str] = (),
    stratum: Mapping[str, str] | None = None,
) -> list[Split]:
    """Folds with about the same share of events in each part; every case is tested exactly once.

    The result depends on the set of cases and the seed, not on any order.

    Args:
        event: bool, indexed by case.
        inner_val: share of what is not tested that chooses the epoch, with at least one event; 0 = no validation part.
        holdout: cases that must appear in no part.
        stratum: case -> group that is spread over the folds too, for example its cancer type.

    Raises:
        InputError: too few events to put one in every test fold, or bad arguments.
    """
    outcomes = Outcomes.of(case_ids, event, stratum=stratum, holdout=holdout)
    check_events(outcomes, n_folds)
    if not 0 <= inner_val < 1:
        raise InputError(f"A share of {inner_val} was given for validation; expected 0 to below 1.")
    fold = outcomes.deal(n_folds, np.random.default_rng(seed))
    return [outcomes.split(fold == k, inner_val, np.random.default_rng([seed, k])) for k in range(n_folds)]


def check_events(outcomes: Outcomes, n_folds: int) -> None:
    """Raise where some test fold would be without an event."""
    if n_folds < 2:
        raise InputError(f"{n_folds} folds were asked for; expected 2 or more.")
    n = int(outcomes.event.sum())
    if n < n_folds:
        raise InputError(
            f"{n} of {len(outcomes)} cases had the event; {n_folds} folds need at least one event each. "
            "Use fewer folds or more cases."
        )
