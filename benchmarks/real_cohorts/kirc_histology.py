"""Clear-cell kidney cancer: 77 measurements of the slides per patient, clinical fields, 15 published splits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.real_cohorts.patients import complete, usable
from survviz.data.cohort_writing import CohortTables
from survviz.data.split_file import read_split_file

COLUMNS = {
    "Overall Survival (Months)": "time",
    "Overall Survival Status": "event",
    "Diagnosis Age": "age",
    "Sex": "sex",
    "Neoplasm Disease Stage American Joint Committee on Cancer Code": "stage",
    "Neoplasm Histologic Grade": "grade",
    "Race Category": "race",
}
STATUS = {"DECEASED": 1, "LIVING": 0}
FIELDS = {"Age": "age", "Sex": "sex", "Stage": "stage", "Grade": "grade", "Race": "race"}


def build(data: Path) -> CohortTables:
    """The patients with clinical data and features."""
    root = data / "kirc_histology"
    table = pd.read_csv(root / "clinical_cbioportal.csv.gz").set_index("Patient ID").rename_axis("case_id")
    clinical = table[list(COLUMNS)].rename(columns=COLUMNS)
    clinical, notes = usable(clinical.assign(event=clinical["event"].map(STATUS)))
    pathology = pd.read_csv(root / "image_features.csv.gz").rename(columns={"tcga_id": "case_id"})
    clinical, lacking = complete(clinical, [pathology["case_id"]])
    return CohortTables(
        name="TCGA-KIRC histology",
        clinical=clinical,
        time_unit="months",
        fields=FIELDS,
        pathology=pathology,
        pathology_section={"encoder": "RCC textures"},
        splits={"published": read_split_file(root / "splits_15_original.csv")},
        notes=(*notes, *lacking),
    )
