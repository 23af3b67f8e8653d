"""Fixes of matrices: samples, genes, values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from survviz.data.barcodes import one_sample_per_case, tcga_case
from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.intake.fix import LEFT_OUT, Applied, BaseFix, Change, because, require_columns, require_samples
from survviz.intake.tables import Matrix, Tables
from survviz.intake.wording import many


class DropSamples(BaseFix):
    """Leave samples out: normal tissue, repeated aliquots."""

    kind: Literal["drop-samples"] = "drop-samples"
    table: str
    samples: tuple[str, ...] = Field(min_length=1)
    reason: str = ""

    @property
    def words(self) -> str:
        return f"Leave out {many(self.samples, 'sample', 'samples')} of {self.table}{because(self.reason)}"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        require_samples(self.table, matrix.values, self.samples)
        keep = ~matrix.values.index.isin(self.samples)
        return _kept(tables, self.table, keep)


class OneSamplePerCase(BaseFix):
    """Keep one row per TCGA patient: the primary tumour, or else the lowest sample type, of the newest machine.

    Names that are no TCGA barcodes keep the first of equal names.

    Attributes:
        machines: worst first; a sample on the last one is preferred.
    """

    kind: Literal["one-sample-per-case"] = "one-sample-per-case"
    table: str
    machines: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        newest = f", measured on {self.machines[-1]} where possible" if self.machines else ""
        return f"Keep one tumour sample per patient in {self.table} (primary tumour first{newest})"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        names = [str(name) for name in matrix.values.index]
        if all(tcga_case(name) for name in names):
            kept = set(one_sample_per_case(names, rank=self._ranks(matrix)).kept.values())
        else:
            kept = {names.index(name) for name in dict.fromkeys(names)}
        return _kept(tables, self.table, np.array([i in kept for i in range(len(names))]))

    def _ranks(self, matrix: Matrix) -> list[int] | None:
        if not self.machines or "machine" not in matrix.about:
            return None
        order = {machine: -i for i, machine in enumerate(self.machines)}
        return [order.get(machine, 1) for machine in matrix.about["machine"]]


class DropGenes(BaseFix):
    """Leave columns of a matrix out: constants, repeated names, what is no gene."""

    kind: Literal["drop-genes"] = "drop-genes"
    table: str
    genes: tuple[str, ...] = Field(min_length=1)
    reason: str = ""

    @property
    def words(self) -> str:
        return f"Leave out {many(self.genes, 'column', 'columns')} of {self.table}{because(self.reason)}"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        require_columns(self.table, matrix.values, self.genes)
        gone = set(self.genes)
        values = matrix.values.loc[:, ~matrix.values.columns.isin(self.genes)]
        unread = tuple(cell for cell in matrix.unread if cell.column not in gone)
        changes = tuple(Change(self.table, "", gene, "", LEFT_OUT, cells=len(values)) for gene in self.genes)
        return Applied(tables.with_matrix(self.table, replace(matrix, values=values, unread=unread)), changes)


class RenameGenes(BaseFix):
    """Give columns of a matrix other names: renamed symbols, `TP53|7157`, Ensembl ids with a version."""

    kind: Literal["rename-genes"] = "rename-genes"
    table: str
    names: dict[str, str] = Field(min_length=1)

    @property
    def words(self) -> str:
        pairs = shorten((f"{old} to {new}" for old, new in self.names.items()), 3)
        return f"Rename {many(self.names, 'column', 'columns')} of {self.table}: {pairs}"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        require_columns(self.table, matrix.values, self.names)
        changes = tuple(Change(self.table, "", old, old, new, cells=0) for old, new in self.names.items())
        unread = tuple(replace(cell, column=self.names.get(cell.column, cell.column)) for cell in matrix.unread)
        values = matrix.values.rename(columns=self.names)
        return Applied(tables.with_matrix(self.table, replace(matrix, values=values, unread=unread)), changes)


class AverageGenes(BaseFix):
    """Put columns of the same name together as their mean."""

    kind: Literal["average-genes"] = "average-genes"
    table: str

    @property
    def words(self) -> str:
        return f"Average the columns of {self.table} that have the same name"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        values = matrix.values
        twice = {name: n for name, n in Counter(values.columns).items() if n > 1}
        if not twice:
            return Applied(tables, ())
        means = {name: np.asarray(pd.DataFrame(values[name]).mean(axis=1), dtype=np.float32) for name in twice}
        values = values.loc[:, ~values.columns.duplicated()].assign(**means)
        changes = [
            Change(self.table, "", name, f"{n} columns", "their mean", cells=len(values)) for name, n in twice.items()
        ]
        return Applied(tables.with_matrix(self.table, replace(matrix, values=values)), tuple(changes))


class RenameSamples(BaseFix):
    """Give samples other names: dots for dashes, lower case, a suffix too much."""

    kind: Literal["rename-samples"] = "rename-samples"
    table: str
    names: dict[str, str] = Field(min_length=1)

    @property
    def words(self) -> str:
        pairs = shorten((f"{old!r} to {new!r}" for old, new in self.names.items()), 2)
        return f"Rename {many(self.names, 'sample', 'samples')} of {self.table}: {pairs}"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        require_samples(self.table, matrix.values, self.names)
        changes = tuple(Change(self.table, old, "", old, new, cells=0) for old, new in self.names.items())
        unread = tuple(replace(cell, sample=self.names.get(cell.sample, cell.sample)) for cell in matrix.unread)
        values = matrix.values.rename(index=self.names)
        return Applied(tables.with_matrix(self.table, replace(matrix, values=values, unread=unread)), changes)


class LimitValues(BaseFix):
    """Cells beyond a limit become the limit, or missing."""

    kind: Literal["limit-values"] = "limit-values"
    table: str
    low: float | None = None
    high: float | None = None
    become: Literal["missing", "the limit"] = "missing"

    @property
    def words(self) -> str:
        sides = [f"{word} {x:g}" for word, x in (("below", self.low), ("above", self.high)) if x is not None]
        verb = "Empty the cells" if self.become == "missing" else "Pull in to the limit the cells"
        return f"{verb} {' or '.join(sides)} in {self.table}"

    def apply(self, tables: Tables) -> Applied:
        def limited(values: np.ndarray) -> np.ndarray:
            low, high = (-np.inf if self.low is None else self.low), (np.inf if self.high is None else self.high)
            if self.become == "the limit":
                return np.clip(values, low, high)
            return np.where((values < low) | (values > high), np.nan, values)

        return _changed(tables, self.table, limited)


class EmptyUnread(BaseFix):
    """Cells that are no number become missing."""

    kind: Literal["empty-unread"] = "empty-unread"
    table: str

    @property
    def words(self) -> str:
        return f"Empty the cells of {self.table} that are no numbers"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        changes = tuple(Change(self.table, cell.sample, cell.column, cell.text, "") for cell in matrix.unread)
        return Applied(tables.with_matrix(self.table, replace(matrix, unread=())), changes)


class LogValues(BaseFix):
    """log2(x + 1) of every value."""

    kind: Literal["log-values"] = "log-values"
    table: str

    @property
    def words(self) -> str:
        return f"Take log2(x + 1) of every value of {self.table}"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        if (matrix.values.to_numpy() < 0).any():
            raise InputError(f"{self.words}: it has negative values, so it is logged or scaled already.")
        values = pd.DataFrame(np.log2(matrix.values + 1)).astype(np.float32)
        unit = f"log2({matrix.unit or 'value'}+1)"
        change = Change(self.table, "", "", matrix.unit or "as given", unit, cells=values.size)
        return Applied(tables.with_matrix(self.table, replace(matrix, values=values, unit=unit)), (change,))


class SetUnit(BaseFix):
    """Say in which unit a matrix is."""

    kind: Literal["set-unit"] = "set-unit"
    table: str
    unit: str = Field(min_length=1)

    @property
    def words(self) -> str:
        return f"Read {self.table} as {self.unit}"

    def apply(self, tables: Tables) -> Applied:
        matrix = tables.matrix(self.table)
        change = Change(self.table, "", "", matrix.unit or "unit unknown", self.unit, cells=0)
        changes = () if matrix.unit == self.unit else (change,)
        return Applied(tables.with_matrix(self.table, replace(matrix, unit=self.unit)), changes)


def _kept(tables: Tables, name: str, keep: np.ndarray) -> Applied:
    """The matrix with the rows of this mask."""
    matrix = tables.matrix(name)
    lost = [str(sample) for sample in matrix.values.index[~keep]]
    if keep.all():
        return Applied(tables, ())
    values = matrix.values.loc[keep]
    if values.empty:
        raise InputError(f"No sample of {name} would be left.")
    about = matrix.about.loc[keep] if len(matrix.about) else matrix.about
    left = set(values.index)
    unread = tuple(cell for cell in matrix.unread if cell.sample in left)
    changes = tuple(Change(name, sample, "", "", LEFT_OUT, cells=values.shape[1]) for sample in lost)
    return Applied(tables.with_matrix(name, replace(matrix, values=values, about=about, unread=unread)), changes)


def _changed(tables: Tables, name: str, new: Callable[[np.ndarray], np.ndarray]) -> Applied:
    """The matrix with other values, and each cell that is different."""
    matrix = tables.matrix(name)
    before = matrix.values.to_numpy()
    after = new(before).astype(np.float32)
    different = np.argwhere((before != after) & ~(np.isnan(before) & np.isnan(after)))
    rows, columns = matrix.values.index, matrix.values.columns
    changes = []
    for i, j in different:
        text = "" if np.isnan(after[i, j]) else f"{after[i, j]:g}"
        changes.append(Change(name, str(rows[i]), str(columns[j]), f"{before[i, j]:g}", text))
    values = pd.DataFrame(after, index=rows, columns=columns)
    return Applied(tables.with_matrix(name, replace(matrix, values=values)), tuple(changes))
