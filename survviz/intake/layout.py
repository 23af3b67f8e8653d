"""What each table is for, and which way round it is written: proposed with the reason in words, changed by a person."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict

from survviz.data.barcodes import tcga_case
from survviz.data.genes import shorten
from survviz.data.tables import ANNOTATIONS, is_known_gene, is_missing, tell_orientation
from survviz.intake.header_words import plain
from survviz.intake.outcome import find_endpoints, id_column
from survviz.intake.source import Source

Role: TypeAlias = Literal["clinical", "slides", "rna", "mirna", "cnv", "features", "ignored"]

LOOKED_AT = 40
MIXED_GENES = 20
FEW_COLUMNS, HEAD_ROWS = 300, 500
MIRNA = re.compile(r"^(hsa-)?(mir|let)-?\d|^mimat\d{7}", re.IGNORECASE)
SYMBOL = re.compile(r"^([A-Z][A-Z0-9]*[A-Z0-9-]*(orf\d+)?(\.\d+)?(\|\d+)?|ENSG\d{11}(\.\d+)?|\?\|\d+)$")
SUFFIX = re.compile(r"_(rnaseq|rna|mrna|expr|cnv|cna|mut)$", re.IGNORECASE)
CNV = ("cnv", "cna")
KEYS = re.compile(r"(^|_)(key|map|id|index|mpp|scanner|barcode|row|col|unnamed_\d+)$|^column_\d+$")
FILE_WORDS: Mapping[Role, re.Pattern[str]] = {
    "cnv": re.compile(r"cnv|cna|gistic|copy.?number|scna", re.IGNORECASE),
    "mirna": re.compile(r"mirna|mir[-_ ]?seq", re.IGNORECASE),
    "rna": re.compile(r"rna|expr|tpm|fpkm|rsem|counts|transcript", re.IGNORECASE),
}
STABLE = {"MRNA_EXPRESSION": "rna", "COPY_NUMBER_ALTERATION": "cnv", "CLINICAL": "clinical"}


class TableUse(BaseModel):
    """How one table is used.

    Attributes:
        source: name of the table.
        reason: why this was proposed, in words.
        orientation: of a matrix.
        names: column that names the rows: samples, or genes.
        about: columns of a matrix that are no measurement (with cases in rows), or no sample.
        columns: the measurements of a table that holds clinical fields too; None = all but `names` and `about`.
        unit: of a matrix, in words; "" = unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    role: Role
    reason: str = ""
    orientation: Literal["cases in rows", "genes in rows"] = "cases in rows"
    names: str = ""
    about: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    unit: str = ""


def propose(sources: Sequence[Source]) -> tuple[TableUse, ...]:
    """The uses of every table, in the order of the tables; a wide table may be clinical and a matrix at once."""
    cases = _known_cases(sources)
    uses = [use for source in sources for use in _uses(source, cases)]
    return _one_per_role(uses, sources, cases)


def _known_cases(sources: Sequence[Source]) -> frozenset[str]:
    """Ids of the tables that hold an outcome."""
    found: set[str] = set()
    for source in sources:
        if len(source.columns) > FEW_COLUMNS:
            continue
        head = source.text(limit=HEAD_ROWS)
        column = id_column(head)
        if column is not None and find_endpoints(source.name, head)[0]:
            found |= {cell.strip() for cell in source.column(column) if not is_missing(cell)}
    return frozenset(found)


def _uses(source: Source, cases: Set[str]) -> list[TableUse]:
    if _is_split(source):
        return [_ignored(source, "it divides patients into train and test; copy it into splits/ of the cohort")]
    numeric = [name for name in source.columns if _is_numeric(source, name)]
    genes = [name for name in numeric if is_known_gene(SUFFIX.sub("", name)) or MIRNA.match(name)]
    hint = _hint(source)
    wide = len(numeric) >= max(4, 0.5 * len(source.columns))
    head = source.text(source.columns[:FEW_COLUMNS], HEAD_ROWS)
    if hint != "clinical" and wide:
        endpoints = find_endpoints(source.name, head)[0] if id_column(head, cases) else ()
        if endpoints and len(genes) >= MIXED_GENES:
            return _mixed(source, numeric)
        if not endpoints:
            found = _matrix(source, numeric, cases, hint)
            if found is not None:
                return [found]
    return [_text(source, cases)]


def _hint(source: Source) -> str:
    """What stood beside the table: of Xena or cBioPortal."""
    hints = source.hints
    kind = STABLE.get(hints.get("genetic_alteration_type", ""), "")
    if kind == "rna" and "mirna" in hints.get("stable_id", "").lower():
        return "mirna"
    if kind:
        return kind
    if hints.get("type") == "clinicalMatrix" or "datatypes" in hints:
        return "clinical"
    return next((role for role, words in FILE_WORDS.items() if words.search(hints.get("dataSubType", ""))), "")


def _text(source: Source, cases: Set[str]) -> TableUse:
    head = source.text(source.columns[:FEW_COLUMNS], HEAD_ROWS)
    column = id_column(head, cases)
    headers = {plain(name): name for name in source.columns}
    slide = next((headers[name] for name in ("slide_id", "slide", "slide_name") if name in headers), None)
    if column is None:
        return _ignored(source, f"no column names the cases (its columns are {shorten(source.columns)})")
    if slide is not None and {"path", "mpp"} & set(headers):
        return TableUse(source=source.name, role="slides", names=column, reason="columns of slides and their files")
    return TableUse(source=source.name, role="clinical", names=column, reason=f"one row per case, named by {column}")


def _matrix(source: Source, numeric: list[str], cases: Set[str], hint: str) -> TableUse | None:
    """A table of numbers as a matrix; None where it is none."""
    words = [name for name in source.columns if name not in numeric]
    label = _label(source, words, cases)
    rows = [cell.strip() for cell in source.column(label)]
    columns = [name for name in numeric if name != label]
    told = tell_orientation(label, rows, columns, cases)
    stacked = told == "genes in rows" or (told is None and source.hints.get("type") == "genomicMatrix")
    orientation = "genes in rows" if stacked else "cases in rows"
    if orientation == "genes in rows":
        about = [name for name in columns if plain(name) in ANNOTATIONS or plain(name) == "entrez_gene_id"]
        about += [name for name in words if name != label]
        names, kept = rows, [name for name in columns if name not in about]
    else:
        about = [name for name in words if name != label]
        about += [name for name in columns if _is_key(source, name)]
        names = kept = [name for name in columns if name not in about]
    role, reason = _molecular_role(source, names, kept, hint)
    if not kept or (orientation == "genes in rows" and role == "features"):
        return None
    if role == "features" and not _names_cases(rows, cases):
        return None
    return TableUse(
        source=source.name, role=role, reason=f"{reason}; {orientation}", orientation=orientation, names=label,
        about=tuple(about), unit=source.hints.get("unit", ""),
    )  # fmt: skip


def _mixed(source: Source, numeric: list[str]) -> list[TableUse]:
    """Clinical fields and genes in one table."""
    label = (
        id_column(source.text([name for name in source.columns if name not in numeric], HEAD_ROWS)) or source.columns[0]
    )
    groups: dict[Role, list[str]] = {}
    for name in numeric:
        gene, suffix = SUFFIX.sub("", name), SUFFIX.search(name)
        if suffix or is_known_gene(gene) or MIRNA.match(gene):
            ending = suffix.group(1).lower() if suffix else ""
            role: Role = "cnv" if ending in CNV else "mirna" if MIRNA.match(gene) and not ending else "rna"
            if ending != "mut":
                groups.setdefault(role, []).append(name)
    known = {name for names in groups.values() for name in names}
    reason = f"{len(known):,} of its {len(source.columns):,} columns are genes, the others are about the case"
    rest = tuple(name for name in source.columns if name not in known)
    uses = [TableUse(source=source.name, role="clinical", names=label, columns=rest, reason=reason)]
    for role, names in groups.items():
        uses.append(TableUse(source=source.name, role=role, names=label, columns=tuple(names), reason=reason))
    return uses


def _label(source: Source, words: Sequence[str], cases: Set[str]) -> str:
    """The column that names the rows: TCGA samples before patients, else known cases, else the first text."""
    lower = {plain(name): name for name in source.columns}
    for name in ("sample_barcode", "hugo_symbol", "gene_name", "gene", "symbol"):
        if name in lower:
            return lower[name]
    for name in [*words, source.columns[0]]:
        sample = [cell.strip() for cell in source.column(name, 200)]
        if sum(tcga_case(cell) is not None or cell in cases for cell in sample) > 0.5 * len(sample):
            return name
    return words[0] if words else source.columns[0]


def _molecular_role(source: Source, names: Sequence[str], kept: Sequence[str], hint: str) -> tuple[Role, str]:
    given = [name.strip() for name in names if name.strip()]
    mirnas = sum(bool(MIRNA.match(name)) for name in given)
    if hint in ("rna", "mirna", "cnv"):
        return hint, "as the file beside it says"  # type: ignore[return-value]
    if mirnas > 0.3 * len(given):
        return "mirna", f"{mirnas:,} of {len(given):,} names are miRNAs"
    symbols = sum(bool(SYMBOL.match(name)) for name in given)
    known = sum(map(is_known_gene, given))
    if symbols > 0.6 * len(given) and (known or any(name.startswith("ENSG") for name in given[:50])):
        if FILE_WORDS["cnv"].search(source.name) or _is_copy_number(source, kept):
            return "cnv", f"{known:,} known genes, and values or a file name of copy numbers"
        return "rna", f"{symbols:,} of {len(given):,} names are gene symbols, {known:,} of them known to survviz"
    return "features", f"{len(given):,} columns of numbers that are no genes: features of pathology"


def _is_copy_number(source: Source, columns: Sequence[str]) -> bool:
    """Whether the values are GISTIC's -2, -1, 0, 1, 2."""
    values, _ = source.numbers(list(columns)[:50])
    given = values[np.isfinite(values)]
    return bool(given.size) and bool(np.isin(given, (-2, -1, 0, 1, 2)).all()) and bool((given < 0).any())


def _is_numeric(source: Source, name: str) -> bool:
    cells = [cell.strip() for cell in source.column(name, LOOKED_AT)]
    given = [cell for cell in cells if not is_missing(cell)]
    if not given:
        return any(not is_missing(cell) for cell in source.column(name, 0)) or len(source.columns) > FEW_COLUMNS
    pattern = r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?|[+-]?inf"
    return sum(bool(re.fullmatch(pattern, cell, re.IGNORECASE)) for cell in given) > 0.8 * len(given)


def _is_key(source: Source, name: str) -> bool:
    """A column of numbers that is no measurement: a key of another table, a pixel size."""
    return bool(KEYS.search(plain(name))) or plain(name) in ANNOTATIONS


def _is_split(source: Source) -> bool:
    headers = {plain(name) for name in source.columns}
    if {"train", "val"} <= headers or {"train", "test"} <= headers or {"case_id", "fold", "part"} <= headers:
        return True
    cells = [cell.strip().lower() for name in source.columns[1:4] for cell in source.column(name, LOOKED_AT)]
    return len(source.columns) > 2 and bool(cells) and set(cells) <= {"train", "test", "val", ""}


def _names_cases(rows: Sequence[str], cases: Set[str]) -> bool:
    return not cases or sum(row in cases or tcga_case(row) is not None for row in rows) > 0.3 * len(rows)


def _ignored(source: Source, reason: str) -> TableUse:
    return TableUse(source=source.name, role="ignored", reason=reason)


def _one_per_role(uses: list[TableUse], sources: Sequence[Source], cases: Set[str]) -> tuple[TableUse, ...]:
    """Of several tables of one kind, the one with most of the patients is used."""
    by_name = {source.name: source for source in sources}
    chosen: dict[Role, tuple[int, TableUse]] = {}
    for use in uses:
        if use.role in ("rna", "mirna", "cnv", "features"):
            covered = _covered(by_name[use.source], use, cases)
            if use.role not in chosen or covered > chosen[use.role][0]:
                chosen[use.role] = (covered, use)
    kept = {id(use) for _, use in chosen.values()}
    return tuple(
        use
        if use.role not in chosen or id(use) in kept
        else use.model_copy(
            update={
                "role": "ignored",
                "reason": f"{chosen[use.role][1].source} is used for {use.role}, and has as many patients or more",
            }
        )
        for use in uses
    )


def _covered(source: Source, use: TableUse, cases: Set[str]) -> int:
    if use.orientation == "genes in rows":
        names = [name for name in source.columns if name not in (use.names, *use.about)]
    else:
        names = source.column(use.names)
    owners = {tcga_case(name) or name.strip() for name in names}
    known = {tcga_case(case) or case for case in cases}
    return len(owners & known) if known else len(owners)
