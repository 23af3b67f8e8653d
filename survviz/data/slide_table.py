"""The slides of a cohort: which slide belongs to which case, and where its encoded patches lie."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from survviz.data.barcodes import case_of
from survviz.data.cohort_file import CohortFile
from survviz.data.genes import shorten
from survviz.data.packed_shards import PackedShards, open_store
from survviz.data.packed_store import PackedStore
from survviz.data.tables import is_missing, read_table
from survviz.errors import InputError
from survviz.remote import files_in
from survviz.types import Notice
from survviz.units import to_mpp

FEATURE_SUFFIXES = (".h5", ".hdf5", ".pt")
SLIDE_COLUMNS = ("case_id", "slide_id", "path", "mpp")


def open_packed(folder: Path, file: CohortFile) -> PackedStore | PackedShards | None:
    """The packed features that the cohort names.

    Raises:
        InputError: the file is missing or damaged.
    """
    if file.features is None or file.features.packed is None:
        return None
    return open_store(folder / file.features.packed)


def find_features(folder: Path, file: CohortFile) -> dict[str, Path]:
    """Slide id -> feature file of a cohort's feature folder; if that is gone, the packed file that holds them all.

    Raises:
        InputError: the folder is missing and nothing is packed, or two files have the same slide id.
    """
    if file.features is None:
        return {}
    root = folder / file.features.folder
    if not root.is_dir() and file.features.packed is not None:
        path = folder / file.features.packed
        return dict.fromkeys(open_store(path).slides, path)
    if not root.is_dir():
        raise InputError(f"The feature folder {root} does not exist (named under [features] in cohort.toml).")
    found: dict[str, Path] = {}
    for path in files_in(root):
        if path.suffix in FEATURE_SUFFIXES:
            if path.stem in found:
                raise InputError(f"{root} holds {found[path.stem].name} and {path.name}; keep one file per slide.")
            found[path.stem] = path
    return found


def read_slides(folder: Path, file: CohortFile, ids: frozenset[str], notices: list[Notice]) -> pd.DataFrame:
    """Columns case_id, slide_id, path, mpp, sorted: from the slide table, else from the names of the feature files.

    Raises:
        InputError: rows of the table are malformed (all are listed), or no file can be matched to a case.
    """
    if file.slides is None:
        names = list(find_features(folder, file))
        rows = [{"case_id": case_of(name, ids), "slide_id": name, "path": "", "mpp": math.nan} for name in names]
        if names and not any(row["case_id"] for row in rows):
            raise InputError(
                f"No feature file can be matched to a case (files like {shorten(names, 2)}, cases like "
                f"{shorten(sorted(ids), 2)}). Add slides.csv with the columns case_id and slide_id, and [slides]."
            )
    else:
        rows = _slide_rows(folder, file.slides.file)
    known = sorted((row for row in rows if row["case_id"] in ids), key=lambda row: (row["case_id"], row["slide_id"]))
    if len(known) < len(rows):
        text = f"{len(rows) - len(known)} of {len(rows)} slides belong to no case of the clinical table: not used."
        notices.append(Notice("info", "cohort.unused_slides", text))
    return pd.DataFrame({name: [row[name] for row in known] for name in SLIDE_COLUMNS})


def _slide_rows(folder: Path, name: str) -> list[dict[str, Any]]:
    table = read_table(folder / name, as_text=True)
    if not {"case_id", "slide_id"} <= set(table.columns):
        raise InputError(f"{name} needs the columns case_id and slide_id; it has {shorten(table.columns, 8)}.")
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    for number, row in zip(table.index + 2, table.to_dict("records"), strict=True):
        slide, path, mpp = row["slide_id"].strip(), row.get("path", "").strip(), row.get("mpp", "")
        if is_missing(slide) or is_missing(row["case_id"]):
            problems.append(f"row {number}: case_id or slide_id is empty")
        elif slide in seen:
            problems.append(f"row {number}: slide {slide!r} is also in row {seen[slide]}")
        seen.setdefault(slide, number)
        try:
            value = math.nan if is_missing(mpp) else float(to_mpp(float(mpp)))
        except (ValueError, InputError) as error:
            problems.append(f"row {number}: mpp: {error}")
            value = math.nan
        where = str(folder / path) if path else ""
        rows.append({"case_id": row["case_id"].strip(), "slide_id": slide, "path": where, "mpp": value})
    if problems:
        raise InputError(f"{name} has {len(problems)} bad rows:\n  " + "\n  ".join(problems[:30]))
    return rows
