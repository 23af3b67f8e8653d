"""Six TCGA cohorts with up to four modalities; everything is joined by the patient's barcode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.real_cohorts.patients import complete, usable
from survviz.data.barcodes import one_sample_per_case, tcga_case
from survviz.data.cohort_writing import CohortTables
from survviz.data.split_file import read_split_file

COLUMNS = {
    "OS.time": "time",
    "OS": "event",
    "age_at_initial_pathologic_diagnosis": "age",
    "gender": "sex",
    "ajcc_pathologic_tumor_stage": "stage",
    "histological_grade": "grade",
    "histological_type": "histology",
    "race": "race",
}
"""Outcome and what is known at diagnosis. Left out of the table: everything about treatment, relapse, margins and cause
of death, which is known only later."""
# Histology stays a column without a field: its 5 to 9 rare spellings cost BRCA .05 of C-index (.744 -> .695).
FIELDS = {"Age": "age", "Sex": "sex", "Stage": "stage", "Race": "race"}
NEWER_MACHINE = "Illumina HiSeq 2000"


@dataclass(frozen=True, slots=True)
class Pathology:
    """A table of pathology features and how it is read.

    Attributes:
        name_column: names the rows of a patient who has several.
        drop: columns that are no features.
        numbers: words of a column -> numbers.
    """

    file: str
    encoder: str
    name_column: str | None = None
    drop: tuple[str, ...] = ()
    numbers: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """One cohort; `fields` are those that vary in it beyond the usual four."""

    tcga: str
    fields: tuple[str, ...] = ()
    pathology: Pathology | None = None
    splits: tuple[str, ...] = ("porpoise",)


HIF = "PathAI HIF"
PROJECTS: dict[str, Project] = {
    "brca": Project("brca", (), Pathology("hif_brca.csv.gz", HIF), ("porpoise", "survpath")),
    "luad": Project("luad", (), Pathology("hif_luad.csv.gz", HIF, "slide_key", ("slide_map",))),
    "stad": Project(
        "stad",
        ("Grade",),
        Pathology("hif_stad.csv.gz", HIF, "slide_key", ("slide_map",)),
        ("porpoise", "survpath"),
    ),
    "blca": Project(
        "blca",
        ("Grade",),
        Pathology(
            "blca_tmb_til.csv",
            "predicted TMB and TIL",
            None,
            ("WES_tmb", "Fig5.(a)", "Fig5.(b)"),  # measured by sequencing; risk groups drawn with the outcome at hand
            {"Pred_tmb": {"Low": 0.0, "High": 1.0}},
        ),
        ("porpoise", "survpath"),
    ),
    "kirp": Project("kirp", (), Pathology("kirp_nuclear_morphology.csv", "nuclear morphology")),
    "kirp-images": Project("kirp", (), Pathology("kirp_boe64_images.csv.gz", "BoE64", "image")),
    "kirc": Project("kirc", ("Grade",)),
}


def build(data: Path, name: str) -> CohortTables:
    """Patients who have every modality that the cohort has."""
    project = PROJECTS[name]
    root = data / "tcga"
    clinical, notes = usable(read_outcome(root / "clinical" / "tcga_cdr.csv.gz", project.tcga))
    rna = pd.read_csv(root / "rna" / f"{project.tcga}_zscore_porpoise.csv.gz").set_index("case_id")
    mirna, chosen = one_sample_per_patient(pd.read_csv(root / "mirna" / f"{project.tcga}_rpm_rtcga.csv.gz"))
    table, section = None, {}
    having = [rna.index, mirna.index]
    if project.pathology is not None:
        table, section = read_pathology(root / "pathology", project.pathology)
        having.append(table["case_id"])
    clinical, lacking = complete(clinical, having)
    return CohortTables(
        name=f"TCGA-{name.upper()}",
        clinical=clinical,
        time_unit="days",
        fields={**FIELDS, **{field: field.lower() for field in project.fields}},
        matrices={"rna": (rna, "z-score"), "mirna": (mirna, "RPM")},
        pathology=table,
        pathology_section=section,
        splits={source: read_split_file(root / "splits" / source / project.tcga) for source in project.splits},
        notes=(*notes, chosen, *lacking),
    )


def read_outcome(path: Path, project: str) -> pd.DataFrame:
    """The outcome table of one project by case, with the columns of `COLUMNS`."""
    table = pd.read_csv(path)
    table = table[table["cancer"] == project.upper()].set_index("case_id")
    if not table.index.is_unique:
        raise SystemExit(f"{path.name} names a patient of {project} twice")
    return table[list(COLUMNS)].rename(columns=COLUMNS)


def one_sample_per_patient(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """miRNA by patient, and what was left out; among samples of one type the newer machine's measurement is kept."""
    barcodes = table["sample_barcode"].tolist()
    if [tcga_case(name) for name in barcodes] != table["case_id"].tolist():
        raise SystemExit("the case_id of a miRNA sample is not its barcode's patient")
    choice = one_sample_per_case(barcodes, rank=table["machine"].ne(NEWER_MACHINE).astype(int).tolist())
    kept = table.iloc[list(choice.kept.values())].set_index("case_id")
    said = f"miRNA: {len(choice.normal)} normal samples and {len(choice.spare)} further samples of a patient left out"
    return kept.drop(columns=["sample_barcode", "sample_type", "machine"]), said


def read_pathology(folder: Path, pathology: Pathology) -> tuple[pd.DataFrame, dict[str, object]]:
    """The table's rows with at least half of the features, and its section in cohort.toml."""
    keys = [pathology.name_column] if pathology.name_column else []
    table = pd.read_csv(folder / pathology.file).drop(columns=list(pathology.drop))
    for column, numbers in (pathology.numbers or {}).items():
        table[column] = table[column].map(dict(numbers))
    table = table[table.drop(columns=["case_id", *keys]).notna().mean(axis=1) >= 0.5]
    section: dict[str, object] = {"encoder": pathology.encoder}
    return table, section | ({"name_column": pathology.name_column} if pathology.name_column else {})
