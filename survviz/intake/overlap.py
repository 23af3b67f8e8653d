"""Patients whom a checkpoint was trained on: results on them are no validation, and must not be called one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from survviz.data.barcodes import tcga_case
from survviz.data.genes import shorten
from survviz.intake.findings import Finding

IN_EVERY_FOLD = -1
"""As in `checkpoint.membership`: trained on by every fold, tested by none."""


class KnowsCases(Protocol):
    """The hashed training cohort of a checkpoint (`checkpoint.membership.Membership`)."""

    def tested_in(self, case_id: str) -> int | None:
        """The fold that did not train on a case, or `IN_EVERY_FOLD`; None if the case was never seen."""
        ...


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of somebody's patients a checkpoint has seen.

    Attributes:
        out_of_fold: of the training cohort, each with a fold that never trained on them.
        in_every_fold: trained on by every fold.
    """

    checkpoint: str
    n_cases: int
    out_of_fold: tuple[str, ...]
    in_every_fold: tuple[str, ...]

    @property
    def seen(self) -> tuple[str, ...]:
        """Every case of the training cohort, sorted."""
        return tuple(sorted((*self.out_of_fold, *self.in_every_fold)))

    @property
    def may_be_called_validation(self) -> bool:
        """Whether no patient was seen in training."""
        return not self.seen

    @property
    def words(self) -> str:
        """The verdict, for a person."""
        if not self.seen:
            return f"None of the {self.n_cases:,} patients was in the training cohort of {self.checkpoint}."
        text = (
            f"{len(self.seen):,} of {self.n_cases:,} patients were in the training cohort of {self.checkpoint} "
            f"({shorten(self.seen)}). What it says about them is no validation"
        )
        if self.out_of_fold:
            text += f"; {len(self.out_of_fold):,} are estimated by folds that never trained on them"
        if self.in_every_fold:
            text += f"; {len(self.in_every_fold):,} were trained on by every fold and get fitted values"
        return text + "."


def overlap(case_ids: Iterable[str], checkpoint: str, membership: KnowsCases) -> Overlap:
    """Look up every case: as written, in capitals, and by its TCGA patient barcode."""
    ids = tuple(dict.fromkeys(case_ids))
    folds = {case: _tested_in(case, membership) for case in ids}
    return Overlap(
        checkpoint=checkpoint,
        n_cases=len(ids),
        out_of_fold=tuple(case for case, fold in folds.items() if fold is not None and fold != IN_EVERY_FOLD),
        in_every_fold=tuple(case for case, fold in folds.items() if fold == IN_EVERY_FOLD),
    )


def _tested_in(case: str, membership: KnowsCases) -> int | None:
    name = case.strip()
    for spelling in dict.fromkeys((name, name.upper(), tcga_case(name))):
        fold = membership.tested_in(spelling) if spelling else None
        if fold is not None:
            return fold
    return None


def overlap_finding(found: Overlap, table: str) -> Finding | None:
    """The finding of the report; None where nobody was seen. Nothing mends it: the patients are what they are."""
    if found.may_be_called_validation:
        return None
    return Finding(
        code="training-overlap",
        severity="warning",
        table=table,
        text=f"{found.words} Evaluate the others alone, or choose a checkpoint that was trained on nobody here.",
        rows=found.seen,
        columns=(),
        fixes=(),
    )
