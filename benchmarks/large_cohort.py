"""A made-up cohort of 10,000 patients x 2,000 genes that a shipped checkpoint scores: pages must be quick with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
CHECKPOINT = "tcga-pancan-bilayer-mrna"
N_CASES, N_GENES = 10_000, 2_000
CANCERS = {"BRCA": 0.0, "KIRC": 0.4, "LUAD": 0.9, "GBM": 2.0, "THCA": -1.6}
"""Log hazards."""
STAGES = ("I", "II", "III", "IV")
TOML = """name = "Ten thousand"

[clinical]
file = "clinical.csv"
id = "case_id"
time = "OS.time"
event = "OS"
time_unit = "months"
event_coding = { observed = [1], censored = [0] }

[clinical.fields]
Age = { column = "age", unit = "years" }
Sex = "sex"
Stage = "stage"
"Cancer type" = "cancer"
"Prior malignancy" = "prior_malignancy"

[rna]
file = "rna.parquet"
unit = "z-score"
"""


def write_cohort(folder: Path, n_cases: int = N_CASES, n_genes: int = N_GENES) -> Path:
    """A cohort folder: clinical fields with two endpoints, whose hazards they shape, and z-scores of RNA."""
    folder.mkdir(parents=True)
    clinical_table(n_cases).to_csv(folder / "clinical.csv", index=False)
    values = np.random.default_rng(1).standard_normal((n_cases, n_genes), dtype=np.float32)
    rna = pd.DataFrame(values, columns=pd.Index(gene_names(n_genes)))
    rna.insert(0, "case_id", [case_id(number) for number in range(n_cases)])
    rna.to_parquet(folder / "rna.parquet", index=False)
    (folder / "cohort.toml").write_text(TOML, encoding="utf-8")
    return folder


def clinical_table(n: int) -> pd.DataFrame:
    """One row per patient; progression comes before death."""
    random = np.random.default_rng(0)
    stage, cancer = random.integers(0, len(STAGES), n), random.integers(0, len(CANCERS), n)
    age = random.normal(62, 11, n).clip(20, 89).round(1)
    hazard = np.exp(0.03 * (age - 62) + 0.5 * (stage - 1.5) + np.array(list(CANCERS.values()))[cancer]) / 70
    death, censoring = random.exponential(1 / hazard), random.uniform(2, 150, n)
    progression = death * random.uniform(0.2, 1, n)
    return pd.DataFrame(
        {
            "case_id": [case_id(number) for number in range(n)],
            "OS.time": np.minimum(death, censoring).clip(0.1).round(2),
            "OS": (death <= censoring).astype(int),
            "PFI.time": np.minimum(progression, censoring).clip(0.1).round(2),
            "PFI": (progression <= censoring).astype(int),
            "age": age,
            "sex": random.choice(np.array(["female", "male"]), n),
            "stage": np.array(STAGES)[stage],
            "cancer": np.array(list(CANCERS))[cancer],
            "prior_malignancy": random.choice(np.array(["no", "yes"]), n, p=[0.9, 0.1]),
        }
    )


def gene_names(n: int) -> list[str]:
    """The genes that the checkpoint knows, then others."""
    preprocess = json.loads((ROOT / "checkpoints" / CHECKPOINT / "preprocess.json").read_text(encoding="utf-8"))
    known = preprocess["folds"][0]["ood"]["rna"]["genes"][:n]
    return [*known, *(f"OTHER{number}" for number in range(n - len(known)))]


def case_id(number: int) -> str:
    """For example BIG-00042."""
    return f"BIG-{number:05d}"
