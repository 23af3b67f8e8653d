"""A cohort without a fault, as the broken ones begin."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import pandas as pd

N = 40
GENES = [
    "TP53",
    "BRCA1",
    "BRCA2",
    "EGFR",
    "KRAS",
    "MYC",
    "PTEN",
    "RB1",
    "CDK4",
    "CDK6",
    "CCND1",
    "CCNE1",
    "VEGFA",
    "HIF1A",
    "STAT3",
    "JAK2",
    "NFKB1",
    "TNF",
    "IL6",
    "CXCL8",
    "CD4",
    "CD8A",
    "FOXP3",
    "PDCD1",
    "CD274",
    "CTLA4",
    "MKI67",
    "TOP2A",
    "AURKA",
    "BIRC5",
]
MIRNAS = tuple(f"hsa-mir-{number}" for number in (21, 31, 155, 210, 221, 222, 375, 429, 451, 486))


def case_ids(n: int = N) -> list[str]:
    """Ids that no table could mistake for something else."""
    return [f"P{i:03d}" for i in range(1, n + 1)]


def clinical(n: int = N, seed: int = 0) -> pd.DataFrame:
    """Outcome and clinical fields of all cases, as text."""
    rng = np.random.default_rng(seed)
    times = rng.integers(30, 3000, n)
    return pd.DataFrame(
        {
            "case_id": case_ids(n),
            "OS.time": [str(time) for time in times],
            "OS": [str(int(i % 3 == 0)) for i in range(n)],
            "age": [str(age) for age in rng.integers(35, 85, n)],
            "sex": ["female" if i % 2 else "male" for i in range(n)],
            "stage": [("I", "II", "III", "IV")[i % 4] for i in range(n)],
        },
        dtype=object,
    )


def expression(n: int = N, seed: int = 1) -> pd.DataFrame:
    """log2(TPM + 1), cases in rows."""
    values = np.random.default_rng(seed).gamma(4, 1.5, (n, len(GENES))).round(4)
    return pd.DataFrame(values, index=pd.Index(case_ids(n), name="case_id"), columns=list(GENES))


def barcodes(n: int = N, sample: str = "01A") -> list[str]:
    """TCGA sample barcodes."""
    return [f"TCGA-A1-A{i:03d}-{sample}-11R-A000-13" for i in range(1, n + 1)]


def tcga_clinical(n: int = N) -> pd.DataFrame:
    """The same outcome under patient barcodes."""
    return clinical(n).assign(case_id=[name[:12] for name in barcodes(n)])


def mirna(names: list[str] | None = None, seed: int = 2) -> pd.DataFrame:
    """Reads per million, samples in rows, under TCGA barcodes."""
    names = barcodes() if names is None else names
    values = np.random.default_rng(seed).gamma(0.5, 1000, (len(names), len(MIRNAS)))
    values = (values / values.sum(axis=1, keepdims=True) * 1e6).round(3)
    return pd.DataFrame(values, index=pd.Index(names, name="sample_barcode"), columns=list(MIRNAS))


def csv(table: pd.DataFrame, sep: str = ",", encoding: str = "utf-8") -> bytes:
    """A table as a file; its index only if it has a name."""
    return table.to_csv(sep=sep, index=table.index.name is not None, lineterminator="\n").encode(encoding)


def xlsx(**sheets: pd.DataFrame) -> bytes:
    """A workbook."""
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
        for name, table in sheets.items():
            table.to_excel(writer, sheet_name=name, index=table.index.name is not None)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive; names are written as they are given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=compression)
    return buffer.getvalue()
