"""Fixes of text tables and of what their columns mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.errors import InputError
from survviz.intake.fix import LEFT_OUT, Applied, BaseFix, Change, because, require_columns, require_rows
from survviz.intake.tables import Tables
from survviz.intake.wording import many
from survviz.units import MONTHS_PER_UNIT, TimeUnit

COMMA_NUMBER = re.compile(r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+(e[+-]?\d+)?$", re.IGNORECASE)


class Cell(BaseModel):
    """A cell of a text table and what it shall hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int
    column: str
    value: str


class DropRows(BaseFix):
    """Leave rows out."""

    kind: Literal["drop-rows"] = "drop-rows"
    table: str
    rows: tuple[int, ...] = Field(min_length=1)
    reason: str = ""

    @property
    def words(self) -> str:
        return f"Leave out {many(self.rows, 'row', 'rows')} of {self.table}{because(self.reason)}"

    def apply(self, tables: Tables) -> Applied:
        cells = tables.table(self.table)
        require_rows(self.table, cells, self.rows)
        first = cells.columns[0]
        changes = [
            Change(self.table, f"row {row}", "", f"{first} = {cells.at[row, first]}", LEFT_OUT) for row in self.rows
        ]
        return Applied(tables.with_table(self.table, cells.drop(index=list(self.rows))), tuple(changes))


class DropColumns(BaseFix):
    """Leave columns out."""

    kind: Literal["drop-columns"] = "drop-columns"
    table: str
    columns: tuple[str, ...] = Field(min_length=1)
    reason: str = ""

    @property
    def words(self) -> str:
        return f"Leave out {shorten(self.columns, 3)} of {self.table}{because(self.reason)}"

    def apply(self, tables: Tables) -> Applied:
        cells = tables.table(self.table)
        require_columns(self.table, cells, self.columns)
        changes = [Change(self.table, "", column, "", LEFT_OUT, cells=len(cells)) for column in self.columns]
        return Applied(tables.with_table(self.table, cells.drop(columns=list(self.columns))), tuple(changes))


class SetCells(BaseFix):
    """Write cells; "" empties one."""

    kind: Literal["set-cells"] = "set-cells"
    table: str
    cells: tuple[Cell, ...] = Field(min_length=1)
    reason: str = ""

    @property
    def words(self) -> str:
        verb = "Change" if any(cell.value for cell in self.cells) else "Empty"
        columns = shorten(dict.fromkeys(cell.column for cell in self.cells), 3)
        return f"{verb} {many(self.cells, 'cell', 'cells')} of {columns} in {self.table}{because(self.reason)}"

    def apply(self, tables: Tables) -> Applied:
        cells = tables.table(self.table).copy()
        require_rows(self.table, cells, (cell.row for cell in self.cells))
        require_columns(self.table, cells, dict.fromkeys(cell.column for cell in self.cells))
        changes = []
        for cell in self.cells:
            changes.append(
                Change(self.table, f"row {cell.row}", cell.column, str(cells.at[cell.row, cell.column]), cell.value)
            )
            cells.at[cell.row, cell.column] = cell.value
        return Applied(tables.with_table(self.table, cells), tuple(changes))


class ReplaceValues(BaseFix):
    """Write some values of a column in another way: stages, ids, words for death."""

    kind: Literal["replace-values"] = "replace-values"
    table: str
    column: str
    values: dict[str, str] = Field(min_length=1)
    reason: str = ""

    @property
    def words(self) -> str:
        pairs = shorten((f"{old!r} as {new!r}" for old, new in self.values.items()), 3)
        return f"Write {pairs} in {self.column} of {self.table}{because(self.reason)}"

    def apply(self, tables: Tables) -> Applied:
        require_columns(self.table, tables.table(self.table), [self.column])
        return _rewritten(tables, self.table, self.column, self.values.get)


class RenameColumns(BaseFix):
    """Give columns other names."""

    kind: Literal["rename-columns"] = "rename-columns"
    table: str
    names: dict[str, str] = Field(min_length=1)

    @property
    def words(self) -> str:
        pairs = shorten((f"{old!r} to {new!r}" for old, new in self.names.items()), 3)
        return f"Rename {pairs} in {self.table}"

    def apply(self, tables: Tables) -> Applied:
        cells = tables.table(self.table)
        require_columns(self.table, cells, self.names)
        renamed = cells.rename(columns=self.names)
        if not renamed.columns.is_unique:
            raise InputError(f"{self.words} would give two columns the same name. Leave one out first.")
        changes = [Change(self.table, "", old, old, new, cells=0) for old, new in self.names.items()]
        return Applied(tables.with_table(self.table, renamed), tuple(changes))


class DecimalPoint(BaseFix):
    """Write `63,5` as `63.5`, and `1.063,5` as `1063.5`."""

    kind: Literal["decimal-point"] = "decimal-point"
    table: str
    columns: tuple[str, ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        return f"Write decimals with a point in {shorten(self.columns, 3)} of {self.table}"

    def apply(self, tables: Tables) -> Applied:
        require_columns(self.table, tables.table(self.table), self.columns)
        changes: list[Change] = []
        for column in self.columns:
            done = _rewritten(tables, self.table, column, _with_point)
            tables, changes = done.tables, [*changes, *done.changes]
        return Applied(tables, tuple(changes))


class ChangeUnit(BaseFix):
    """Convert the durations of a column: ages in days to years."""

    kind: Literal["change-unit"] = "change-unit"
    table: str
    column: str
    given: TimeUnit
    wanted: TimeUnit

    @property
    def words(self) -> str:
        return f"Convert {self.column} of {self.table} from {self.given} to {self.wanted}"

    def apply(self, tables: Tables) -> Applied:
        require_columns(self.table, tables.table(self.table), [self.column])
        factor = MONTHS_PER_UNIT[self.given] / MONTHS_PER_UNIT[self.wanted]

        def convert(cell: str) -> str | None:
            try:
                return None if is_missing(cell) else f"{float(cell) * factor:.6g}"
            except ValueError:
                return None

        return _rewritten(tables, self.table, self.column, convert)


class KeepWhere(BaseFix):
    """Keep only rows with certain values: the patients of one project."""

    kind: Literal["keep-where"] = "keep-where"
    table: str
    column: str
    values: tuple[str, ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        return f"Keep only the rows of {self.table} where {self.column} is {shorten(self.values, 5)}"

    def apply(self, tables: Tables) -> Applied:
        cells = tables.table(self.table)
        require_columns(self.table, cells, [self.column])
        keep = cells[self.column].isin(self.values).to_numpy()
        if not keep.any():
            raise InputError(f"{self.words}: there is no such row.")
        lost = cells.loc[~keep, self.column].items()
        changes = [Change(self.table, f"row {row}", "", f"{self.column} = {cell}", LEFT_OUT) for row, cell in lost]
        return Applied(tables.with_table(self.table, cells.loc[keep]), tuple(changes))


class FirstKnown(BaseFix):
    """A new column with the first known cell of several: the time of death, else that of the last contact."""

    kind: Literal["first-known"] = "first-known"
    table: str
    columns: tuple[str, ...] = Field(min_length=2)
    name: str = Field(min_length=1)

    @property
    def words(self) -> str:
        return f"Make {self.name} of {self.table} from {self.columns[0]}, else {', else '.join(self.columns[1:])}"

    def apply(self, tables: Tables) -> Applied:
        cells = tables.table(self.table)
        require_columns(self.table, cells, self.columns)
        if self.name in cells:
            raise InputError(f"{self.words}: there is a column of this name. Choose another one.")
        rows = cells[list(self.columns)].to_numpy().tolist()
        known = [next((cell for cell in row if not is_missing(cell)), "") for row in rows]
        change = Change(self.table, "", self.name, "", f"from {shorten(self.columns)}", cells=len(cells))
        return Applied(tables.with_table(self.table, cells.assign(**{self.name: known})), (change,))


class OneRowPerCase(BaseFix):
    """Keep the first row of each case, where the rows of a case agree in the columns that are used.

    Attributes:
        columns: must agree within a case, else the fix is refused.
    """

    kind: Literal["one-row-per-case"] = "one-row-per-case"
    table: str
    id: str
    columns: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        agree = f" (its rows agree in {shorten(self.columns, 3)})" if self.columns else ""
        return f"Keep the first row of each {self.id} in {self.table}{agree}"

    def apply(self, tables: Tables) -> Applied:
        cells = tables.table(self.table)
        require_columns(self.table, cells, [self.id, *self.columns])
        ids = cells[self.id].str.strip()
        known = ~ids.map(is_missing)
        for column in self.columns:
            counts = cells[known].groupby(ids[known])[column].nunique()
            several = [str(case) for case, count in counts.items() if count > 1]
            if several:
                raise InputError(
                    f"{self.words}: the rows of {shorten(several)} differ in {column}. Say by hand which one is right."
                )
        again = ids.duplicated() & known
        spare = [row for row, repeated in again.items() if repeated]
        if not spare:
            return Applied(tables, ())
        return DropRows(table=self.table, rows=tuple(spare)).apply(tables)


def _with_point(cell: str) -> str | None:
    text = cell.strip()
    return text.replace(".", "").replace(",", ".") if COMMA_NUMBER.match(text) else None


def _rewritten(tables: Tables, name: str, column: str, new: Callable[[str], str | None]) -> Applied:
    """Every cell for which `new` has another text."""
    cells = tables.table(name)
    wanted = cells[column].map(lambda cell: cell if (other := new(cell)) is None else other)
    different = cells.index[wanted != cells[column]]
    changes = [Change(name, f"row {row}", column, str(cells.at[row, column]), str(wanted.at[row])) for row in different]
    return Applied(tables.with_table(name, cells.assign(**{column: wanted})), tuple(changes))
