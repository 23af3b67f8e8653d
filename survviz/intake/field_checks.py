"""Clinical fields: impossible ages, ages in days, spellings of stage, grade and sex, unexplained codes, gaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from survviz.data.clinical import GRADE, GRADE_WORDS, KINDS, MAIN_STAGE, ClinicalField, load_templates
from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.intake.endpoint_view import column, numbers, rows_where
from survviz.intake.findings import Finding, row_names
from survviz.intake.fixes import Cell, ChangeUnit, DecimalPoint, Fix, ReplaceValues, SetCells
from survviz.intake.tables import FieldSource, Tables
from survviz.intake.text_fixes import COMMA_NUMBER
from survviz.intake.wording import many
from survviz.units import MONTHS_PER_UNIT, TimeUnit

OPEN_END = re.compile(r"^[<>≥≤=\s]*(\d+(?:\.\d+)?)\s*\+?$")
MOSTLY_MISSING = 0.5
UNKNOWN = {"stage": "unknown-stages", "grade": "unknown-grades", "text": "unknown-values"}
UNITS: tuple[TimeUnit, ...] = ("days", "months", "years")


@dataclass(frozen=True)
class _Column:
    """A clinical field, where it is, and what it holds."""

    tables: Tables
    source: FieldSource
    field: ClinicalField

    @property
    def table(self) -> str:
        return self.source.table

    @property
    def name(self) -> str:
        return self.source.column

    @cached_property
    def cells(self) -> pd.Series:
        return column(self.tables.table(self.table), self.name)

    @cached_property
    def counts(self) -> Counter[str]:
        """Known cells, as written, with how often."""
        return Counter(str(cell).strip() for cell in self.cells if not self.field.is_unknown(cell))

    def rows(self, values: Mapping[str, object] | set[str]) -> list[int]:
        """Rows whose cell is one of these."""
        return rows_where(self.cells.map(lambda cell: str(cell).strip() in values))

    def emptied(self, rows: list[int], reason: str) -> Fix:
        """Leave these cells empty."""
        cells = tuple(Cell(row=row, column=self.name, value="") for row in rows)
        return SetCells(table=self.table, cells=cells, reason=reason)

    def rewritten(self, values: Mapping[str, str]) -> Fix:
        """Write these cells in another way, also where blanks surround them."""
        found = {cell: values[cell.strip()] for cell in dict.fromkeys(self.cells) if cell.strip() in values}
        return ReplaceValues(table=self.table, column=self.name, values=found)


def check_fields(tables: Tables) -> Iterator[Finding]:
    """Findings about the clinical fields that were found."""
    if tables.outcome is None:
        return
    known = {field.token: field for field in load_templates().known}
    for token, source in tables.outcome.fields.items():
        if token not in known or source.table not in tables.text:
            continue
        if source.column not in tables.text[source.table].columns:
            continue
        one = _Column(tables, source, known[token])
        yield from _gaps(one)
        if one.field.kind == "number":
            yield from _numbers(one)
        else:
            yield from _words(one)


def _gaps(one: _Column) -> Iterator[Finding]:
    n, known = len(one.cells), sum(one.counts.values())
    if n > 1 and len(one.counts) == 1 and known == n:
        text = f"{one.field.token} ({one.name}) is {next(iter(one.counts))!r} in every row, so it tells nobody apart."
        yield Finding("constant-field", "note", one.table, text, (), (one.name,))
    if known < n * (1 - MOSTLY_MISSING):
        text = (
            f"{one.field.token} ({one.name}) is missing in {n - known:,} of {n:,} rows. Where it is missing, a model "
            "is told so, not given a guess."
        )
        yield Finding("mostly-missing-field", "note", one.table, text, (), (one.name,))


# ---- numbers


def _numbers(one: _Column) -> Iterator[Finding]:
    values = pd.Series(numbers(one.cells), index=one.cells.index)
    words = rows_where(values.isna() & ~one.cells.map(is_missing))
    if words:
        yield _no_numbers(one, words)
    if one.field.range is None:
        return
    low, high = one.field.range
    unit: TimeUnit = one.source.unit or "years"
    years = values * MONTHS_PER_UNIT[unit] / MONTHS_PER_UNIT["years"]
    outside = ~years.between(low, high) & np.isfinite(years)
    known = int(np.isfinite(values).sum())
    if not outside.any():
        if one.source.unit not in ("", "years") and known:
            middle = f"median {values.median():,.0f} {unit}, {years.median():.0f} years"
            text = f"{one.field.token} ({one.name}) is read in {unit} ({middle}) and written in years."
            yield Finding("age-unit", "note", one.table, text, (), (one.name,))
        return
    if outside.sum() > known / 2:
        yield _other_unit(one, values, unit, low, high)
        return
    rows = rows_where(outside)
    text = (
        f"{many(rows, 'impossible value', 'impossible values')} of {one.field.token} ({one.name}) "
        f"({shorten(f'{values.at[row]:g}' for row in rows)}); expected {low:g} to {high:g} years. Empty them."
    )
    code = "impossible-age" if one.field.token == "Age" else "impossible-values"
    yield Finding(
        code, "error", one.table, text, row_names(rows), (one.name,), (one.emptied(rows, "an impossible value"),)
    )


def _no_numbers(one: _Column, rows: list[int]) -> Finding:
    """Words, decimal commas, and open ends as `90+`."""
    texts = [str(one.cells.at[row]).strip() for row in rows]
    ends = {text: match.group(1) for text in texts if (match := OPEN_END.match(text))}
    fixes: list[Fix] = []
    if any(COMMA_NUMBER.match(text) for text in texts):
        fixes.append(DecimalPoint(table=one.table, columns=(one.name,)))
    if ends:
        fixes.append(one.rewritten(ends))
    fixes.append(one.emptied(rows, "no number"))
    shown = shorten(map(repr, dict.fromkeys(texts)))
    text = (
        f"{many(rows, 'cell', 'cells')} of {one.field.token} ({one.name}) without a number ({shown}). {fixes[0].words}?"
    )
    return Finding("not-a-number", "error", one.table, text, row_names(rows), (one.name,), tuple(fixes))


def _other_unit(one: _Column, values: pd.Series, unit: TimeUnit, low: float, high: float) -> Finding:
    """More than half of the ages are impossible in this unit: in which, or with which sign, would they be possible?"""
    middle = float(values.abs().median())
    rows = row_names(rows_where(values.notna()))
    fits: list[TimeUnit] = [
        other for other in (unit, *UNITS) if low < 10 <= middle * MONTHS_PER_UNIT[other] / 12 <= high
    ]
    text = f"Half of the values of {one.field.token} ({one.name}) are beyond {middle:,.0f}"
    if not fits:
        text += (
            f", read in {unit}; expected {low:g} to {high:g} years, and no other unit fits. Is this the right column?"
        )
        return Finding("impossible-age", "error", one.table, text, rows, (one.name,))
    if float(values.median()) < 0:
        text += f" and negative, as {fits[0]} from diagnosis back to birth are. Write them without the minus."
        factor = MONTHS_PER_UNIT[fits[0]] / MONTHS_PER_UNIT[unit]
        cells = {cell.strip(): f"{abs(float(cell)) * factor:.6g}" for cell in one.counts if _is_number(cell)}
        return Finding("age-unit", "error", one.table, text, rows, (one.name,), (one.rewritten(cells),))
    text += f", read in {unit}; in {fits[0]} they would be possible. Convert them."
    fix = ChangeUnit(table=one.table, column=one.name, given=fits[0], wanted=unit)
    return Finding("age-unit", "error", one.table, text, rows, (one.name,), (fix,))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# ---- words


def _words(one: _Column) -> Iterator[Finding]:
    written = {cell: KINDS[one.field.kind](one.field, cell) for cell in one.counts}
    known = {cell: text for cell, text in written.items() if _is_known(one.field, text)}
    if one.field.kind == "text" and not one.field.values:
        return
    codes = {cell for cell in set(written) - set(known) if re.fullmatch(r"-?\d+(\.0)?", cell)}
    if codes and one.field.kind == "text":
        yield from _codes(one, codes)
    unknown = {cell: None for cell in written if cell not in known and cell not in codes}
    if unknown:
        counts = {cell: one.counts[cell] for cell in unknown}
        shown = shorten(f"{cell!r}: {count:,}" for cell, count in counts.items())
        text = (
            f"{one.field.token} ({one.name}) holds {many(unknown, 'value', 'values')} unknown to survviz ({shown}). "
            f"They are used as they are written, as values of their own. {_expected(one.field)}"
        )
        yield Finding(UNKNOWN[one.field.kind], "warning", one.table, text, row_names(one.rows(unknown)), (one.name,))
    several = Counter(known.values())
    other = {cell: text for cell, text in known.items() if several[text] > 1 and cell != _short(one.field, text)}
    if other:
        pairs = shorten(f"{cell!r} = {_short(one.field, text)}" for cell, text in other.items())
        text = (
            f"{one.field.token} ({one.name}) is spelled in several ways ({pairs}). They are read alike; write them "
            "alike where others will read the table."
        )
        fix = one.rewritten({cell: _short(one.field, text) for cell, text in other.items()})
        rows = row_names(one.rows(other))
        yield Finding("several-spellings", "note", one.table, text, rows, (one.name,), (fix,))


def _codes(one: _Column, codes: set[str]) -> Iterator[Finding]:
    """Numbers where words are expected: which is which only the owner, or the column's name, can tell."""
    named = re.search(r"(?:^|_)is_?(female|male)|^(female|male)$", one.name, re.IGNORECASE)
    text = f"{one.field.token} ({one.name}) is coded in numbers ({shorten(sorted(codes))}), which nothing explains. "
    fixes: tuple[Fix, ...] = ()
    if named and {f"{float(code):g}" for code in codes} <= {"0", "1"}:
        yes = (named.group(1) or named.group(2)).lower()
        no = "male" if yes == "female" else "female"
        fixes = (one.rewritten({code: yes if float(code) == 1 else no for code in codes}),)
        text += f"By the column's name 1 is {yes}: write the words."
    else:
        text += f"Write the words. {_expected(one.field)}"
    rows = row_names(one.rows(codes))
    yield Finding("unexplained-codes", "warning", one.table, text, rows, (one.name,), fixes)


def _is_known(field: ClinicalField, text: str) -> bool:
    if field.kind == "stage":
        return bool(MAIN_STAGE.match(text))
    if field.kind == "grade":
        return text in GRADE_WORDS.values() or text in ("high", "low", "intermediate")
    return text in field.values


def _short(field: ClinicalField, text: str) -> str:
    """As a table writes it: `G2`, `IIA`, `female`."""
    if field.kind == "grade" and (match := GRADE.match(text.partition(" ")[0])):
        return f"G{match.group(1)}"
    return text


def _expected(field: ClinicalField) -> str:
    if field.kind == "stage":
        return "Expected stages as I, IIA, III or Stage IV."
    if field.kind == "grade":
        return "Expected grades as G1 to G4, high or low."
    return f"Expected {shorten(field.values, 6)}."
