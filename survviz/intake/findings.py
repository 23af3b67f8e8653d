"""What is wrong with somebody's tables, or worth knowing: said, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from survviz.intake.fixes import Fix

Severity: TypeAlias = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        code: stable name, as `docs/intake.md` lists it ("inverted-coding", "normal-samples").
        severity: an error stops the writing of the cohort.
        table: file (or file/sheet) as its owner names it; "" = all tables together.
        text: what was found, what was expected, what to do; with numbers and at most 5 examples.
        rows: "row 17" of a text table, sample names of a matrix, case ids; all of them, also where `text` shortens.
        columns: the columns (or genes) that it is about.
        fixes: what one may ask for, the recommended one first; () = only the owner can mend it.
    """

    code: str
    severity: Severity
    table: str
    text: str
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then notes; each in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def row_names(rows: Iterable[int]) -> tuple[str, ...]:
    """Row numbers of a text table as findings name them."""
    return tuple(f"row {row}" for row in rows)
