"""Broken molecular tables, beside a good outcome table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from survviz.intake.findings import Severity
from tests.intake.corpus.broken import Broken
from tests.intake.corpus.good import MIRNAS, N, barcodes, clinical, csv, expression, mirna, tcga_clinical

OUTCOME, TCGA = csv(clinical()), csv(tcga_clinical())


def _rna(
    name: str,
    table: pd.DataFrame,
    code: str,
    *says: str,
    severity: Severity = "error",
    rows: int | None = None,
    mended: bool = True,
) -> Broken:
    return Broken(name, {"clinical.csv": OUTCOME, "rna.csv": csv(table)}, code, says, severity, rows, mended)


def _mirna(
    name: str,
    table: pd.DataFrame,
    code: str,
    *says: str,
    severity: Severity = "error",
    rows: int | None = None,
    mended: bool = True,
) -> Broken:
    return Broken(name, {"clinical.csv": TCGA, "mirna.csv": csv(table)}, code, says, severity, rows, mended)


def _cells(changes: dict[tuple[int, int], object]) -> pd.DataFrame:
    table = expression().astype(object)
    for (row, column), value in changes.items():
        table.iat[row, column] = value
    return table


def _scaled() -> pd.DataFrame:
    """z-scores, one cell of them as in BRCA."""
    table = expression()
    table = ((table - table.mean()) / table.std()).round(4)
    table.iat[5, 3] = 36893.3
    table.iat[6, 4] = -250.0
    return table


def _renamed(names: dict[str, str]) -> pd.DataFrame:
    return expression().rename(columns=names)


def _normals() -> pd.DataFrame:
    return mirna([*barcodes(), *barcodes(5, "11A")])


def _machines() -> pd.DataFrame:
    table = mirna()
    table.insert(0, "machine", ["Illumina HiSeq 2000"] * 30 + ["Illumina Genome Analyzer"] * 10)
    return table


def _more(rows: list[int], names: list[str] | None = None, scale: float = 1) -> pd.DataFrame:
    more = expression().iloc[rows] * scale
    return pd.concat([expression(), more if names is None else more.set_axis(names)]).rename_axis("case_id")


LINEAR = (2 ** expression() * 20).round(1)
TWICE = pd.concat([expression(), expression()[["TP53"]] + 1], axis=1)
HALF = expression()
HALF.iloc[:30, 2] = np.nan
GAPS = expression()
GAPS.iloc[3, :25] = np.nan
EMPTY = expression()
EMPTY.iloc[3, :] = np.nan

MOLECULES = (
    _mirna("normal samples", _normals(), "normal-samples", "5 of 45", "11A", rows=5),
    _mirna(
        "normals only", mirna(barcodes(N, "11A")), "normal-samples", "No tumour sample is left", rows=N, mended=False
    ),
    _mirna("aliquots", mirna([*barcodes(), *barcodes(3, "01B")]), "several-samples", "3 patients", rows=3),
    _mirna(
        "metastases",
        mirna([*barcodes()[:37], *barcodes()[37:]]).rename(
            index=lambda name: name.replace("-01A-", "-06A-") if name in barcodes()[37:] else name
        ),
        "metastases",
        "3 patients",
        "metastatic",
        severity="warning",
        rows=3,
    ),
    _mirna(
        "two machines", _machines(), "several-machines", "HiSeq 2000: 30", severity="warning", rows=10, mended=False
    ),
    _mirna("the same barcode twice", mirna([*barcodes(), barcodes()[0]]), "duplicate-samples", "1 sample name", rows=1),
    _rna("a case twice, alike", _more([4]), "duplicate-samples", "P005", "same values", rows=1),
    _rna("a case twice, different", _more([4], scale=1.5), "duplicate-samples", "P005", "other values", rows=1),
    _rna(
        "a copied row",
        _cells({(7, j): expression().iat[3, j] for j in range(30)}),
        "copied-samples",
        "P004 = P008",
        severity="warning",
        rows=2,
    ),
    _rna("a sample without values", EMPTY, "empty-samples", "no value at all", rows=1),
    _rna("a sample of zeros", _cells({(3, j): 0.0 for j in range(30)}), "empty-samples", "0 in every column", rows=1),
    _rna("a sample of gaps", GAPS, "mostly-empty-samples", "more than half", severity="warning", rows=1),
    _rna("absurd z-scores", _scaled(), "absurd-z", "2 cells", "36,893", severity="warning", rows=2),
    _rna("an impossible logged value", _cells({(2, 2): -2.0, (3, 3): 5000.0}), "absurd-z", "5,000", severity="warning"),
    _rna(
        "infinite values", _cells({(2, 2): "inf", (3, 3): "-inf"}), "infinite-values", "2 cells", "zero logged", rows=2
    ),
    _rna("words among numbers", _cells({(2, 2): "high", (3, 3): "n.d."}), "not-numbers", "'high'", rows=2),
    _rna("-999 for missing", _cells({(2, 2): -999, (3, 3): -999}), "placeholder-values", "-999", rows=2),
    _rna(
        "negative counts",
        LINEAR.map(lambda value: value).mask(LINEAR.iat[2, 2] == LINEAR, -3.0),
        "negative-values",
        "negative",
        rows=1,
    ),
    _rna("half logged", pd.concat([LINEAR.iloc[:30], expression().iloc[30:]]), "mixed-units", "10 of 40", rows=10),
    _rna(
        "one sample far away",
        _cells({(2, j): 25.0 + j / 10 for j in range(30)}),
        "outlier-samples",
        "P003",
        severity="warning",
        rows=1,
    ),
    _rna(
        "genes turned into dates",
        _renamed({"TP53": "2-Sep", "EGFR": "1-Mar"}),
        "excel-dates",
        "2-Sep",
        "MARCHF",
        severity="warning",
        mended=False,
    ),
    _rna(
        "older symbols",
        _renamed({"TP53": "SEPT2", "EGFR": "GARS"}),
        "gene-aliases",
        "GARS is now GARS1",
        severity="note",
    ),
    _rna(
        "symbols with numbers",
        _renamed({gene: f"{gene}|{i}" for i, gene in enumerate(expression().columns)}),
        "gene-suffixes",
        "TP53|0 for TP53",
        severity="warning",
    ),
    _rna(
        "Ensembl ids",
        expression().set_axis([f"ENSG{i:011d}" for i in range(30)], axis=1),
        "ensembl-ids",
        "HGNC",
        mended=False,
    ),
    _rna(
        "Entrez numbers",
        expression().set_axis([str(7000 + i) for i in range(30)], axis=1),
        "entrez-ids",
        "Entrez",
        mended=False,
    ),
    _rna(
        "probes",
        expression().set_axis([f"{200000 + i}_at" for i in range(30)], axis=1),
        "unknown-genes",
        "probes",
        severity="warning",
        mended=False,
    ),
    _rna("a gene twice", TWICE, "repeated-columns", "TP53", severity="warning", mended=False),
    _rna("constant genes", expression().assign(EGFR=3.0), "constant-columns", "EGFR", severity="note"),
    _rna("an empty gene", expression().assign(EGFR=np.nan), "empty-columns", "EGFR", severity="warning", mended=False),
    _rna(
        "a gene in words",
        expression().assign(MKI67=["high" if i % 2 else "low" for i in range(N)]),
        "genes-in-words",
        "MKI67",
        severity="warning",
        mended=False,
    ),
    _rna("gaps in a gene", HALF, "gaps", "20%", severity="warning"),
    _rna(
        "names of no genes",
        _renamed({"TP53": "?|100130426", "EGFR": "__no_feature"}),
        "no-gene",
        "2 columns",
        severity="warning",
    ),
    _mirna(
        "proteins as miRNA",
        mirna().set_axis([f"protein{i}" for i in range(len(MIRNAS))], axis=1),
        "unknown-mirnas",
        "hsa-mir-21",
        severity="warning",
        mended=False,
    ),
)
