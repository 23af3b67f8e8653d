"""The splits of a cohort, made once over all its cases: what each entry sees of them, and what they are called."""

from __future__ import annotations

from collections.abc import Collection

from survviz.data.split_plans import SplitPlan
from survviz.data.splits import NamedSplit, Split


def among(planned: NamedSplit, cases: Collection[str]) -> NamedSplit:
    """The same split of these cases only; nobody changes part.

    Raises:
        InputError: no training case is left.
    """
    known = set(cases)
    parts = (planned.split.train, planned.split.val, planned.split.test)
    split = Split(*(tuple(case for case in part if case in known) for part in parts))
    return NamedSplit(planned.repeat, planned.fold, split)


def in_words(plan: SplitPlan, n_splits: int) -> str:
    """For the heading of a table."""
    repeats = f" x {plan.repeats} repeats" if plan.repeats > 1 else ""
    like = f" and {plan.stratify}" if plan.stratify else ""
    kind = {
        "k-fold": f"{plan.n_folds}-fold{repeats}, stratified by event{like}",
        "monte-carlo": f"{plan.n_splits} random test parts of {plan.test_share:.0%}, stratified by event{like}",
        "site": f"{plan.n_folds}-fold{repeats}, sites kept whole",
        "file": f"{n_splits} published splits ({plan.file})",
    }[plan.kind]
    drawn = " (where the file has none)" if plan.kind == "file" else ""
    return f"{kind}; {plan.inner_val:.0%} of what is not tested is inner validation{drawn}"
