"""Which patients of a published table can be used."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def usable(clinical: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows with an outcome and follow-up above 0, by case, and what was left out."""
    known = clinical["event"].isin([0, 1]) & (pd.to_numeric(clinical["time"], errors="coerce") > 0)
    lost = int((~known).sum())
    kept = clinical[known].sort_index()
    kept = kept.assign(event=kept["event"].astype(int))
    return kept, ((f"{lost} patients without outcome or with 0 follow-up left out",) if lost else ())


def complete(clinical: pd.DataFrame, having: Iterable[Iterable[str]]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The patients that are in every one of some tables."""
    ids = set(clinical.index)
    for table in having:
        ids &= set(table)
    lost = len(clinical) - len(ids)
    return clinical.loc[sorted(ids)], (f"{lost} patients lack a modality",) if lost else ()
