"""All fixes there are, and what a chain of them did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import Field

from survviz.errors import InputError
from survviz.intake.fix import Applied, Change
from survviz.intake.matrix_fixes import (
    AverageGenes,
    DropGenes,
    DropSamples,
    EmptyUnread,
    LimitValues,
    LogValues,
    OneSamplePerCase,
    RenameGenes,
    RenameSamples,
    SetUnit,
)
from survviz.intake.outcome_fixes import SetCoding, SetTimeUnit
from survviz.intake.tables import Tables
from survviz.intake.text_fixes import (
    Cell,
    ChangeUnit,
    DecimalPoint,
    DropColumns,
    DropRows,
    FirstKnown,
    KeepWhere,
    OneRowPerCase,
    RenameColumns,
    ReplaceValues,
    SetCells,
)
from survviz.intake.wording import many

__all__ = [
    "Applied", "AverageGenes", "Cell", "Change", "ChangeUnit", "DecimalPoint", "DropColumns", "DropGenes",
    "DropRows", "DropSamples", "EmptyUnread", "FirstKnown", "Fix", "KeepWhere", "LimitValues", "LogValues",
    "OneRowPerCase", "OneSamplePerCase", "RenameColumns", "RenameGenes", "RenameSamples", "ReplaceValues",
    "SetCells", "SetCoding", "SetTimeUnit", "SetUnit", "Step", "apply_all",
]  # fmt: skip

Fix: TypeAlias = Annotated[
    DropRows
    | DropColumns
    | SetCells
    | ReplaceValues
    | RenameColumns
    | DecimalPoint
    | ChangeUnit
    | KeepWhere
    | FirstKnown
    | OneRowPerCase
    | SetCoding
    | SetTimeUnit
    | DropSamples
    | OneSamplePerCase
    | DropGenes
    | RenameGenes
    | AverageGenes
    | RenameSamples
    | LimitValues
    | EmptyUnread
    | LogValues
    | SetUnit,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class Step:
    """One fix of a chain and what it changed."""

    fix: Fix
    changes: tuple[Change, ...]

    @property
    def words(self) -> str:
        """What was done, how often."""
        return f"{self.fix.words}: {many(self.changes, 'change', 'changes')}"


def apply_all(
    tables: Tables, fixes: Sequence[Fix], complete: Callable[[Tables], Tables] = lambda tables: tables
) -> tuple[Tables, tuple[Step, ...]]:
    """The tables after all fixes, in their order.

    Args:
        complete: called after each fix, to look for what can be read now.

    Raises:
        InputError: a fix does not fit the tables; it is named by its place in the chain.
    """
    steps: list[Step] = []
    for number, fix in enumerate(fixes, 1):
        try:
            done = fix.apply(tables)
        except InputError as error:
            raise InputError(f"Fix {number} of {len(fixes)} ({fix.words}): {error}") from error
        tables = complete(done.tables)
        steps.append(Step(fix, done.changes))
    return tables, tuple(steps)
