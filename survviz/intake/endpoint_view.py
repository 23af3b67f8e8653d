"""One endpoint of the outcome table, read as checks need it; nothing is refused here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from survviz.intake.tables import Endpoint, Outcome, Tables
from survviz.units import to_months


def numbers(cells: pd.Series) -> np.ndarray:
    """Float of each cell; NaN where it is none."""
    return np.asarray(pd.to_numeric(cells.map(lambda cell: cell.strip() or None), errors="coerce"), dtype=np.float64)


def column(cells: pd.DataFrame, name: str) -> pd.Series:
    """One column of a table whose columns are unique."""
    return pd.Series(cells[name])


def rows_where(mask: Any) -> list[int]:
    """Row numbers at which a boolean series is true."""
    return [int(row) for row, true in mask.items() if true]


def spelling(cell: object) -> str:
    """How event cells are compared: without case, `1.0` like `1`."""
    text = str(cell).strip().lower()
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


@dataclass(frozen=True)
class EndpointView:
    """Times and events of one endpoint, by row number."""

    tables: Tables
    outcome: Outcome
    endpoint: Endpoint

    @property
    def name(self) -> str:
        return self.outcome.table

    @property
    def is_main(self) -> bool:
        return self.endpoint == self.outcome.main

    @cached_property
    def cells(self) -> pd.DataFrame:
        return self.tables.table(self.name)

    @cached_property
    def times(self) -> pd.Series:
        """In the endpoint's unit; NaN = missing or no number."""
        return pd.Series(numbers(column(self.cells, self.endpoint.time)), index=self.cells.index)

    @property
    def months(self) -> pd.Series:
        """The times in months."""
        return self.times * to_months(1.0, self.endpoint.time_unit)

    @cached_property
    def events(self) -> pd.Series:
        """1, 0, or NaN where the coding does not know the cell."""
        coding = {spelling(cell): 1.0 for cell in self.endpoint.coding.observed}
        coding |= {spelling(cell): 0.0 for cell in self.endpoint.coding.censored}
        cells = column(self.cells, self.endpoint.event)
        return pd.Series([coding.get(spelling(cell), math.nan) for cell in cells], index=cells.index, dtype=float)
