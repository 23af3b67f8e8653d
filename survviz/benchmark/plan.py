"""The splits of a cohort: made once, over all its cases, and the same for every entry."""

from __future__ import annotations

from collections.abc import Collection

from survviz.benchmark.suite import CohortSection, Suite
from survviz.data.cohort import Cohort
from survviz.data.splits import NamedSplit, Split, stratified_kfold
from survviz.errors import InputError


def planned_splits(
    suite: Suite, section: CohortSection, cohort: Cohort, cases: tuple[str, ...]
) -> tuple[NamedSplit, ...]:
    """All folds of all repeats over these cases.

    Raises:
        InputError: the cases cannot be divided so, or a split file is missing or damaged.
    """
    plan = suite.plan_of(section)
    if plan.kind != "k-fold":
        raise InputError(f"plan {plan.kind!r} is not there yet; use 'k-fold'.")
    event = cohort.event.loc[list(cases)]
    return tuple(
        NamedSplit(repeat, fold, split)
        for repeat in range(plan.repeats)
        for fold, split in enumerate(
            stratified_kfold(
                cases, event, n_folds=plan.folds, inner_val=plan.inner_val, seed=suite.seed * 1000 + repeat
            )
        )
    )


def among(planned: NamedSplit, cases: Collection[str]) -> NamedSplit:
    """The same split of these cases only; nobody changes part.

    Raises:
        InputError: no training case is left.
    """
    known = set(cases)
    parts = (planned.split.train, planned.split.val, planned.split.test)
    split = Split(*(tuple(case for case in part if case in known) for part in parts))
    return NamedSplit(planned.repeat, planned.fold, split)
