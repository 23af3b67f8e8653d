"""What one broken input is: its files, and what must be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from survviz.intake.findings import Severity
from tests.intake.corpus.good import clinical, csv


@dataclass(frozen=True)
class Broken:
    """One broken input.

    Attributes:
        name: of the fault; unique.
        files: file name -> bytes.
        code: of the finding that must be there.
        says: what its text must hold.
        severity: of that finding.
        rows: how many rows it must list; None = not counted.
        mended: whether asking for every recommended fix leaves no finding of this code.
    """

    name: str
    files: Mapping[str, bytes]
    code: str
    says: tuple[str, ...]
    severity: Severity = "error"
    rows: int | None = None
    mended: bool = True


def one_table(
    name: str,
    code: str,
    *says: str,
    severity: Severity = "error",
    rows: int | None = None,
    mended: bool = True,
    **cells: list[str] | dict[int, str],
) -> Broken:
    """A fault of the outcome table: whole columns, or single cells by their position."""
    table = clinical()
    for column, new in cells.items():
        column = column.replace("__", ".")
        if isinstance(new, dict):
            for position, text in new.items():
                table.loc[position, column] = text
        else:
            table[column] = new
    return Broken(name, {"clinical.csv": csv(table)}, code, says, severity, rows, mended)
