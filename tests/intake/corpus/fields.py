"""Broken clinical fields, and columns that should not be there."""

from __future__ import annotations

from tests.intake.corpus.broken import Broken, one_table
from tests.intake.corpus.good import N, clinical, csv

TABLE = clinical()


def _with(**columns: list[str]) -> dict[str, bytes]:
    return {"clinical.csv": csv(TABLE.assign(**columns))}


DAYS = [str(int(age) * 365) for age in TABLE["age"]]
CENTRES = ["North" if event == "1" else "South" for event in TABLE["OS"]]

FIELDS = (
    one_table("aged 231", "impossible-age", "231", "0 to 120", rows=1, age={2: "231"}),
    one_table("aged -7", "impossible-age", "-7", rows=1, age={2: "-7"}),
    one_table("ages in days", "age-unit", "in days", severity="note", mended=False, age=DAYS),
    one_table("ages in days and years", "impossible-age", "23360", rows=3, age={2: "23360", 5: "19710", 9: "30000"}),
    one_table("days before birth", "age-unit", "negative", rows=N, age=[f"-{age}" for age in DAYS]),
    one_table("ages of 90+", "not-a-number", "90+", rows=2, age={2: "90+", 3: ">89"}),
    one_table("ages with a comma", "not-a-number", "63,5", rows=1, age={2: "63,5"}),
    one_table("aged sixty", "not-a-number", "sixty", rows=1, age={2: "sixty"}),
    one_table("a stage of VII", "unknown-stages", "VII", severity="warning", mended=False, rows=1, stage={2: "VII"}),
    one_table(
        "TNM as stage",
        "unknown-stages",
        "T2N0M0",
        severity="warning",
        mended=False,
        rows=2,
        stage={2: "T2N0M0", 6: "T2N0M0"},
    ),
    one_table(
        "stages in five spellings",
        "several-spellings",
        "Stage II",
        severity="note",
        rows=4,
        stage={0: "Stage I", 1: "stage ii", 5: "2", 9: "Stage II"},
    ),
    one_table(
        "sexes in spellings", "several-spellings", "'F'", severity="note", rows=3, sex={1: "F", 3: "Female", 4: "M"}
    ),
    one_table(
        "sex in numbers",
        "unexplained-codes",
        "numbers",
        severity="warning",
        mended=False,
        rows=N,
        sex=[str(i % 2) for i in range(N)],
    ),
    one_table("an unknown sex", "unknown-values", "'X1'", severity="warning", mended=False, rows=1, sex={2: "X1"}),
    one_table("no stage at all", "empty-field", "stage", severity="note", mended=False, stage=["NA"] * N),
    one_table(
        "few stages",
        "mostly-missing-field",
        "30 of 40",
        severity="note",
        mended=False,
        stage=["II"] * 10 + [""] * 30,
    ),
    one_table("women only", "constant-field", "every row", severity="note", mended=False, sex=["female"] * N),
    Broken(
        "names of patients",
        _with(patient_name=["Jane Roe"] * N, date_of_birth=["1950-01-02"] * N),
        "personal-data",
        ("2 columns", "patient_name"),
        severity="warning",
    ),
    Broken(
        "treatment known later",
        _with(radiation_therapy=["yes"] * N),
        "after-baseline",
        ("radiation_therapy",),
        severity="note",
    ),
    one_table(
        "errors of a spreadsheet", "sheet-errors", "#REF!", severity="warning", rows=2, stage={2: "#REF!", 3: "#N/A"}
    ),
    one_table(
        "spoilt letters", "spoilt-letters", "UTF-8", severity="warning", mended=False, rows=1, sex={2: "mÃ¤nnlich"}
    ),
    one_table(
        "a formula in a cell",
        "formula-text",
        "never computed",
        severity="note",
        mended=False,
        rows=1,
        stage={2: "=HYPERLINK(A1)"},
    ),
    one_table(
        "markup in a cell",
        "markup-text",
        "<script>",
        severity="note",
        mended=False,
        rows=1,
        stage={2: "<script>alert(1)</script>"},
    ),
    one_table(
        "words for missing",
        "missing-words",
        "[Not Available]",
        severity="note",
        mended=False,
        stage={2: "[Not Available]", 3: "NA"},
    ),
    Broken(
        "centre tells who died",
        _with(centre=CENTRES),
        "batch-outcome",
        ("centre", "100%"),
        severity="warning",
        mended=False,
    ),
)
