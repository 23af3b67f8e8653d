"""Workbooks and parquet files as tables; a formula stays the text that it is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from openpyxl.utils.exceptions import InvalidFileException

from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.intake.findings import Finding, row_names
from survviz.intake.source import MAX_CELLS, MAX_ROWS, Source
from survviz.intake.text_source import named
from survviz.intake.wording import many

MAX_SHEET_CELLS = 5_000_000
MAX_SHEET_BYTES = 1 << 30


def read_workbook(name: str, sha256: str, data: bytes) -> list[Source]:
    """Every sheet of an xlsx file that holds something.

    Raises:
        InputError: the file is damaged, protected by a password, or too large.
    """
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            f"{name} is an old or password-protected Excel file. Save it as xlsx or csv without a password."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > MAX_SHEET_BYTES:
            raise InputError(f"{name} would take {size / 1e9:.1f} GB when unpacked. Save the table as csv.")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False)
        sheets = [(sheet.title, list(_rows(name, sheet))) for sheet in book.worksheets]
    except (
        OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, AssertionError,
        zipfile.BadZipFile, NotImplementedError, InvalidFileException,
    ) as error:  # fmt: skip
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} cannot be read as xlsx ({type(error).__name__}: {str(error)[:120]}).") from error
    whole = f"{name}/{{}}" if sum(bool(rows) for _, rows in sheets) > 1 else name
    found = [_sheet(whole.format(title), sha256, rows) for title, rows in sheets if rows]
    if not found:
        raise InputError(f"{name} holds no rows. Expected a header line and one line per row.")
    return found


def _rows(name: str, sheet) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of the rows that hold something."""
    cells = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        cells += len(row)
        if cells > MAX_SHEET_CELLS:
            raise InputError(
                f"{name} has more than {MAX_SHEET_CELLS:,} cells. Save it as csv, which is read much faster."
            )
        texts = [_cell(value) for value in row]
        if any(text.strip() for text in texts):
            yield number, texts


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value == datetime(value.year, value.month, value.day) else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _sheet(name: str, sha256: str, rows: list[tuple[int, list[str]]]) -> Source:
    width = max(sum(bool(cell.strip()) for cell in row) for _, row in rows[:60])
    start = next(i for i, (_, row) in enumerate(rows) if sum(bool(cell.strip()) for cell in row) >= min(2, width))
    header, body = rows[start][1], rows[start + 1 :]
    if not body:
        raise InputError(f"{name} holds no rows. Expected a header line and one line per row.")
    width = max(len(row) for _, row in rows)
    header = header + [""] * (width - len(header))
    columns = [pa.array([row[j] if j < len(row) else "" for _, row in body], pa.string()) for j in range(width)]
    names, cells, findings = named(name, [cell.strip() for cell in header], columns)
    formulas = [number for number, row in body if any(cell.startswith("=") for cell in row)]
    if formulas:
        findings.append(
            Finding(
                "formula-cells", "warning", name,
                f"{name}: {many(formulas, 'row holds', 'rows hold')} formulas, which are not computed here "
                f"({shorten(row_names(formulas))}). Copy the sheet and paste it as values.",
                rows=row_names(formulas),
            )
        )  # fmt: skip
    numbers = np.array([number for number, _ in body], dtype=np.int64)
    return Source(name, sha256, names, cells, numbers, "xlsx", findings=tuple(findings))


def read_parquet(name: str, sha256: str, data: bytes) -> Source:
    """A parquet file; an index that has a name becomes the first column.

    Raises:
        InputError: the file is damaged, empty or too large.
    """
    try:
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(data))
        if file.metadata.num_rows * file.metadata.num_columns > MAX_CELLS:
            raise InputError(f"{name} has more than {MAX_CELLS:,} cells. Leave out genes that no model reads.")
        if file.metadata.num_rows > MAX_ROWS:
            raise InputError(f"{name} has {file.metadata.num_rows:,} rows; expected at most {MAX_ROWS:,}.")
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read as parquet: {str(error)[:200]}.") from error
    if not table.num_rows or not table.num_columns:
        raise InputError(f"{name} holds no rows.")
    index = _index(table)
    order = [*index, *(name for name in table.column_names if name not in index)]
    place = {column: i for i, column in enumerate(table.column_names)}
    columns = [_plain(table.column(place[column])) for column in order]
    written = ["" if column.startswith("__index_level_") else column.strip() for column in order]
    names, cells, findings = named(name, written, columns)
    return Source(name, sha256, names, cells, np.arange(2, table.num_rows + 2), "parquet", findings=tuple(findings))


def _index(table: pa.Table) -> list[str]:
    """The columns that pandas wrote as its index."""
    stored = (table.schema.pandas_metadata or {}).get("index_columns", [])
    return [column for column in stored if isinstance(column, str) and column in table.column_names]


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Text or numbers; dictionaries, dates and flags become text."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return column
    if pa.types.is_string(kind):
        return column.fill_null("")
    cells = ["" if cell is None or cell is pd.NaT else str(cell) for cell in column.to_pylist()]
    return pa.array(cells, pa.string())
