"""Who the rows of the outcome table are: cases without id, spoilt ids, several rows of one case."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

from survviz.data.barcodes import tcga_case
from survviz.data.genes import shorten
from survviz.data.tables import EXCEL_DATE, is_missing
from survviz.intake.endpoint_view import column, rows_where
from survviz.intake.findings import Finding, row_names
from survviz.intake.fixes import DropRows, Fix, OneRowPerCase
from survviz.intake.tables import Outcome, Tables
from survviz.intake.wording import many

SCIENTIFIC = re.compile(r"^\d(\.\d+)?E\+\d+$", re.IGNORECASE)


def check_cases(tables: Tables, outcome: Outcome) -> Iterator[Finding]:
    """Findings about the case ids."""
    name, cells = outcome.table, tables.table(outcome.table)
    ids = column(cells, outcome.id).str.strip()
    empty = rows_where(ids.map(is_missing))
    if empty:
        text = (
            f"{many(empty, 'row has', 'rows have')} no case id in {outcome.id!r} "
            f"({shorten(row_names(empty))}). Leave them out."
        )
        fix = DropRows(table=name, rows=tuple(empty), reason="no case id")
        yield Finding("missing-id", "error", name, text, row_names(empty), (outcome.id,), (fix,))
    spoilt = rows_where(ids.map(lambda one: bool(SCIENTIFIC.match(one) or EXCEL_DATE.match(one))))
    if spoilt:
        shown = shorten(ids.loc[spoilt])
        text = (
            f"{many(spoilt, 'case id looks', 'case ids look')} as if a spreadsheet had changed them ({shown}): a long "
            "number or a date. Take the ids from the source, with the column formatted as text."
        )
        yield Finding("spoilt-ids", "warning", name, text, row_names(spoilt), (outcome.id,))
    yield from _repeated(name, cells, ids[~ids.map(is_missing)], outcome)


def _repeated(name: str, cells: pd.DataFrame, ids: pd.Series, outcome: Outcome) -> Iterator[Finding]:
    """Rows of one patient that agree, rows that do not, and samples of one patient under names of their own."""
    barcodes = ids.map(lambda one: tcga_case(one) or one)
    used = {outcome.id: None} | {column: None for one in outcome.endpoints for column in (one.time, one.event)}
    used |= {source.column: None for source in outcome.fields.values() if source.table == name}
    columns = [column for column in used if column != outcome.id and column in cells.columns]
    by_case = cells.loc[barcodes.index, columns].groupby(barcodes.to_numpy())
    differ = by_case.nunique()
    size = by_case.size()
    several = size.index[size > 1]
    conflict = [case for case in several if (differ.loc[case] > 1).any()]
    agree = [case for case in several if case not in set(conflict)]
    if agree:
        rows = rows_where(barcodes.isin(agree) & barcodes.duplicated())
        text = (
            f"{many(agree, 'case has', 'cases have')} several rows ({shorten(agree)}) that agree in outcome and "
            "clinical fields, as where each row is a slide or a sample; expected one row per case. Keep the first of "
            "each."
        )
        by_id = not conflict and bool((ids.loc[rows] == barcodes.loc[rows]).all())
        fix: Fix = (
            OneRowPerCase(table=name, id=outcome.id, columns=tuple(columns))
            if by_id
            else DropRows(table=name, rows=tuple(rows), reason="a further row of the same case")
        )
        yield Finding("several-rows-per-case", "error", name, text, row_names(rows), (outcome.id,), (fix,))
    if conflict:
        rows = rows_where(barcodes.isin(conflict))
        where = [column for column in columns if (differ.loc[conflict, column] > 1).any()]
        text = (
            f"{many(conflict, 'case has', 'cases have')} several rows that contradict one another in {shorten(where)} "
            f"({shorten(conflict)}). Which row is right cannot be told: leave these cases out, or correct them."
        )
        fix = DropRows(table=name, rows=tuple(rows), reason="rows of one case that contradict one another")
        yield Finding("conflicting-rows", "error", name, text, row_names(rows), tuple(where), (fix,))
