"""The TCGA Clinical Data Resource (CDR; Liu et al. 2018, Cell 173:400): one table of outcomes for all projects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from survviz.data.barcodes import tcga_case
from survviz.data.tables import read_table
from survviz.errors import InputError
from survviz.tcga.listing import documents
from survviz.tcga.patient_row import PatientRow, known, number, word

KEYS = ("bcr_patient_barcode", "case_id")
PROJECTS = ("type", "cancer")
STAGES = ("ajcc_pathologic_tumor_stage", "clinical_stage")


def read_cdr(folder: Path) -> dict[str, PatientRow]:
    """Patient -> row of the table, the file whose name has CDR in it; empty if there is none.

    Raises:
        InputError: there are two tables, it lacks the outcome, or it names a patient twice.
    """
    paths = [path for path in documents(folder, "*.xlsx", "*.csv", "*.csv.gz", "*.tsv") if "cdr" in path.name.lower()]
    if not paths:
        return {}
    if len(paths) > 1:
        raise InputError(f"{folder} holds {paths[0].name} and {paths[1].name}. Keep one TCGA-CDR table.")
    table = read_table(paths[0], as_text=True)
    key, project = (next((one for one in names if one in table.columns), "") for names in (KEYS, PROJECTS))
    if not {key, project, "OS", "OS.time"} <= set(table.columns):
        raise InputError(
            f"{paths[0].name} lacks bcr_patient_barcode, type, OS or OS.time, so it is not the TCGA-CDR table. "
            "Expected TCGA-CDR-SupplementalTableS1.xlsx, or the same columns as csv."
        )
    rows: dict[str, PatientRow] = {}
    for row in table.to_dict("records"):
        case = tcga_case(row[key])
        if case is None:
            continue
        if case in rows:
            raise InputError(f"{paths[0].name} has {case} twice. Keep one row per patient.")
        rows[case] = _row(row, row[project])
    return rows


def _row(row: Mapping[str, str], code: str) -> PatientRow:
    event, time = number(row["OS"]), number(row["OS.time"])
    reason = "" if event in (0, 1) else "no vital status in the TCGA-CDR"
    return PatientRow(
        time=time,
        event=event == 1 if not reason else None,
        reason="redacted" if known(row.get("Redaction")) is not None else reason,
        age_years=number(row.get("age_at_initial_pathologic_diagnosis")),
        sex=word(row.get("gender")),
        grade=known(row.get("histological_grade")),
        race=word(row.get("race")),
        project=f"TCGA-{code.strip().upper()}",
        stages={name: stage for name in STAGES if (stage := known(row.get(name))) is not None},
    )
