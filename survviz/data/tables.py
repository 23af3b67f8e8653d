"""Tables from outside: csv, tsv, txt (also gzipped), xlsx and parquet, read without guessing about the values."""

from __future__ import annotations

import csv
import gzip
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from survviz.data.barcodes import is_normal_sample, tcga_case, tcga_sample_type
from survviz.data.genes import default_programmes, gene_aliases, shorten
from survviz.errors import InputError
from survviz.types import Notice

Orientation: TypeAlias = Literal["auto", "cases in rows", "genes in rows"]

SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".xlsx", ".parquet")
MISSING_WORDS = frozenset(
    {"", "na", "n/a", "nan", "none", "null", "unknown", "missing", "-", "--", "'--", ".", "?"}
    | {f"not {word}" for word in ("available", "applicable", "reported", "evaluated", "recorded", "known")}
    | {f"[{word}]" for word in ("unknown", "discrepancy", "completed", "pending")}
    | {f"[not {word}]" for word in ("available", "applicable", "reported", "evaluated", "recorded")}
)
"""Spellings of "we do not know", in lower case."""

CASE_HEADERS = frozenset(
    ["case_id", "case", "sample", "sample_id", "patient", "patient_id", "barcode", "submitter_id", "id"]
)
GENE_HEADERS = frozenset(
    ["gene", "genes", "symbol", "gene_symbol", "hugo_symbol", "gene_name", "gene_id", "mirna", "mirna_id"]
)
ANNOTATIONS = frozenset(
    ["entrez_gene_id", "entrez_id", "description", "cytoband", "sample_barcode", "sample_type", "machine"]
)
EXCEL_DATE = re.compile(r"^(\d{1,2}-(Mar|Sep|Sept|Dec)|(Mar|Sep|Sept|Dec)-\d{1,2})$", re.IGNORECASE)


def is_missing(value: object) -> bool:
    """Whether a cell says that nothing is known."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, float):
        return value != value
    return isinstance(value, str) and value.strip().lower() in MISSING_WORDS


def read_table(
    path: str | Path, *, as_text: bool = False, text_first: bool = False, text: Collection[str] = ()
) -> pd.DataFrame:
    """Read a table with one header row; the kind is told by the file's ending, the separator by its header.

    Blank lines are left out and leave a gap in the index, so that row `i` of the index is row `i + 2` of the file. A
    header one name short of its rows (as R writes it) gets an empty first name.

    Args:
        as_text: keep every cell as it is written (identifiers such as `007` survive); empty cells become "".
        text_first: do so for the first column only.
        text: do so for these columns; their empty cells become NaN.

    Raises:
        InputError: the file is missing, damaged, empty or of an unknown kind, or two columns share a name.
    """
    path = Path(path)
    kind = next((suffix.lower() for suffix in reversed(path.suffixes) if suffix.lower() != ".gz"), "")
    if kind not in SUFFIXES:
        raise InputError(
            f"{path.name} is not a table that survviz reads; expected {', '.join(SUFFIXES)} (text: or .gz)."
        )
    if not path.is_file():
        raise InputError(f"The table {path} does not exist.")
    try:
        table = _read(path, kind, as_text, text_first, text)
    except (OSError, EOFError, KeyError, ValueError, csv.Error, zlib.error, zipfile.BadZipFile) as error:
        reason = str(error).strip() or type(error).__name__
        raise InputError(f"{path.name} cannot be read as {kind[1:]}: {reason}") from error
    blank = table.eq("").all(axis=1) if as_text else table.isna().all(axis=1)
    table = table.loc[~blank]
    if table.empty:
        raise InputError(f"{path.name} holds no rows. Expected a header line and one line per row.")
    table.columns = [str(name).strip() for name in table.columns]
    return table


def _read(path: Path, kind: str, as_text: bool, text_first: bool, text: Collection[str]) -> pd.DataFrame:
    if kind == ".parquet":
        table = pd.read_parquet(path)
        table = table if table.index.name is None else table.reset_index()
        return table.astype(object).where(table.notna(), "").astype(str) if as_text else table
    options: dict = {"dtype": str, "keep_default_na": False} if as_text else {}
    if text_first and not as_text:
        options = {"converters": {0: str}}
    if text:
        options["dtype"] = dict.fromkeys(text, str)
    if kind == ".xlsx":
        head = pd.read_excel(path, header=None, nrows=1, dtype=str)
        _refuse_repeats(path, [name for name in head.to_numpy().ravel() if isinstance(name, str)])
        return pd.read_excel(path, **options)
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
        header = file.readline().decode("utf-8-sig").rstrip("\r\n")
    separator = max(",\t;", key=header.count)
    _refuse_repeats(path, next(csv.reader([header], delimiter=separator), []))
    table = pd.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False, skip_blank_lines=False, **options)
    if isinstance(table.index, pd.MultiIndex):
        raise ValueError(f"its rows have {table.index.nlevels} more cells than its header has names")
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index(names="")
        table[""] = table[""].astype(str)
    return table


def _refuse_repeats(path: Path, names: Sequence[str]) -> None:
    """Pandas would silently call the second one `name.1`."""
    repeated = [name for name, count in Counter(name.strip() for name in names).items() if count > 1 and name]
    if repeated:
        raise InputError(
            f"{path.name} has {len(repeated)} repeated column names: {shorten(repeated)}. Rename or remove one of each."
        )


def read_matrix(
    path: str | Path,
    *,
    orientation: Orientation = "auto",
    case_ids: Collection[str] | None = None,
    notices: list[Notice] | None = None,
) -> pd.DataFrame:
    """Read a numeric table of cases and genes (or miRNAs), whichever way round it is written.

    TCGA sample barcodes are cut to the patient; normal samples are left out, and of several samples of one patient
    the first primary tumour is kept. Rows of one gene are averaged. What was done is added to `notices`.

    Args:
        case_ids: known cases; they decide the orientation, and a sample name that starts with one belongs to it.

    Returns:
        Float32, index `case_id`, one column per gene; a missing value is NaN.

    Raises:
        InputError: the orientation cannot be told, cells are not numbers, or a case appears twice.
    """
    path = Path(path)
    notices = [] if notices is None else notices
    table = read_table(path, text_first=True)
    table, label = _without_annotations(path, table, notices)
    table = table.set_index(label)
    table.index = table.index.astype(str).str.strip()
    if orientation == "auto":
        orientation = _orientation(path, label, list(table.index), list(table.columns), set(case_ids or ()))
    values = numeric_cells(path, table)
    if orientation == "genes in rows":
        values = _one_row_per_gene(path, values, notices).T
    values.columns = [str(name) for name in values.columns]
    _report_dates(path, list(values.columns), notices)
    values = _one_row_per_case(path, values, notices, frozenset(case_ids or ()))
    values.index.name = "case_id"
    return values


def _without_annotations(path: Path, table: pd.DataFrame, notices: list[Notice]) -> tuple[pd.DataFrame, str]:
    """The table without columns that are no measurement, and the name of the column that holds the names."""
    for name in table.columns:
        machines = table[name].dropna().unique() if name.lower() == "machine" else ()
        if len(machines) > 1:
            text = f"{path.name}: the samples were measured on {len(machines)} machines ({shorten(map(str, machines))})"
            notices.append(Notice("warning", "table.machines", text + "; a shift between them can look like biology."))
    label = next((name for name in table.columns if name.lower() == "sample_barcode"), str(table.columns[0]))
    other = CASE_HEADERS if label.lower() == "sample_barcode" else frozenset()
    drop = (ANNOTATIONS | other) - {label.lower()}
    table = table.drop(columns=[name for name in table.columns if name.lower() in drop])
    return table, label


def _report_dates(path: Path, names: Sequence[str], notices: list[Notice]) -> None:
    dates = [name for name in names if EXCEL_DATE.match(name)]
    if dates:
        text = (
            f"{path.name}: {len(dates)} gene names look like dates ({shorten(dates)}): a spreadsheet has changed them."
        )
        notices.append(
            Notice("warning", "table.dates", text + " These genes (SEPTIN, MARCHF, DELEC) cannot be recognised.")
        )


def tell_orientation(label: str, rows: Sequence[str], columns: Sequence[str], cases: Set[str]) -> Orientation | None:
    """Which way round a table is: by known cases and TCGA barcodes, then known genes, then its first header."""

    def looks_like(names: Sequence[str]) -> tuple[int, int]:
        return sum(name in cases or tcga_case(name) is not None for name in names), sum(map(is_known_gene, names))

    (row_cases, row_genes), (column_cases, column_genes) = looks_like(rows), looks_like(columns)
    evidence = (row_cases > column_cases) - (row_cases < column_cases)
    evidence = evidence or (row_genes < column_genes) - (row_genes > column_genes)
    evidence = evidence or (label.lower() in CASE_HEADERS) - (label.lower() in GENE_HEADERS)
    return None if not evidence else "cases in rows" if evidence > 0 else "genes in rows"


def is_known_gene(name: str) -> bool:
    """Whether a name is a gene of ours, also as `TP53|7157`, or a miRNA."""
    return name.split("|")[0] in known_gene_names() or name.lower().startswith("hsa-")


def _orientation(path: Path, label: str, rows: list[str], columns: list[str], cases: set[str]) -> Orientation:
    if not rows or not columns:
        raise InputError(f"{path.name} holds {len(rows)} rows and {len(columns)} columns of values; expected some.")
    told = tell_orientation(label, rows, columns, cases)
    if told is None:
        raise InputError(
            f"{path.name}: it cannot be told whether rows are cases or genes (first column {label!r}, first row "
            f"{rows[0]!r}, second column {columns[0]!r}). Name the first column case_id or gene, or say "
            'orientation = "cases in rows" or "genes in rows" in cohort.toml.'
        )
    return told


@cache
def known_gene_names() -> frozenset[str]:
    """Symbols by which rows are told from columns: our programmes' genes, and every symbol of a known rename."""
    known = {gene for programme in default_programmes().values() for gene in programme.genes}
    return frozenset(known | set(gene_aliases()) | set(gene_aliases().values()))


def numeric_cells(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table as float32; an empty cell is NaN.

    Raises:
        InputError: cells are not numbers, or infinite; they are named by the table's index and column.
    """
    columns: dict[str, np.ndarray] = {}
    bad: list[str] = []
    for name in table.columns:
        cells = table[name]
        numbers = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float32)
        columns[str(name)] = numbers
        if not pd.api.types.is_numeric_dtype(cells):
            pairs = zip(table.index, cells, np.isnan(numbers), strict=True)
            wrong = [(row, cell) for row, cell, unread in pairs if unread and not is_missing(cell)]
            bad += [f"row {row!r}, column {name!r}: {cell!r}" for row, cell in wrong]
    if bad:
        fix = (
            "Write decimals with a point." if re.search(r"\d,\d", bad[0]) else "Write a number or leave the cell empty."
        )
        raise InputError(f"{path.name} has {len(bad):,} cells that are not numbers: {shorten(bad)}. {fix}")
    values = pd.DataFrame(columns, index=table.index)
    infinite = np.argwhere(np.isinf(values.to_numpy()))
    if len(infinite):
        cells = [f"row {values.index[i]!r}, column {values.columns[j]!r}" for i, j in infinite]
        raise InputError(f"{path.name} has {len(infinite):,} infinite values: {shorten(cells)}. Was a zero logged?")
    return values


def _one_row_per_gene(path: Path, values: pd.DataFrame, notices: list[Notice]) -> pd.DataFrame:
    """Index cut from `TP53|7157` to `TP53`; rows of one symbol averaged."""
    names = [name if name.startswith("?") else name.split("|")[0] for name in values.index]
    values = values.set_axis(names, axis=0)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        text = f"{path.name}: {len(repeated)} genes appear in several rows ({shorten(repeated)}); their mean is used."
        notices.append(Notice("warning", "table.repeated_genes", text))
        values = pd.DataFrame(values.groupby(level=0, sort=False).mean())
    return values


def _one_row_per_case(
    path: Path, values: pd.DataFrame, notices: list[Notice], case_ids: frozenset[str]
) -> pd.DataFrame:
    """Index cut to the case; normal samples dropped, the first primary tumour kept."""
    names = list(values.index)
    barcodes = [name if name in case_ids else tcga_case(name) for name in names]
    if not all(barcodes):
        barcodes = names
    normal = [is_normal_sample(name) for name in names]
    order = sorted(range(len(names)), key=lambda i: (tcga_sample_type(names[i]) or 0, names[i]))
    chosen: dict[str, int] = {}
    spare: list[str] = []
    for i in order:
        if normal[i]:
            continue
        if barcodes[i] in chosen:
            spare.append(names[i])
        chosen.setdefault(str(barcodes[i]), i)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"{path.name}: {len(twice)} cases appear more than once: {shorten(twice)}. Keep one row of each."
        )
    if any(normal):
        text = f"{path.name}: {sum(normal)} normal-tissue samples (TCGA sample types 10 to 14) were left out."
        notices.append(Notice("info", "table.normal_samples", text))
    if spare:
        text = f"{path.name}: {len(spare)} further samples of a patient were left out ({shorten(spare)})"
        notices.append(Notice("info", "table.repeated_samples", text + "; the first primary tumour sample is used."))
    if not chosen:
        raise InputError(f"{path.name} holds normal-tissue samples only. Expected tumour samples.")
    keep = sorted(chosen.values())
    return values.iloc[keep].set_axis([str(barcodes[i]) for i in keep], axis=0)
