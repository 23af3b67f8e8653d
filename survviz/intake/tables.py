"""The tables of a cohort under check: text as it was written, matrices as numbers, and what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from survviz.errors import UnknownNameError
from survviz.units import TimeUnit

MatrixRole: TypeAlias = Literal["rna", "mirna", "cnv", "features"]


class Coding(BaseModel):
    """What the cells of an event column mean.

    Attributes:
        observed, censored: cells as written (`1:DECEASED`), compared without case; `1.0` is `1`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    observed: tuple[str, ...] = Field(min_length=1)
    censored: tuple[str, ...] = ()

    @property
    def inverted(self) -> Coding:
        """The same cells with the opposite meaning."""
        return Coding(observed=self.censored, censored=self.observed)


class Endpoint(BaseModel):
    """One outcome: how long, and what happened then.

    Attributes:
        name: "OS", "DSS", "PFI", ...; "OS" where nothing says otherwise.
        time, event: columns of the outcome table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    time: str
    event: str
    time_unit: TimeUnit
    coding: Coding


class FieldSource(BaseModel):
    """Where a clinical field is: a column of a text table, and its unit where it is a duration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    column: str
    unit: Literal["", "years", "months", "days"] = ""


class Outcome(BaseModel):
    """What the columns of the outcome table mean.

    Attributes:
        table: name of the outcome table.
        id: column of the case ids.
        endpoints: the first one is what the cohort is about.
        entry: column of the time at which follow-up began to count (left truncation), in the first endpoint's unit.
        fields: clinical token ("Age", "Stage") -> where it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    id: str
    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    entry: str | None = None
    fields: dict[str, FieldSource] = {}

    @property
    def main(self) -> Endpoint:
        """The endpoint that the cohort is about."""
        return self.endpoints[0]


@dataclass(frozen=True, slots=True)
class Unread:
    """A cell of a matrix that is no number; its value is NaN."""

    sample: str
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Samples x genes (or miRNAs, copy numbers, pathology features), whichever way round the file is.

    Attributes:
        values: float32; index = sample names, columns = genes, both as written and possibly repeated; NaN = no value.
        unit: in words, as `[rna] unit` in cohort.toml; "" where nobody knows.
        about: columns that are no measurement (`machine`, `sample_type`), as text, in the order of `values`.
        unread: cells that are no number and do not say "missing".
    """

    role: MatrixRole
    values: pd.DataFrame
    unit: str = ""
    about: pd.DataFrame = field(default_factory=pd.DataFrame)
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that checks read and fixes change; a fix makes a new one.

    Attributes:
        text: table name -> cells as text, "" = empty; the index is the row number in the file (header = 1 where
            nothing stands above it), the columns are unique.
        matrices: table name -> matrix.
        outcome: None while no table holds an outcome.
    """

    text: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    matrices: Mapping[str, Matrix] = field(default_factory=dict)
    outcome: Outcome | None = None

    def table(self, name: str) -> pd.DataFrame:
        """A text table.

        Raises:
            UnknownNameError: there is none of this name.
        """
        if name not in self.text:
            raise UnknownNameError("table", name, self.text)
        return self.text[name]

    def matrix(self, name: str) -> Matrix:
        """A matrix.

        Raises:
            UnknownNameError: there is none of this name.
        """
        if name not in self.matrices:
            raise UnknownNameError("matrix", name, self.matrices)
        return self.matrices[name]

    def with_table(self, name: str, cells: pd.DataFrame) -> Tables:
        """The same with another text table."""
        return replace(self, text={**self.text, name: cells})

    def with_matrix(self, name: str, matrix: Matrix) -> Tables:
        """The same with another matrix."""
        return replace(self, matrices={**self.matrices, name: matrix})
