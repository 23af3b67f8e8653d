"""One table as it was found: its cells, where they stand in the file, and how the file is written."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow makes its functions when it is imported)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from survviz.data.tables import MISSING_WORDS, is_missing
from survviz.intake.findings import Finding

MAX_CELLS = 100_000_000
MAX_ROWS = 2_000_000
"""A table has a row per patient, sample or gene."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table of a file, a sheet or a member of an archive, unchanged.

    Attributes:
        name: as findings name it: `clinical.csv`, `cohort.zip/clinical.csv`, `book.xlsx/Sheet1`.
        sha256: of the file (of the member, in an archive).
        columns: names of the columns, unique; `findings` say where they were not.
        cells: one arrow array per column, of text or (parquet) numbers.
        rows: (n,) number of each row in the file, its first line being 1.
        dialect: how it is written, in words: "csv, UTF-8, comma".
        decimal: what its numbers are written with.
        hints: what stood beside or above the table: "type", "unit" (Xena, cBioPortal), "datatypes".
        findings: what reading found.
    """

    name: str
    sha256: str
    columns: tuple[str, ...]
    cells: tuple[pa.Array, ...]
    rows: NDArray[np.int64]
    dialect: str
    decimal: str = "."
    hints: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str, limit: int | None = None) -> list[str]:
        """The cells of a column as text, or its first ones."""
        cells = self.cells[self.columns.index(name)]
        cells = cells if limit is None else cells.slice(0, limit)
        return as_text(cells)

    def text(self, columns: Sequence[str] | None = None, limit: int | None = None) -> pd.DataFrame:
        """Cells as text, index = row numbers; "" = empty. With `limit`, its first rows only."""
        wanted = list(self.columns if columns is None else columns)
        rows = pd.Index(self.rows[:limit])
        return pd.DataFrame({name: self.column(name, limit) for name in wanted}, index=rows, dtype=object)

    def numbers(self, columns: Sequence[str]) -> tuple[NDArray[np.float32], list[tuple[int, str, str]]]:
        """Columns as numbers.

        Returns:
            (rows, columns) with NaN for what is missing or no number; and (position of the row, column, cell) of
            every cell that is neither a number nor a word for "missing".
        """
        values = np.empty((len(self), len(columns)), dtype=np.float32)
        unread: list[tuple[int, str, str]] = []
        for j, name in enumerate(columns):
            cells = self.cells[self.columns.index(name)]
            values[:, j], bad = to_numbers(cells, self.decimal)
            unread += [(i, name, text) for i, text in bad]
        return values, unread


def as_text(cells: pa.Array) -> list[str]:
    """Cells as they would be written; whole numbers without a decimal point, nothing for null."""
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        return ["" if cell is None else cell for cell in cells.to_pylist()]
    return [_written(cell) for cell in cells.to_pylist()]


def _written(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.9g}" if not cell.is_integer() else f"{cell:.0f}"
    return str(cell)


def to_numbers(cells: pa.Array, decimal: str = ".") -> tuple[NDArray[np.float32], list[tuple[int, str]]]:
    """Numbers of one column, NaN where there is none, and the cells (by position) that say something else."""
    if not (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)):
        return np.asarray(pc.cast(cells, pa.float32()).to_numpy(zero_copy_only=False), dtype=np.float32), []
    if decimal == ",":
        cells = pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
    try:
        return _cast(cells), []
    except pa.ArrowInvalid:
        pass
    cells = pc.utf8_trim_whitespace(cells)
    missing = pc.is_in(pc.utf8_lower(cells), value_set=_MISSING)
    cells = pc.if_else(missing, pa.scalar(None, pa.string()), cells)
    try:
        return _cast(cells), []
    except pa.ArrowInvalid:
        texts = cells.to_pylist()
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which the checks report
        values = np.asarray(pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce"), dtype=np.float32)
    bad = [(i, text) for i, text in enumerate(texts) if not is_missing(text) and np.isnan(values[i])]
    return values, bad


_MISSING = pa.array(sorted(MISSING_WORDS))


def _cast(cells: pa.Array) -> NDArray[np.float32]:
    return np.asarray(pc.cast(cells, pa.float32()).to_numpy(zero_copy_only=False), dtype=np.float32)


def is_blank(cells: pa.Array) -> bool:
    """Whether a column holds nothing at all."""
    if cells.null_count == len(cells):
        return True
    return pa.types.is_string(cells.type) and bool(pc.all(pc.equal(pc.utf8_trim_whitespace(cells), "")).as_py())
