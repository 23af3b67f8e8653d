"""Clinical data of the GDC, in the shape of its cases endpoint: read from JSON, or from `clinical.tsv` of a cart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from survviz.data.barcodes import tcga_case
from survviz.data.tables import read_table
from survviz.errors import InputError
from survviz.tcga.listing import documents, read_json_rows
from survviz.tcga.patient_row import known

CASE_COLUMNS = ("cases.submitter_id", "case_submitter_id", "submitter_id")
PROJECT_COLUMNS = ("project.project_id", "project_id")
DEMOGRAPHIC = ("vital_status", "days_to_death", "sex_at_birth", "gender", "race", "age_at_index")
DIAGNOSIS = (
    "submitter_id", "diagnosis_id", "diagnosis_is_primary_disease", "classification_of_tumor", "age_at_diagnosis",
    "days_to_last_follow_up", "ajcc_pathologic_stage", "ajcc_clinical_stage", "figo_stage", "ann_arbor_clinical_stage",
    "masaoka_stage", "tumor_grade",
)  # fmt: skip

Values = Mapping[str, Any]


def case_id_of(case: Values) -> str:
    """Patient barcode; carts of before 2020 have it in the names of the entities only. "" if there is none."""
    entities = [case, case.get("demographic") or {}, *(case.get("diagnoses") or [])]
    return next((barcode for one in entities if (barcode := tcga_case(str(one.get("submitter_id", ""))))), "")


def read_cases(folder: Path) -> tuple[dict[str, Values], tuple[str, ...]]:
    """Patient -> case, and what was found, in words.

    JSON is read where there is some, else `clinical.tsv` with `follow_up.tsv` beside it.

    Raises:
        InputError: a file is damaged, or a patient is in two files with different values.
    """
    sources: list[tuple[Path, Sequence[Values]]] = []
    for path in documents(folder, "*.json"):
        rows = [row for row in read_json_rows(path) if ("demographic" in row or "diagnoses" in row) and case_id_of(row)]
        sources += [(path, rows)] if rows else []
    tables = documents(folder, "clinical*.tsv")
    notes = []
    if not sources:
        sources = [(path, read_clinical_tsv(path)) for path in tables]
    elif tables:
        notes.append(f"{tables[0].name} not read: {sources[0][0].name} says the same and more")
    cases: dict[str, Values] = {}
    repeated: set[str] = set()
    for path, rows in sources:
        for row in rows:
            case = case_id_of(row)
            if case in cases and not _same(cases[case], row):
                raise InputError(
                    f"Patient {case} has two entries with different values, one of them in {path.name}. Keep the "
                    "clinical files of one download only."
                )
            repeated |= {case} & cases.keys()
            cases.setdefault(case, row)
    if repeated:
        notes.append(f"{len(repeated)} patients are in the clinical files twice, with the same values: used once")
    return cases, tuple(notes)


def _same(one: Values, other: Values) -> bool:
    """Whether two entries say the same of what survviz reads."""
    return _read_part(one) == _read_part(other)


def _read_part(case: Values) -> tuple[Any, ...]:
    def rows(items: Iterable[Values], names: Sequence[str]) -> set[tuple[Any, ...]]:
        return {tuple(known(item.get(name)) for name in names) for item in items}

    days = rows(case.get("follow_ups") or [], ("days_to_follow_up",))
    return rows([case.get("demographic") or {}], DEMOGRAPHIC), rows(case.get("diagnoses") or [], DIAGNOSIS), days


def read_clinical_tsv(path: Path) -> list[Values]:
    """Cases of `clinical.tsv`, with several rows per patient; of the older form (`vital_status`) or the newer one
    (`demographic.vital_status`). `follow_up.tsv` beside it adds the days of follow-up.

    Raises:
        InputError: no column names the patient.
    """
    table = read_table(path, as_text=True)
    key = _first(CASE_COLUMNS, table.columns)
    if key is None:
        raise InputError(f"{path.name} has no column {' or '.join(CASE_COLUMNS)}: it is not clinical data of the GDC.")
    project = _first(PROJECT_COLUMNS, table.columns)
    cases: dict[str, dict[str, Any]] = {}
    for row in table.to_dict("records"):
        case = cases.setdefault(
            row[key].strip(),
            {
                "submitter_id": row[key].strip(),
                "project": {"project_id": row[project] if project else ""},
                "demographic": _part(row, "demographic", DEMOGRAPHIC),
                "diagnoses": [],
                "follow_ups": [],
            },
        )
        diagnosis = _part(row, "diagnoses", DIAGNOSIS)
        if diagnosis not in case["diagnoses"]:
            case["diagnoses"].append(diagnosis)
    for case, days in _follow_ups(path.with_name("follow_up.tsv")):
        if case in cases:
            cases[case]["follow_ups"].append({"days_to_follow_up": days})
    return list(cases.values())


def _part(row: Values, prefix: str, names: Sequence[str]) -> dict[str, Any]:
    """The columns of one entity, known ones only; those of the older form have no prefix."""
    cells = {name: known(row.get(f"{prefix}.{name}", row.get(name))) for name in names if name != "submitter_id"}
    return {name: cell for name, cell in cells.items() if cell is not None}


def _follow_ups(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    table = read_table(path, as_text=True)
    key = _first(CASE_COLUMNS, table.columns)
    days = _first(("follow_ups.days_to_follow_up", "days_to_follow_up"), table.columns)
    if key is None or days is None:
        return []
    return [(row[key].strip(), row[days]) for row in table.to_dict("records") if known(row[days]) is not None]


def _first(names: Sequence[str], columns: Iterable[str]) -> str | None:
    return next((name for name in names if name in set(columns)), None)
