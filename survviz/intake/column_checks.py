"""Every text table: personal data, what is known only after baseline, spreadsheet errors, spoilt letters, formulas."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.intake.endpoint_view import column, rows_where
from survviz.intake.findings import Finding, Severity, row_names
from survviz.intake.fixes import Cell, DropColumns, SetCells
from survviz.intake.tables import Tables
from survviz.intake.wording import many

PERSONAL = re.compile(
    r"^((first|last|sur|given|family|full|patient|middle)_?name|name|vorname|nachname|geburtsdatum|"
    r"(date_?of_?birth|birth_?(date|day)|dob)|.*(address|street|phone|e_?mail|zip_?code|postcode).*|"
    r"ssn|social_security.*|mrn|medical_record.*|insurance.*|passport.*|nhs_?(number|no)|national_id)$"
)
AFTER_BASELINE = re.compile(
    r"^(?!prior_|previous_).*(treatment|therapy|radiation|chemo|recurren|relapse|progress|new_tumor_event|cause_of_death|tumor_status|"
    r"response|margin_status|residual|days_to_(death|last)|death_days|last_(contact|follow))",
)
SHEET_ERROR = re.compile(r"^#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!)$", re.IGNORECASE)
SPOILT = re.compile("\ufffd|[ÃÂ][\u0080-\u00bf]|â€")
MARKUP = re.compile(r"</?[a-z!][^>]*>", re.IGNORECASE)
FORMULA = re.compile(r"^[=@]\s*[A-Za-z(+\-]|^[+\-]\s*[A-Za-z]+\(")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def check_columns(tables: Tables) -> Iterator[Finding]:
    """Findings about all text tables."""
    used = _used(tables)
    for name, cells in tables.text.items():
        yield from _personal(name, cells)
        yield from _after_baseline(name, cells, used)
        yield from _empty(name, cells)
        yield from _cells(name, cells)
        yield from _missing_words(name, cells, used)


def _used(tables: Tables) -> set[tuple[str, str]]:
    """(table, column) of everything that means something."""
    if tables.outcome is None:
        return set()
    outcome = tables.outcome
    columns = {outcome.id, outcome.entry} | {one for end in outcome.endpoints for one in (end.time, end.event)}
    fields = {(source.table, source.column) for source in outcome.fields.values()}
    return fields | {(outcome.table, one) for one in columns if one}


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")


def _personal(name: str, cells: pd.DataFrame) -> Iterator[Finding]:
    found = [one for one in cells.columns if PERSONAL.match(_plain(one))]
    if found:
        text = (
            f"{many(found, 'column looks', 'columns look')} like personal data ({shorten(found)}). They are not "
            "needed: leave them out, and do not pass this table on."
        )
        fix = DropColumns(table=name, columns=tuple(found), reason="personal data")
        yield Finding("personal-data", "warning", name, text, (), tuple(found), (fix,))


def _after_baseline(name: str, cells: pd.DataFrame, used: set[tuple[str, str]]) -> Iterator[Finding]:
    """What is known only after the time from which survival is counted would tell a model the outcome."""
    outcomes = {
        one for table, one in used if table == name and re.search(r"time|status|event|days|months", one.lower())
    }
    found = [one for one in cells.columns if AFTER_BASELINE.search(_plain(one)) and one not in outcomes]
    if found:
        fields = [one for one in found if (name, one) in used]
        text = (
            f"{many(found, 'column is', 'columns are')} known only after baseline ({shorten(found)}): a model that "
            "read them would read the outcome. "
        )
        text += f"{shorten(fields)} would be read: choose another column." if fields else "None of them is read."
        fix = DropColumns(table=name, columns=tuple(found), reason="known only after baseline")
        yield Finding("after-baseline", "warning" if fields else "note", name, text, (), tuple(found), (fix,))


def _empty(name: str, cells: pd.DataFrame) -> Iterator[Finding]:
    found = [str(one) for one in cells.columns if all(map(is_missing, column(cells, one).unique()))]
    if found and len(cells):
        text = (
            f"{many(found, 'column holds', 'columns hold')} nothing ({shorten(found)}). They are as good as not there."
        )
        yield Finding("empty-field", "note", name, text, (), tuple(found))


def _cells(name: str, cells: pd.DataFrame) -> Iterator[Finding]:
    kinds: tuple[tuple[str, Severity, re.Pattern[str], str, str], ...] = (
        ("sheet-errors", "warning", SHEET_ERROR, "with an error of a spreadsheet", "Empty them, or mend the sheet."),
        ("spoilt-letters", "warning", SPOILT, "with spoilt letters", "Save the table as UTF-8 at its source."),
        ("formula-text", "note", FORMULA, "that begin like a formula", "They are kept as text, and never computed."),
        ("markup-text", "note", MARKUP, "with markup", "It is kept and shown as text."),
        ("control-characters", "warning", CONTROL, "with characters that cannot be seen", "Clean them at the source."),
    )
    for code, severity, pattern, what, advice in kinds:
        found = _matching(cells, pattern)
        if not found:
            continue
        shown = shorten(f"row {row}, {one}: {text[:40]!r}" for row, one, text in found)
        fixes = ()
        if code == "sheet-errors":
            empty = tuple(Cell(row=row, column=one, value="") for row, one, _ in found)
            fixes = (SetCells(table=name, cells=empty, reason="an error of a spreadsheet"),)
        rows = row_names(dict.fromkeys(row for row, _, _ in found))
        columns = tuple(dict.fromkeys(one for _, one, _ in found))
        yield Finding(
            code, severity, name, f"{many(found, 'cell', 'cells')} {what} ({shown}). {advice}", rows, columns, fixes
        )


def _matching(cells: pd.DataFrame, pattern: re.Pattern[str]) -> list[tuple[int, str, str]]:
    """(row, column, text); each text of a column is looked at once."""
    found = []
    for name in cells.columns:
        values = column(cells, name)
        hits = {text for text in set(values) if pattern.search(text)}
        if hits:
            found += [(row, str(name), values.at[row]) for row in rows_where(values.isin(hits))]
    return sorted(found, key=lambda item: item[0])


def _missing_words(name: str, cells: pd.DataFrame, used: set[tuple[str, str]]) -> Iterator[Finding]:
    """Words that are read as "we do not know", so that nobody wonders."""
    columns = [one for one in cells.columns if (name, one) in used]
    words = Counter(text for one in columns for text in column(cells, one) if text.strip() and is_missing(text))
    if words:
        shown = ", ".join(f"{word!r} in {count:,}" for word, count in words.most_common(5))
        text = f"{sum(words.values()):,} cells are read as missing ({shown})."
        yield Finding("missing-words", "note", name, text, (), tuple(columns))
