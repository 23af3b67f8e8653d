"""Sources and their uses -> tables; and what can be said of how they hang together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from survviz.data.barcodes import tcga_case
from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.errors import InputError
from survviz.intake.findings import Finding
from survviz.intake.fixes import DropSamples, KeepWhere, RenameGenes
from survviz.intake.layout import SUFFIX, TableUse
from survviz.intake.matching import Match, RuleName, match_names
from survviz.intake.source import Source
from survviz.intake.tables import Matrix, Outcome, Tables, Unread
from survviz.intake.wording import many

ONE_ROW = ("rna", "mirna", "cnv")


def build_tables(sources: Sequence[Source], uses: Sequence[TableUse]) -> Tables:
    """The tables of these uses, unchanged.

    Raises:
        InputError: a use names a table or a column that is not there.
    """
    by_name = {source.name: source for source in sources}
    text: dict[str, pd.DataFrame] = {}
    matrices: dict[str, Matrix] = {}
    for use in uses:
        if use.role == "ignored":
            continue
        source = by_name.get(use.source)
        if source is None:
            raise InputError(f"The plan uses {use.source}, which was not brought. There are {shorten(by_name)}.")
        lost = [name for name in (use.names, *use.about, *(use.columns or ())) if name and name not in source.columns]
        if lost:
            raise InputError(f"The plan uses the columns {shorten(lost)}, which {use.source} does not have.")
        if use.role in ("clinical", "slides"):
            text[use.source] = source.text(use.columns)
        else:
            name = use.source if use.source not in matrices else f"{use.source} ({use.role})"
            matrices[name] = _matrix(source, use)
    return Tables(text, matrices)


def _matrix(source: Source, use: TableUse) -> Matrix:
    others = {use.names, *use.about}
    columns = [name for name in use.columns or source.columns if name not in others]
    values, unread = source.numbers(columns)
    rows = [cell.strip() for cell in source.column(use.names)]
    if use.orientation == "genes in rows":
        frame = pd.DataFrame(np.ascontiguousarray(values.T), index=pd.Index(columns), columns=pd.Index(rows))
        cells = tuple(Unread(sample, rows[i], text) for i, sample, text in unread)
        return Matrix(use.role, frame, use.unit, unread=cells)  # type: ignore[arg-type]
    frame = pd.DataFrame(values, index=pd.Index(rows), columns=pd.Index(columns))
    cells = tuple(Unread(rows[i], column, text) for i, column, text in unread)
    about = source.text(use.about).reset_index(drop=True) if use.about else pd.DataFrame()
    return Matrix(use.role, frame, use.unit, about, cells)  # type: ignore[arg-type]


def case_ids(tables: Tables) -> list[str]:
    """The cases of the outcome table, in its order, empty cells left away."""
    outcome = tables.outcome
    if outcome is None or outcome.id not in tables.table(outcome.table):
        return []
    cells = [str(cell).strip() for cell in tables.table(outcome.table)[outcome.id]]
    return list(dict.fromkeys(cell for cell in cells if not is_missing(cell)))


def match_tables(
    tables: Tables, uses: Sequence[TableUse], rules: Mapping[str, RuleName], slides: Sequence[str] = ()
) -> dict[str, Match]:
    """Table -> how its names belong to the cases; text tables without an own use are matched by their id column.

    Args:
        rules: table -> rule that a person chose.
        slides: names of slides and feature files that came without a table.
    """
    cases = case_ids(tables)
    outcome = tables.outcome
    if outcome is None or not cases:
        return {}
    names: dict[str, list[str]] = {name: list(matrix.values.index) for name, matrix in tables.matrices.items()}
    for use in uses:
        cells = tables.text.get(use.source)
        if cells is not None and use.source != outcome.table and use.names in cells:
            names[use.source] = [str(cell).strip() for cell in cells[use.names] if not is_missing(cell)]
    if slides:
        names["slides"] = list(slides)
    return {name: match_names(name, given, cases, rules.get(name)) for name, given in names.items()}


def check_structure(tables: Tables, matches: Mapping[str, Match]) -> Iterator[Finding]:
    """Columns that fixes took away, names that belong to no case, and cases with several samples."""
    yield from _lost_columns(tables)
    yield from _other_cancers(tables, matches)
    for name, match in matches.items():
        yield from _unmatched(match)
        matrix = tables.matrices.get(name)
        if matrix is not None and matrix.role in ONE_ROW:
            yield from _several(match)
        if matrix is not None:
            yield from _suffixes(name, matrix)


def _lost_columns(tables: Tables) -> Iterator[Finding]:
    outcome = tables.outcome
    if outcome is None:
        return
    for column, table in _used(outcome):
        if table not in tables.text or column not in tables.text[table]:
            yield Finding(
                "lost-column", "error", table,
                f"{table} has no column {column!r}, which the plan uses. Choose another one.", columns=(column,),
            )  # fmt: skip


def _used(outcome: Outcome) -> Iterator[tuple[str, str]]:
    yield outcome.id, outcome.table
    for endpoint in outcome.endpoints:
        yield endpoint.time, outcome.table
        yield endpoint.event, outcome.table
    if outcome.entry:
        yield outcome.entry, outcome.table
    for field in outcome.fields.values():
        yield field.column, field.table


def _other_cancers(tables: Tables, matches: Mapping[str, Match]) -> Iterator[Finding]:
    """An outcome table of many projects beside measurements of a few."""
    outcome = tables.outcome
    field = outcome.fields.get("Cancer type") if outcome else None
    if outcome is None or field is None or field.table != outcome.table or not tables.matrices:
        return
    cells = tables.table(outcome.table)
    if field.column not in cells or outcome.id not in cells:
        return
    measured = {case for name in tables.matrices for case in matches[name].owners.values()}
    types = Counter(cells[field.column])
    here = Counter(cells.loc[cells[outcome.id].str.strip().isin(measured), field.column])
    kept = tuple(name for name in types if here[name])
    if not kept or len(kept) == len(types):
        return
    others = [name for name in types if name not in kept]
    rest = sum(types[name] for name in others)
    yield Finding(
        "other-cancers", "note", outcome.table,
        f"{rest:,} of {len(cells):,} rows are of cancers of which no other table has a patient ({shorten(others)}). "
        f"Keep {shorten(kept)} alone if the cohort is about that.",
        columns=(field.column,), fixes=(KeepWhere(table=outcome.table, column=field.column, values=kept),),
    )  # fmt: skip


def _unmatched(match: Match) -> Iterator[Finding]:
    if not match.owners:
        yield Finding(
            "no-match", "error", match.table,
            f"No name of {match.table} belongs to a case of the outcome table (names like {shorten(match.alone, 2)}; "
            f"cases like {shorten(match.without, 2)}). Use the same case ids in both, or give the table another use.",
            rows=match.alone,
        )  # fmt: skip
    elif match.alone:
        yield Finding(
            "unmatched-names",
            "note",
            match.table,
            f"{match.words}. These rows stay out of the cohort.",
            rows=match.alone,
        )
    if match.owners and match.rule in ("spelling", "leading zeros"):
        yield Finding(
            "loose-match", "warning", match.table,
            f"{match.words}. They are not written alike: look whether the pairs are right "
            f"({shorten((f'{name} = {case}' for name, case in match.owners.items() if name != case), 3)}).",
            rows=tuple(match.owners),
        )  # fmt: skip


def _several(match: Match) -> Iterator[Finding]:
    """Samples of one case; those of TCGA are looked at among the samples, where the barcode tells which one to keep."""
    counts = Counter(match.owners.values())
    several = {case for case, count in counts.items() if count > 1}
    names = [name for name, case in match.owners.items() if case in several]
    if not names or all(tcga_case(name) for name in names):
        return
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(match.owners[name], name)
    spare = tuple(name for name in names if first[match.owners[name]] != name)
    yield Finding(
        "several-samples", "error", match.table,
        f"{many(several, 'case has', 'cases have')} several samples in {match.table} ({shorten(names)}); expected "
        "one per case. Keep the first one of each, or find out which one is right.",
        rows=tuple(names), fixes=(DropSamples(table=match.table, samples=spare, reason="further samples of a case"),),
    )  # fmt: skip


def _suffixes(name: str, matrix: Matrix) -> Iterator[Finding]:
    """`TP53_rnaseq` instead of `TP53`."""
    columns = [str(column) for column in matrix.values.columns]
    ending = Counter(found.group(0) for column in columns if (found := SUFFIX.search(column)))
    if matrix.role not in ONE_ROW or sum(ending.values()) < 0.9 * len(columns):
        return
    names = {column: SUFFIX.sub("", column) for column in columns}
    yield Finding(
        "gene-suffixes", "warning", name,
        f"{name}: gene names end in {shorten(ending)}; a model will not find them ({shorten(columns, 2)}).",
        columns=tuple(columns), fixes=(RenameGenes(table=name, names=names),),
    )  # fmt: skip
