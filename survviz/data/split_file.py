"""Split files: one format of ours, and the formats in which splits of this field are published.

Ours is a table with the columns `case_id`, `repeat`, `fold` and `part` (train, val or test). Published are a column per
part with one file per fold (CLAM, MCAT, PORPOISE, SurvPath: `splits_0.csv`, ...), and a row per patient with one column
of Train and Test per randomisation (Mobadersany et al. 2018, Pathomic Fusion, PG-MLIF).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import pandas as pd

from survviz.data.barcodes import case_of, tcga_case
from survviz.data.genes import shorten
from survviz.data.splits import NamedSplit, Split
from survviz.data.tables import is_missing, read_table
from survviz.errors import InputError
from survviz.types import Notice

Part: TypeAlias = Literal["train", "val", "test"]
PARTS: Mapping[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
COLUMNS = ("case_id", "repeat", "fold", "part")
FOLD_FILE = re.compile(r"^splits?_(\d+)\.csv$")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    repeat: int
    fold: int
    part: Part


def write_split_file(path: str | Path, splits: Iterable[NamedSplit]) -> Path:
    """Write splits in our format; the file appears complete or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(COLUMNS)]
    for named in splits:
        parts = {"train": named.split.train, "val": named.split.val, "test": named.split.test}
        lines += [f"{case},{named.repeat},{named.fold},{part}" for part, ids in parts.items() for case in ids]
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".splits.", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    Path(temporary).chmod(0o644)
    os.replace(temporary, path)
    return path


def read_split_file(
    path: str | Path, *, case_ids: Collection[str] | None = None, notices: list[Notice] | None = None
) -> tuple[NamedSplit, ...]:
    """Splits by patient, from our format or one of the published ones; a folder is read as one file per fold.

    Slides become their patients, so that two slides of a patient in two parts are an overlap. A file that knows only
    train and val was evaluated on val: that part is the test part here, and validation has to come from train.

    Args:
        case_ids: known cases; other patients are left out and counted in `notices`. None keeps the names of the file,
            TCGA barcodes cut to the patient.

    Raises:
        InputError: the format is not recognised, or the parts of a split share a patient (validation that equals the
            test part among them).
    """
    path = Path(path)
    rows = _folder_rows(path) if path.is_dir() else _file_rows(path, 0)
    known = None if case_ids is None else frozenset(case_ids)
    owner = {row.name: _owner(row.name, known) for row in rows}
    lost = sorted(name for name, case in owner.items() if case is None)
    if known is not None and len(lost) == len(owner):
        raise InputError(
            f"No patient of {path.name} is in the cohort (the file names {shorten(lost, 2)}; the cohort "
            f"{shorten(sorted(known), 2)}). Is it the split of another cohort?"
        )
    if lost and notices is not None:
        text = f"{path.name}: {len(lost)} of {len(owner)} names belong to no case of the cohort and are left out"
        notices.append(Notice("info", "split.unknown_cases", f"{text} ({shorten(lost, 3)})."))
    return _splits(path, rows, owner)


def _owner(name: str, known: frozenset[str] | None) -> str | None:
    return tcga_case(name) or name if known is None else case_of(name, known)


def _splits(path: Path, rows: list[_Row], owner: Mapping[str, str | None]) -> tuple[NamedSplit, ...]:
    names: dict[tuple[int, int], dict[Part, list[str]]] = defaultdict(lambda: {"train": [], "val": [], "test": []})
    for row in rows:
        names[row.repeat, row.fold][row.part].append(row.name)
    splits = []
    for (repeat, fold), parts in sorted(names.items()):
        where = f"{path.name}, repeat {repeat}, fold {fold}"
        for part, listed in parts.items():
            twice = sorted(name for name, count in Counter(listed).items() if count > 1)
            if twice:
                raise InputError(f"{where}: {len(twice)} names are in {part} twice: {shorten(twice)}. Name each once.")
        cases = {part: tuple(sorted({owner[name] or "" for name in ids} - {""})) for part, ids in parts.items()}
        try:
            split = Split(cases["train"], cases["val"], cases["test"])
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        splits.append(NamedSplit(repeat, fold, split))
    return tuple(splits)


def _folder_rows(folder: Path) -> list[_Row]:
    found = {int(match.group(1)): file for file in folder.iterdir() if (match := FOLD_FILE.match(file.name))}
    if not found:
        raise InputError(f"{folder} holds no split files; expected splits_0.csv, splits_1.csv, ...")
    return [row for fold, file in sorted(found.items()) for row in _file_rows(file, fold)]


def _file_rows(path: Path, fold: int) -> list[_Row]:
    table = read_table(path, as_text=True)
    names = {name.lower(): name for name in table.columns}
    if set(COLUMNS) <= set(names):
        return _our_rows(path, table)
    parts = [name for name in table.columns if name.lower() in PARTS]
    if len(parts) >= 2:
        return _part_columns(table, parts, fold)
    if "case_id" in names and len(table.columns) > 1:
        return _randomisations(path, table, names["case_id"])
    raise InputError(
        f"{path.name} is no split file: its columns are {shorten(table.columns, 6)}. Expected {', '.join(COLUMNS)}; or "
        "train, val and test; or case_id and one column of Train and Test per split."
    )


def _our_rows(path: Path, table: pd.DataFrame) -> list[_Row]:
    rows, problems = [], []
    for number, row in zip(table.index + 2, table.to_dict("records"), strict=True):
        part = PARTS.get(row["part"].strip().lower())
        if part is None or is_missing(row["case_id"]) or not (row["repeat"].isdigit() and row["fold"].isdigit()):
            problems.append(f"row {number}: {', '.join(str(row[name]) for name in COLUMNS)}")
        else:
            rows.append(_Row(row["case_id"].strip(), int(row["repeat"]), int(row["fold"]), part))
    if problems:
        raise InputError(
            f"{path.name} has {len(problems)} bad rows: {shorten(problems)}. Expected a case, two counts from 0, and "
            "train, val or test."
        )
    return rows


def _part_columns(table: pd.DataFrame, columns: list[str], fold: int) -> list[_Row]:
    """CLAM's format; a file without test patients was evaluated on what it calls val."""
    rows = [_Row(cell.strip(), 0, fold, PARTS[name.lower()]) for name in columns for cell in table[name]]
    rows = [row for row in rows if not is_missing(row.name)]
    tested = any(row.part == "test" for row in rows)
    return [replace(row, part="test") if row.part == "val" and not tested else row for row in rows]


def _randomisations(path: Path, table: pd.DataFrame, key: str) -> list[_Row]:
    """One column per split, one row per patient."""
    rows = []
    for repeat, column in enumerate(name for name in table.columns if name != key):
        for case, cell in zip(table[key], table[column], strict=True):
            if is_missing(cell):
                continue
            part = PARTS.get(cell.strip().lower())
            if part is None:
                raise InputError(
                    f"{path.name}: column {column!r} says {cell!r} of {case}; expected Train, Val or Test."
                )
            rows.append(_Row(case.strip(), repeat, 0, part))
    return rows
