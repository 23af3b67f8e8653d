"""Files of one patient -> Case. Each modality is read on its own and matched by case id, never by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from survviz.data.barcodes import case_of, tcga_case
from survviz.data.tables import is_missing, read_matrix, read_table
from survviz.data.token_files import read_tokens
from survviz.errors import InputError
from survviz.types import Bag, Case, ClinicalValue, Notice, Progress
from survviz.wsi.extract import extract_cached
from survviz.wsi.isolated_features import read_features_safely

if TYPE_CHECKING:
    from survviz.wsi.encoders import Encoder

ID_COLUMNS = ("case_id", "case", "patient_id", "patient", "bcr_patient_barcode", "submitter_id", "_patient")


def case_from_files(
    *,
    case_id: str | None = None,
    slides: Sequence[str | Path] = (),
    features: Sequence[str | Path] = (),
    clinical: str | Path | Mapping[str, ClinicalValue] | None = None,
    rna: str | Path | None = None,
    genomic_tokens: str | Path | None = None,
    encoder: Encoder | None = None,
    mpp: float | None = None,
    progress: Progress | None = None,
) -> tuple[Case, tuple[Notice, ...]]:
    """Put a case together.

    Args:
        case_id: needed when a table holds several cases; else taken from the only row, or from the first slide's name.
        slides: slide files, encoded now (or read from the cache).
        features: feature files of slides that are encoded already.
        clinical: a table with a row per case, a table with the columns `field` and `value`, or the row itself.
        rna: a table of expression, genes in rows or in columns.
        genomic_tokens: `.npy` of shape (T, D), for example scFoundation's (4, 768).
        encoder: for `slides`; the embedded descriptor unless given.
        mpp: um per pixel at level 0, for slides that declare none (and for STAMP's feature files, which count in um).

    Returns:
        The case, and what was noticed on the way.

    Raises:
        InputError: nothing was given, a file cannot be read, or a table does not hold the case.
    """
    if not (slides or features or clinical or rna or genomic_tokens):
        raise InputError("No file was given. A case needs at least one of: slide, features, clinical row, RNA table.")
    notices: list[Notice] = []
    bags = _bags(slides, features, encoder, mpp, progress, notices)
    row, row_id = _clinical(clinical, case_id)
    name = case_id or row_id or (_id_of_slide(bags[0].slide_id) if bags else None)
    expression, rna_id = _expression(rna, name, notices)
    case = Case(
        case_id=name or rna_id or "case",
        bags=bags,
        clinical=row,
        rna=expression,
        genomic_tokens=None if genomic_tokens is None else read_tokens(Path(genomic_tokens)),
    )
    return case, tuple(notices)


def _bags(
    slides: Sequence[str | Path],
    features: Sequence[str | Path],
    encoder: Encoder | None,
    mpp: float | None,
    progress: Progress | None,
    notices: list[Notice],
) -> tuple[Bag, ...]:
    bags = [read_features_safely(path, slide_mpp=mpp) for path in features]
    if slides and encoder is None:
        from survviz.wsi.encoders import create_encoder

        encoder = create_encoder()
    for path in slides:
        assert encoder is not None
        bag, found = extract_cached(path, encoder, mpp=mpp, progress=progress)
        bags.append(bag)
        notices.extend(found)
    names = [bag.slide_id for bag in bags]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Slide {', '.join(twice)} was given more than once; give each slide of the case once.")
    return tuple(bags)


def _id_of_slide(slide_id: str) -> str:
    """The patient that a slide name starts with: a TCGA barcode, else the name itself."""
    return tcga_case(slide_id) or slide_id


def _clinical(
    given: str | Path | Mapping[str, ClinicalValue] | None, case_id: str | None
) -> tuple[dict[str, ClinicalValue] | None, str | None]:
    """The clinical row and the id that it carries."""
    if given is None:
        return None, None
    if isinstance(given, Mapping):
        return {str(name): _cell(value) for name, value in given.items()}, None
    path = Path(given)
    table = read_table(path)
    lower = {str(name).strip().lower(): name for name in table.columns}
    if set(lower) == {"field", "value"}:
        pairs = zip(table[lower["field"]], table[lower["value"]], strict=True)
        return {str(name): _cell(value) for name, value in pairs}, None
    id_column = next((lower[name] for name in ID_COLUMNS if name in lower), None)
    row = _row_of_case(path, table, id_column, case_id)
    values = {str(name): _cell(value) for name, value in row.items() if name != id_column}
    return values, None if id_column is None else str(row[id_column])


def _row_of_case(path: Path, table: pd.DataFrame, id_column: str | None, case_id: str | None) -> pd.Series:
    if id_column is not None and case_id is not None:
        rows = table[[_same_case(str(name), case_id) for name in table[id_column]]]
        if len(rows) == 1:
            return rows.iloc[0]
        raise InputError(f"{path.name} has {len(rows)} rows for case {case_id!r} in column {id_column!r}; expected 1.")
    if len(table) == 1:
        return table.iloc[0]
    raise InputError(
        f"{path.name} has {len(table)} rows. Say which case is meant with --case, and give the table a column "
        f"case_id{'' if id_column is None else f' (found: {id_column!r})'}."
    )


def _same_case(name: str, case_id: str) -> bool:
    return case_of(name, {case_id}) is not None


def _cell(value: object) -> ClinicalValue:
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | float) else float(value) if isinstance(value, int) else str(value)


def _expression(
    path: str | Path | None, case_id: str | None, notices: list[Notice]
) -> tuple[dict[str, float] | None, str | None]:
    """Gene -> value, and the id of its row."""
    if path is None:
        return None, None
    table = read_matrix(path, case_ids={case_id} if case_id else None, notices=notices)
    if len(table) > 1:
        mine = [name for name in table.index if case_id is not None and _same_case(name, case_id)]
        if len(mine) != 1:
            asked = f"{len(mine)} of them belong to case {case_id!r}" if case_id else "no case was named (--case)"
            raise InputError(f"{Path(path).name} holds {len(table)} cases and {asked}; expected exactly one.")
        table = table.loc[mine]
    row = table.iloc[0].dropna()
    return dict(zip(row.index, row.to_numpy(dtype=np.float64).tolist(), strict=True)), str(table.index[0])
