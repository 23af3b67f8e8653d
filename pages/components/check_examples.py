"""Tables to begin with: templates with five rows in three layouts, and an example with the usual mistakes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import pandas as pd

from survviz.data.tables import known_gene_names

N = 90
EXAMPLE = "example-with-mistakes.zip"


def templates() -> Mapping[str, tuple[str, bytes]]:
    """Label -> file name and bytes: the same five patients as plain tables, as cBioPortal and as Xena write them."""
    return {
        "Plain tables": (
            "survviz-template.zip", _zip({"clinical.csv": ROWS.to_csv(index=False), "rna.csv": _expression()})
        ),
        "cBioPortal": (
            "survviz-template-cbioportal.zip",
            _zip({"data_clinical_patient.txt": _cbioportal(), "data_mrna_seq_tpm.txt": _genes("Hugo_Symbol")}),
        ),
        "Xena": (
            "survviz-template-xena.zip", _zip({"survival.tsv": _xena(), "expression.tsv": _genes("sample")})
        ),
    }  # fmt: skip


ROWS = pd.DataFrame(
    {
        "case_id": ["P001", "P002", "P003", "P004", "P005"],
        "OS.time": [812, 1430, 255, 96, 2210],
        "OS": [1, 0, 1, 0, 0],
        "age": [61, 54, 72, 48, 66],
        "sex": ["female", "male", "female", "female", "male"],
        "stage": ["II", "I", "IIIA", "IV", "IB"],
    }
)
GENES = ("TP53", "EGFR", "MKI67", "CD8A", "VEGFA")
VALUES = np.random.default_rng(0).gamma(4, 1.4, (len(ROWS), len(GENES))).round(3)


def _expression() -> str:
    return pd.DataFrame(VALUES, pd.Index(ROWS["case_id"], name="case_id"), pd.Index(GENES)).to_csv()


def _genes(label: str) -> str:
    return pd.DataFrame(VALUES.T, pd.Index(GENES, name=label), pd.Index(ROWS["case_id"])).to_csv(sep="\t")


def _cbioportal() -> str:
    status = ["1:DECEASED" if event else "0:LIVING" for event in ROWS["OS"]]
    table = pd.DataFrame(
        {
            "PATIENT_ID": ROWS["case_id"], "OS_MONTHS": (ROWS["OS.time"] / 30.4375).round(2), "OS_STATUS": status,
            "AGE": ROWS["age"], "SEX": ROWS["sex"].str.capitalize(), "STAGE": ROWS["stage"],
        }
    )  # fmt: skip
    kinds = ["STRING", "NUMBER", "STRING", "NUMBER", "STRING", "STRING"]
    head = ["\t".join(line) for line in (list(table), list(table), kinds, ["1"] * len(kinds))]
    return "".join(f"#{line}\n" for line in head) + table.to_csv(sep="\t", index=False)


def _xena() -> str:
    columns = {"sample": ROWS["case_id"], "OS": ROWS["OS"], "OS.time": ROWS["OS.time"], "_PATIENT": ROWS["case_id"]}
    return pd.DataFrame(columns | {"age": ROWS["age"], "gender": ROWS["sex"], "stage": ROWS["stage"]}).to_csv(
        sep="\t", index=False
    )


def example() -> bytes:
    """A zip of a made-up cohort with a dozen mistakes that are common, so that a person sees what the check does."""
    rng = np.random.default_rng(3)
    ids = [f"TCGA-ZZ-A{i:03d}" for i in range(1, N + 1)]
    risk = rng.normal(size=N)
    time = (rng.exponential(1500, N) * np.exp(-0.7 * risk)).astype(int) + 20
    dead = rng.random(N) < 0.45
    clinical = pd.DataFrame(
        {
            "case_id": ids, "OS.time": time.astype(str), "OS": dead.astype(int).astype(str),
            "age": rng.integers(38, 84, N).astype(str), "gender": rng.choice(["FEMALE", "female", "MALE", "M"], N),
            "ajcc_stage": rng.choice(["Stage I", "Stage IIA", "II", "iii", "Stage IV", "[Not Available]"], N),
            "patient_name": "Jane Roe", "radiation_therapy": "yes",
        }
    )  # fmt: skip
    clinical.loc[3, "age"], clinical.loc[8, "OS.time"], clinical.loc[11, "OS.time"] = "219", "0", "-4"
    clinical.loc[20, "OS.time"], clinical.loc[30, "ajcc_stage"] = "", "T2N0"
    clinical = pd.concat([clinical, clinical.iloc[[40]]])
    genes = sorted(gene for gene in known_gene_names() if gene.isalnum())[:120]
    values = rng.normal(size=(N, len(genes))) + 0.5 * risk[:, None] * rng.normal(size=len(genes))
    values = ((values - values.mean(axis=0)) / values.std(axis=0)).round(4)
    values[5, 7], values[:, 9] = 36893.3, 0.0
    samples = [f"{case}-01A" for case in ids] + [f"{case}-11A" for case in ids[:6]] + [f"{ids[9]}-01B"]
    values = np.vstack([values, values[:6] * 0.2, values[9] + 0.1])
    table = pd.DataFrame(values, pd.Index(samples, name="sample"), pd.Index(genes))
    return _zip({"clinical.csv": clinical.to_csv(index=False), "rna_zscores.csv": table.to_csv()})


def _zip(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
