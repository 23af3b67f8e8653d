"""33 TCGA projects: the training and validation patients of MultiSurv's published split, without its test patients.

The published validation patients are the test part of our split file: nothing is chosen on them, since validation is
drawn from the training patients.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.real_cohorts.patients import usable
from survviz.data.cohort_writing import CohortTables
from survviz.data.splits import NamedSplit, Split

COLUMNS = {
    "time": "time",
    "event": "event",
    "age_at_diagnosis": "age",
    "gender": "sex",
    "tumor_stage": "stage",
    "project_id": "cancer_type",
    "race": "race",
    "prior_malignancy": "prior_malignancy",
}
LEFT_OUT = (
    "treatments_pharmaceutical_treatment_or_therapy, treatments_radiation_treatment_or_therapy (given after baseline: "
    "who lives longer gets more of it), prior_treatment and synchronous_malignancy (2 % of patients)"
)
FIELDS = {
    "Age": "age",
    "Sex": "sex",
    "Stage": "stage",
    "Cancer type": "cancer_type",
    "Race": "race",
    "Prior malignancy": "prior_malignancy",
}
DAYS_PER_YEAR = 365.25


def build(data: Path) -> CohortTables:
    """Everybody with an outcome; miRNA and RNA for those who have them."""
    root = data / "pancancer"
    table = pd.read_csv(root / "clinical.csv.gz").set_index("case_id")
    group = table["group"]
    clinical = table[list(COLUMNS)].rename(columns=COLUMNS)
    clinical, notes = usable(clinical.assign(age=clinical["age"] / DAYS_PER_YEAR))
    parts = {part: tuple(case for case in clinical.index if group[case] == part) for part in ("train", "val")}
    rna = pd.read_parquet(root / "rna_zscore.parquet").astype("float32")
    mirna = pd.read_parquet(root / "mirna_log2rpm.parquet").astype("float32")
    return CohortTables(
        name="TCGA pan-cancer",
        clinical=clinical,
        time_unit="years",
        fields=FIELDS,
        matrices={"rna": (rna, "z-score"), "mirna": (mirna, "log2(RPM+1)")},
        splits={"published": (NamedSplit(0, 0, Split(parts["train"], (), parts["val"])),)},
        notes=(*notes, f"clinical columns left out: {LEFT_OUT}"),
    )
