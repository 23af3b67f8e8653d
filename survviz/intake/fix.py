"""What every fix is: a request in JSON, which says what it does and makes new tables from old ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from pydantic import BaseModel, ConfigDict

from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.intake.tables import Tables

LEFT_OUT = "(left out)"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the cleaning report.

    Attributes:
        row: "row 17", a sample name, or "" where all rows are meant.
        column: "" where the whole row is meant.
        before, after: cells as written; "" = empty.
        cells: how many cells this entry stands for.
    """

    table: str
    row: str
    column: str
    before: str
    after: str
    cells: int = 1


@dataclass(frozen=True, slots=True)
class Applied:
    """New tables, and what is different in them."""

    tables: Tables
    changes: tuple[Change, ...]


class BaseFix(BaseModel):
    """A fix asks for names, rows and columns that must be there, so that a replay on another file is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    @abstractmethod
    def words(self) -> str:
        """What it does, as a button and the cleaning report say it."""

    @abstractmethod
    def apply(self, tables: Tables) -> Applied:
        """The tables with this done.

        Raises:
            InputError: what it names is not in the tables.
        """


def because(reason: str) -> str:
    """The reason as the end of a sentence."""
    return f" ({reason})" if reason else ""


def require_rows(name: str, cells: pd.DataFrame, rows: Iterable[int]) -> None:
    """Refuse row numbers that a table lacks."""
    _require(name, "row", [str(row) for row in rows if row not in cells.index])


def require_columns(name: str, cells: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse columns that a table lacks."""
    _require(name, "column", [column for column in columns if column not in cells.columns])


def require_samples(name: str, values: pd.DataFrame, samples: Iterable[str]) -> None:
    """Refuse samples that a matrix lacks."""
    there = set(values.index)
    _require(name, "sample", [sample for sample in samples if sample not in there])


def _require(name: str, what: str, lost: list[str]) -> None:
    if lost:
        raise InputError(
            f"A fix names {what} {shorten(lost)}, which {name} does not have. It belongs to another file, or another "
            "fix came before it: check the files again."
        )
