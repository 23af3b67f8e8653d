"""Outcomes and tables belong to cases by their index; what has no case ids is refused, never matched by position."""

from __future__ import annotations

import pandas as pd

from survviz.data.genes import shorten
from survviz.errors import InputError


def by_case(values: pd.Series, case_ids: pd.Index, what: str) -> pd.Series:
    """A series in the order of the cases.

    Raises:
        InputError: no series, or its index is not exactly these cases.
    """
    if not isinstance(values, pd.Series):
        raise InputError(
            f"{what} was given as {type(values).__name__} without case ids. Give a series indexed by case id: "
            "nothing is joined by position."
        )
    if not values.index.is_unique or len(values) != len(case_ids) or not values.index.isin(case_ids).all():
        raise InputError(
            f"{what} has {len(values)} values for case ids like {shorten(map(str, list(values.index)[:2]))}; expected "
            f"one for each of the {len(case_ids)} cases like {shorten(map(str, list(case_ids)[:2]))}."
        )
    return values if values.index.equals(case_ids) else values.reindex(case_ids)


def check_owners(table: pd.DataFrame | None, case_ids: pd.Index, what: str) -> None:
    """Raise where rows of a table belong to no case, or a case has two."""
    if table is None:
        return
    known = table.index.isin(case_ids)
    if not known.all() or not table.index.is_unique:
        raise InputError(
            f"{what}: {int((~known).sum())} rows belong to no case id of the cohort and "
            f"{int(table.index.duplicated().sum())} are repeated. Give a table indexed by case id, one row each."
        )
