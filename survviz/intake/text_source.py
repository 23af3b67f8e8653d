"""Text files as tables: encoding, separator, comments and titles above the header, rows of the wrong length."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow makes its functions when it is imported)

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.intake.findings import Finding, row_names
from survviz.intake.fixes import DropColumns
from survviz.intake.source import MAX_CELLS, MAX_ROWS, Source, is_blank
from survviz.intake.wording import many

SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", " ": "blank"}
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
SNIFFED = 60
DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+$")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the table begins, and how it is separated.

    Attributes:
        skip: number of lines above the header.
        names: of the columns, as written.
    """

    separator: str
    skip: int
    names: tuple[str, ...]
    hints: dict[str, str]


def read_text(name: str, sha256: str, data: bytes) -> Source:
    """A csv, tsv or txt file.

    Raises:
        InputError: the bytes are no text, or no table can be told in them.
    """
    text, encoding, findings = _decoded(name, data)
    layout = _layout(name, text)
    text = _after(text, layout.skip + 1)
    columns, lines, ragged = _parsed(name, text, layout)
    del text  # as large as the table itself
    rows = np.array(lines, dtype=np.int64) + layout.skip + 1
    if ragged:
        findings.append(_ragged(name, [(line + layout.skip + 1, n) for line, n in ragged], len(layout.names)))
    if not len(rows) and not ragged:
        raise InputError(f"{name} holds no rows. Expected a header line and one line per row.")
    names, columns, more = named(name, layout.names, columns)
    decimal = _decimal(columns)
    comma = ", decimal comma" if decimal == "," else ""
    dialect = f"text, {encoding}, {SEPARATORS[layout.separator]}{comma}"
    return Source(name, sha256, names, columns, rows, dialect, decimal, hints=layout.hints, findings=(*findings, *more))


def _after(text: str, lines: int) -> str:
    """What follows the first lines."""
    end = 0
    for _ in range(lines):
        end = text.find("\n", end) + 1
        if not end:
            return ""
    return text[end:]


def _decoded(name: str, data: bytes) -> tuple[str, str, list[Finding]]:
    encoding = next((found for mark, found in BOMS if data.startswith(mark)), "")
    if not encoding and len(data) > 3 and data[1::2][:200].count(0) > len(data[1::2][:200]) * 0.8:
        encoding = "utf-16-le"
    findings: list[Finding] = []
    try:
        text = data.decode("utf-8-sig" if encoding in ("", "utf-8") else encoding)
        encoding = encoding or "utf-8"
    except UnicodeDecodeError as error:
        if encoding:
            raise InputError(f"{name} begins as {encoding.upper()}, but is damaged: {error.reason}.") from error
        text, encoding = data.decode("cp1252", errors="replace"), "Windows-1252"
        line = data[: error.start].count(b"\n") + 1
        findings.append(
            Finding(
                "encoding", "note", name,
                f"{name} is not UTF-8 (first in line {line}) and was read as Windows-1252 (Latin-1). Look whether "
                "letters with accents are right; if not, save it as UTF-8.",
            )
        )  # fmt: skip
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(CONTROL.findall(text[:20_000])) > 0.01 * min(len(text), 20_000) or "\x00" in text:
        raise InputError(f"{name} is not text (it holds control characters). Expected csv, tsv, txt, xlsx or parquet.")
    if not text.strip():
        raise InputError(f"{name} is empty. Expected a header line and one line per row.")
    return text, encoding.upper() if encoding != "Windows-1252" else encoding, findings


def _layout(name: str, text: str) -> Layout:
    lines = text[:2_000_000].split("\n")[: SNIFFED + 20]
    comments = 0
    while comments < len(lines) and (lines[comments].startswith("#") or not lines[comments].strip()):
        comments += 1
    marked = [line for line in lines[:comments] if line.startswith("#")]
    rest = lines[comments:]
    separator = _separator(rest) or _separator(marked)
    if separator is None:
        raise InputError(
            f"{name} has no columns: no tab, semicolon, comma or bar separates its lines (first line "
            f"{lines[0][:60]!r}). Expected a table with a header line."
        )
    widths = [len(row) for row in _split(rest, separator)]
    if len(marked) == 1 and widths and marked[0].count(separator) + 1 == widths[0] and widths[0] > 1:
        comments, rest, marked = comments - 1, [marked[0][1:], *rest], []
        widths = [widths[0], *widths]
    title = _title(rest, widths, separator)
    names = next(iter(_split(rest[title:], separator)), [])
    if not names:
        raise InputError(f"{name} has comments only. Expected a header line and one line per row.")
    body = Counter(widths[title + 1 :])
    usual = max(body, key=lambda width: (body[width], width)) if body else len(names)
    while len(names) > usual and not names[-1].strip():
        names = names[:-1]
    if usual == len(names) + 1:
        names = ["", *names]
    return Layout(separator, comments + title, tuple(part.strip() for part in names), _cbioportal(marked, separator))


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return list(csv.reader([line for line in lines[:SNIFFED] if line.strip()], delimiter=separator))
    except csv.Error:
        return [line.split(separator) for line in lines[:SNIFFED] if line.strip()]


def _separator(lines: Sequence[str]) -> str | None:
    """The separator that gives most lines the same number of cells; of equal ones the rarer in ordinary text."""
    best: tuple[float, str] | None = None
    for separator in SEPARATORS:
        widths = Counter(len(row) for row in _split(lines, separator))
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
        share = round(count / sum(widths.values()), 1) if width > 1 else 0.0
        if separator == " " and share < 1:
            continue
        if share > (best[0] if best else 0):
            best = (share, separator)
    return best[1] if best else None


def _title(lines: Sequence[str], widths: Sequence[int], separator: str) -> int:
    """Number of lines above the header that are a title: fewer cells than the table has, or all but one empty."""
    usual = Counter(widths[-20:]).most_common(1)[0][0] if widths else 0
    for i, line in enumerate(lines[:SNIFFED]):
        row = next(iter(_split([line], separator)), [])
        if len(row) >= usual - 1 and sum(bool(cell.strip()) for cell in row) > min(1, usual - 1):
            return i
    return 0


def _cbioportal(comments: Sequence[str], separator: str) -> dict[str, str]:
    """Display names and data types of the four lines that cBioPortal puts above a clinical table."""
    if len(comments) < 3:
        return {}
    return {"display_names": comments[0].lstrip("#"), "datatypes": comments[2].lstrip("#"), "layout": "cBioPortal"}


def _parsed(name: str, body: str, layout: Layout) -> tuple[list[pa.Array], list[int], list[tuple[int, int]]]:
    """Columns of text, line number (from 1) of each row that has the right length, and (line, cells) of the others."""
    width = len(layout.names)
    rows = body.count("\n")
    if rows > MAX_ROWS:
        raise InputError(
            f"{name} has {rows:,} rows; expected at most {MAX_ROWS:,}, one per patient, sample or gene. "
            "A list with one value per row: turn it into a table first."
        )
    if rows * width > MAX_CELLS:
        raise InputError(
            f"{name} has more than {MAX_CELLS:,} cells. Leave out genes that no model reads, or split it by patients."
        )
    ragged: list[tuple[int, int]] = []
    blank: list[int] = []

    def refuse(row: pa.csv.InvalidRow) -> str:
        (ragged if row.text.strip(f" {layout.separator}") else blank).append((row.number, row.actual_columns))  # type: ignore[arg-type]
        return "skip"

    quoted = '"' if _quotes(body, layout.separator) else False
    places = [f"c{i}" for i in range(width)]
    if not body or body.isspace():
        return [pa.array([], pa.string()) for _ in places], [], []
    data = body.encode()
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            pyarrow.csv.ReadOptions(column_names=places, use_threads=False, block_size=max(len(data), 1 << 20)),
            pyarrow.csv.ParseOptions(
                delimiter=layout.separator, quote_char=quoted, newlines_in_values=bool(quoted),
                ignore_empty_lines=False, invalid_row_handler=refuse,
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        raise InputError(f"{name} cannot be read: {str(error)[:200]}. Is a quotation mark not closed?") from error
    columns = [column.combine_chunks() for column in table.columns]
    columns = [column if isinstance(column, pa.Array) else pa.array([], pa.string()) for column in columns]
    left = {number for number, _ in ragged} | {number for number, _ in blank}  # type: ignore[misc]
    lines = [line for line in range(1, table.num_rows + len(left) + 1) if line not in left]
    return *_without_blank(columns, lines), ragged


def _quotes(body: str, separator: str) -> bool:
    """Whether quotation marks enclose cells; in a tab-separated file a lone one is an inch or a typing error."""
    return f'{separator}"' in body or '\n"' in body or body.startswith('"')


def _without_blank(columns: list[pa.Array], lines: list[int]) -> tuple[list[pa.Array], list[int]]:
    blank: pa.Array | None = None
    for column in columns:
        empty = pc.equal(pc.utf8_trim_whitespace(column), "")
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            return columns, lines
    keep = pc.invert(blank)
    flags = keep.to_pylist()
    return [column.filter(keep) for column in columns], [line for line, ok in zip(lines, flags, strict=True) if ok]


def _ragged(name: str, rows: list[tuple[int, int]], width: int) -> Finding:
    shown = shorten((f"row {row} has {n}" for row, n in rows), 5)
    return Finding(
        "ragged-rows", "error", name,
        f"{name}: {many(rows, 'row does', 'rows do')} not have the {width} cells of the header ({shown}). A "
        "separator inside of a cell must stand in quotation marks; add or remove separators and check again.",
        rows=row_names(row for row, _ in rows),
    )  # fmt: skip


def named(
    name: str, written: Sequence[str], columns: Sequence[pa.Array]
) -> tuple[tuple[str, ...], tuple[pa.Array, ...], list[Finding]]:
    """Unique names for all columns but those without a name and without a cell; what was done is said."""
    findings: list[Finding] = []
    kept = [(text, i) for i, text in enumerate(written) if text or not is_blank(columns[i])]
    names: list[str] = []
    repeated: dict[str, str] = {}
    for text, i in kept:
        unique = text or f"column {i + 1}"
        if unique in names:
            unique = repeated[unique] = f"{unique} (column {i + 1})"
        names.append(unique)
    if repeated:
        findings.append(
            Finding(
                "repeated-columns", "warning", name,
                f"{name}: {many(repeated, 'column name appears', 'column names appear')} again: {shorten(repeated)}. "
                f"Here the later ones are called {shorten(map(repr, repeated.values()))}. Leave one of each out.",
                columns=tuple(repeated.values()), fixes=(DropColumns(table=name, columns=tuple(repeated.values())),),
            )
        )  # fmt: skip
    return tuple(names), tuple(columns[i] for _, i in kept), findings


def _decimal(columns: Sequence[pa.Array]) -> str:
    """A comma, where among the first cells numbers are written `63,5` and none `63.5`."""
    commas = points = 0
    for column in columns[:200]:
        for cell in column.slice(0, 30).to_pylist():
            cell = (cell or "").strip()
            commas += bool(DECIMAL_COMMA.match(cell))
            points += bool(re.match(r"^[+-]?\d+\.\d+$", cell))
    return "," if commas > 3 and commas > 20 * points else "."
