"""Tables that people open in a spreadsheet program: text that it would compute is marked as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that Excel and LibreOffice take for a formula (OWASP, CSV injection)."""


def would_be_computed(value: object) -> bool:
    """Whether a spreadsheet program would take a cell for a formula; a number is none, whatever its sign."""
    if not isinstance(value, str) or not value.startswith(COMPUTED):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return value[0] in "\t\r\n"


def as_cell(value: Any) -> Any:
    """The value; text that would be computed begins with an apostrophe."""
    return f"'{value}" if would_be_computed(value) else value


def table_csv(table: pd.DataFrame, *, index: bool = True, **options: Any) -> str:
    """A table for people as CSV: cells, names of rows and names of columns are harmless.

    Args:
        index: write the names of the rows.
        options: as of `DataFrame.to_csv`.
    """
    safe = table.copy()
    for number, kind in enumerate(table.dtypes):
        if not (hasattr(kind, "kind") and kind.kind in "biufcmM"):
            safe.isetitem(number, table.iloc[:, number].astype(object).map(as_cell))
    safe.columns = [as_cell(str(name)) for name in table.columns]
    if index:
        safe.index = table.index.map(as_cell)
    return safe.to_csv(index=index, **options)
