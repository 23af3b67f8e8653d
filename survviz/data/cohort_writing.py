"""Writing a cohort folder: tables keyed by case, splits in one format, and what was left out, in words."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from survviz.data.cohort_file import CohortFile, write_cohort_toml
from survviz.data.split_file import write_split_file
from survviz.data.splits import NamedSplit

CODING = {"observed": [1], "censored": [0]}


@dataclass(frozen=True)
class Written:
    """What was made of one cohort.

    Attributes:
        tables: modality -> number of cases that have it.
        notes: what was left out, and why.
    """

    name: str
    n_cases: int
    n_events: int
    tables: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CohortTables:
    """A cohort in memory.

    Attributes:
        clinical: index case_id, columns time, event (0 or 1) and clinical fields.
        fields: clinical token -> column, or its column and unit (see `FieldColumn`).
        matrices: "rna", "mirna", "cnv" -> (index case_id, unit).
        pathology: rows with a column case_id; `pathology_section` says how to read it.
        slides: columns case_id, slide_id and, where known, path and mpp.
        features: feature section, where the slides are encoded.
        splits: name -> rows of the split file `splits/NAME.csv`.
        notes: what was left out, and why; they become `notes.txt`.
    """

    name: str
    clinical: pd.DataFrame
    time_unit: str
    fields: Mapping[str, str | Mapping[str, str]]
    matrices: Mapping[str, tuple[pd.DataFrame, str]] = field(default_factory=dict)
    pathology: pd.DataFrame | None = None
    pathology_section: Mapping[str, object] = field(default_factory=dict)
    features: Mapping[str, object] | None = None
    slides: pd.DataFrame | None = None
    splits: Mapping[str, Sequence[NamedSplit]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def write_cohort(folder: Path, cohort: CohortTables) -> Written:
    """Write a cohort folder; `cohort.toml` comes last, so that a folder that has one is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = cohort.clinical.index
    document: dict[str, object] = {
        "name": cohort.name,
        "clinical": {"time_unit": cohort.time_unit, "event_coding": CODING, "fields": dict(cohort.fields)},
    }
    write_table(folder / "clinical.csv", cohort.clinical)
    counts = {"clinical": len(ids)} if cohort.fields else {}
    for name, (table, unit) in cohort.matrices.items():
        table = table.loc[table.index.intersection(ids)].rename_axis("case_id")
        write_table(folder / f"{name}.parquet", table)
        document[name] = {"file": f"{name}.parquet", "unit": unit, "orientation": "cases in rows"}
        counts[name] = len(table)
    if cohort.pathology is not None:
        rows = pd.DataFrame(cohort.pathology[cohort.pathology["case_id"].isin(list(ids))])
        write_table(folder / "pathology.parquet", rows.set_index("case_id"))
        document["pathology"] = {"file": "pathology.parquet", **cohort.pathology_section}
        counts["pathology"] = len(set(rows["case_id"]))
    if cohort.slides is not None:
        rows = pd.DataFrame(cohort.slides[cohort.slides["case_id"].isin(list(ids))])
        write_table(folder / "slides.csv", rows.set_index("case_id"))
        document["slides"] = {"file": "slides.csv"}
        counts["pathology"] = len(set(rows["case_id"]))
    if cohort.features is not None:
        document["features"] = dict(cohort.features)
    for name, rows in cohort.splits.items():
        write_split_file(folder / "splits" / f"{name}.csv", rows)
    if cohort.notes:
        (folder / "notes.txt").write_text("\n".join(cohort.notes) + "\n", encoding="utf-8")
    write_cohort_toml(folder, CohortFile.model_validate(document))
    return Written(cohort.name, len(ids), int(cohort.clinical["event"].sum()), counts, cohort.notes)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """CSV or parquet by the file's ending; it appears complete or not at all."""
    write: Callable[[Path], object] = table.to_parquet if path.suffix == ".parquet" else table.to_csv
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".table.", suffix=".part")
    os.close(handle)
    write(Path(temporary))
    Path(temporary).chmod(0o644)
    os.replace(temporary, path)
