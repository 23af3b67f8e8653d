"""Pathology as a table of feature vectors: one row per case, slide or region, without a place on a slide."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from survviz.data.barcodes import case_of
from survviz.data.cohort_file import PathologySection
from survviz.data.genes import shorten
from survviz.data.tables import is_missing, numeric_cells, read_table
from survviz.errors import InputError
from survviz.types import Notice


def read_regions(folder: Path, section: PathologySection, ids: frozenset[str], notices: list[Notice]) -> pd.DataFrame:
    """Float32 table of the known cases, index (case_id, name) sorted; a value not measured is NaN.

    Raises:
        InputError: a named column is not there, a feature is no number, a row has no name of its own, or no row
            belongs to a case.
    """
    path = folder / section.file
    keys = list(dict.fromkeys([section.case_column, section.name_column or section.case_column]))
    table = read_table(path, text=keys)
    _require(path, table, [*keys, *section.drop])
    named = [["" if is_missing(cell) else str(cell).strip() for cell in table[key]] for key in keys]
    owners = [case_of(cell, ids) or "" for cell in named[0]]
    rows = sorted((i for i, owner in enumerate(owners) if owner), key=lambda i: (owners[i], named[-1][i]))
    if not rows:
        raise InputError(
            f"No row of {path.name} belongs to a case of the clinical table (column {section.case_column!r}; cases "
            f"like {shorten(sorted(ids), 2)}). Use the same case ids in both, or name another case_column."
        )
    if len(rows) < len(table):
        text = f"{path.name}: {len(table) - len(rows)} of {len(table)} rows belong to no case of the clinical table."
        notices.append(Notice("info", "cohort.unused_rows", text))
    pairs = [(owners[i], named[-1][i]) for i in rows]
    _one_name_each(path, section, pairs)
    features = table.iloc[rows].drop(columns=[*keys, *section.drop])
    values = _features(path, features.set_axis([name for _, name in pairs], axis=0))
    return values.set_axis(pd.MultiIndex.from_tuples(pairs, names=["case_id", "region"]), axis=0)


def _require(path: Path, table: pd.DataFrame, columns: list[str]) -> None:
    lost = [name for name in columns if name not in table.columns]
    if lost:
        raise InputError(
            f"{path.name} has no column {shorten(map(repr, lost))} (named under [pathology] in cohort.toml). "
            f"Its columns are {shorten(table.columns, 8)}."
        )


def _one_name_each(path: Path, section: PathologySection, pairs: list[tuple[str, str]]) -> None:
    twice = sorted({case for (case, _), count in Counter(pairs).items() if count > 1})
    if not twice:
        return
    if section.name_column is None:
        raise InputError(
            f"{path.name}: {len(twice)} cases have several rows: {shorten(twice)}. Say which column tells them apart "
            '(name_column = "..." under [pathology]), or keep one row of each.'
        )
    raise InputError(
        f"{path.name}: {len(twice)} cases have two rows with the same {section.name_column}: {shorten(twice)}. Give "
        "each row a name of its own."
    )


def _features(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    other = table.select_dtypes(exclude="number")
    words = [str(name) for name in other.columns if _holds_words(list(other[name]))]
    if words:
        raise InputError(
            f"{path.name}: {len(words)} columns hold words, not numbers: {shorten(words)}. If they are no features, "
            "list them under [pathology] drop in cohort.toml."
        )
    if not len(table.columns):
        raise InputError(f"{path.name} has no feature column left. Expected one number per feature and row.")
    return numeric_cells(path, table)


def _holds_words(cells: list[object]) -> bool:
    """Whether no cell that is given is a number."""
    given = [cell for cell in cells if not is_missing(cell)]
    return bool(given) and not any(_is_number(cell) for cell in given)


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return False
    return True
