"""Expression files of the GDC: STAR gene counts (TPM) and miRNA quantification (reads per million)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.types import Progress

TPM = "tpm_unstranded"
RPM = "reads_per_million_miRNA_mapped"
CODING = "protein_coding"


def read_star(path: Path) -> pd.Series:
    """TPM of the protein-coding genes of one file, by symbol.

    The summary rows (`N_unmapped`, ...) are left out. Rows of one symbol are added up: a gene of the pseudo-autosomal
    regions has a second row for Y, always 0, and the reads of a gene may be counted at several places.

    Raises:
        InputError: columns are missing, or a cell is not a number of 0 or more.
    """
    table = _table(path, ("gene_id", "gene_name", "gene_type"), TPM)
    genes = table[~table["gene_id"].str.startswith("N_") & (table["gene_type"] == CODING)]
    values = _numbers(path, genes["gene_name"].tolist(), np.asarray(genes[TPM]))
    return pd.Series(values.groupby(level=0, sort=True).sum())


def read_mirna(path: Path) -> pd.Series:
    """Reads per million mapped miRNA reads of one file, by precursor (`hsa-mir-21`).

    Raises:
        InputError: columns are missing, a cell is not a number of 0 or more, or a miRNA has two rows.
    """
    table = _table(path, ("miRNA_ID",), RPM)
    names = table["miRNA_ID"].tolist()
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path} has {len(twice)} miRNAs twice: {shorten(twice)}. Download it again.")
    return _numbers(path, names, np.asarray(table[RPM]))


def read_all(
    files: Mapping[str, Path], read: Callable[[Path], pd.Series], progress: Progress | None = None
) -> pd.DataFrame:
    """One float32 row per case, in the order given.

    Raises:
        InputError: a file is damaged, or two files do not have the same genes (of two releases of the GDC).
    """
    names: pd.Index | None = None
    rows: list[np.ndarray] = []
    for case, path in files.items():
        values = read(path)
        if names is None:
            names = values.index
        elif not names.equals(values.index):
            first = next(iter(files.values()))
            raise InputError(
                f"{path} of {case} has {len(values):,} genes and {first} has {len(names):,}, or others of that number: "
                "one is cut short, or they are of two releases of the GDC. Download all files again from one release."
            )
        rows.append(values.to_numpy(dtype=np.float32))
        if progress is not None:
            progress(len(rows), len(files))
    index = pd.Index(list(files), name="case_id", dtype=object)
    return pd.DataFrame(np.stack(rows), index=index, columns=names)


def _table(path: Path, names: tuple[str, ...], value: str) -> pd.DataFrame:
    """These columns: names as text, the value as float64, NaN where it is empty; `#` lines stand before the header."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = iter(enumerate(file))
            before, header = next(((number, line) for number, line in lines if not line.startswith("#")), (0, ""))
        columns = header.rstrip("\r\n").split("\t")
        lost = [name for name in (*names, value) if name not in columns]
        if lost:
            raise InputError(f"{path} lacks {', '.join(lost)}; its columns are {shorten(columns, 12)}.")
        options: dict[str, Any] = {
            "usecols": [*names, value],
            "dtype": {**dict.fromkeys(names, str), value: float},
            "na_values": {value: [""]},
        }
        table = pd.read_csv(path, sep="\t", skiprows=before, keep_default_na=False, index_col=False, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}. Download it again.") from error
    return pd.DataFrame(table)


def _numbers(path: Path, names: list[str], values: np.ndarray) -> pd.Series:
    fine = np.isfinite(values) & (values >= 0)
    if not names or not fine.all():
        bad = [names[i] for i in np.flatnonzero(~fine)]
        what = f"no number of 0 or more for {shorten(bad)}" if bad else "no gene"
        raise InputError(f"{path} has {what}. Download it again.")
    return pd.Series(values, index=pd.Index(names, dtype=object))
