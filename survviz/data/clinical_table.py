"""The outcome table: every row that cannot be used is reported at once, with its number and the fix."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.data.cohort_file import ClinicalSection, FieldColumn
from survviz.data.genes import shorten
from survviz.data.tables import is_missing, read_table
from survviz.errors import InputError, UnknownNameError
from survviz.spreadsheets import would_be_computed
from survviz.types import ClinicalValue, Notice
from survviz.units import to_months

SHOWN_ROWS = 30
PER_YEAR = {"years": 1.0, "months": 12.0, "days": 365.25}


@dataclass(frozen=True, slots=True)
class ClinicalTable:
    """Usable rows, by case; see `Cohort` for the fields."""

    clinical: pd.DataFrame
    time: pd.Series
    event: pd.Series
    fields: tuple[str, ...]
    notices: tuple[Notice, ...]


def read_clinical(folder: Path, section: ClinicalSection, templates: ClinicalTemplates | None = None) -> ClinicalTable:
    """Read and check the clinical table of a cohort.

    Raises:
        InputError: a column is missing, or rows cannot be used; all of them are named by their row in the file.
    """
    templates = templates or load_templates()
    path = folder / section.file
    table = read_table(path, as_text=True)
    _require(path, table, section)
    columns = _columns(path, table, section, templates)
    coding = _coding(section, path)
    problems: dict[int, list[str]] = {}
    repeated = {case for case, count in Counter(table[section.id].str.strip()).items() if count > 1}
    numbers = list(table.index)
    times, events, values = [], [], []
    for index, row in enumerate(table.to_dict("records")):
        bad: list[str] = []
        times.append(_time(row[section.time], section, bad))
        events.append(_event(row[section.event], coding, section, bad))
        case = _case(row[section.id], section, repeated, bad)
        values.append(_values(row, columns, templates, section, bad))
        if bad:
            problems[index] = [f"{case}: {bad[0]}", *bad[1:]] if case else bad
    notices = _report(path, {numbers[index] + 2: bad for index, bad in problems.items()}, len(table), section)
    keep = [index for index in range(len(table)) if index not in problems]
    ids = pd.Index(table[section.id].str.strip().iloc[keep].tolist(), name="case_id", dtype=object)
    used = {section.id, section.time, section.event, *(column for column, _ in columns.values()), *columns}
    data = {token: [values[index][token] for index in keep] for token in columns}
    data |= {name: [_value(cell) for cell in table[name].iloc[keep]] for name in table.columns if name not in used}
    series = {name: pd.Series(cells, index=ids, dtype=object) for name, cells in data.items()}
    return ClinicalTable(
        clinical=pd.DataFrame(series, index=ids),
        time=pd.Series([times[index] for index in keep], index=ids, name="time", dtype="float64"),
        event=pd.Series([events[index] for index in keep], index=ids, name="event", dtype=bool),
        fields=tuple(columns),
        notices=notices,
    )


def _require(path: Path, table: pd.DataFrame, section: ClinicalSection) -> None:
    wanted = {"id": section.id, "time": section.time, "event": section.event}
    lost = [f"{name} = {column!r}" for name, column in wanted.items() if column not in table.columns]
    if lost:
        raise InputError(
            f"{path.name} lacks the column for {', '.join(lost)} (named under [clinical] in cohort.toml). "
            f"Its columns are {shorten(table.columns, 12)}."
        )


def _columns(
    path: Path, table: pd.DataFrame, section: ClinicalSection, templates: ClinicalTemplates
) -> dict[str, tuple[str, str]]:
    """Token -> (column, unit), in the order of the templates."""
    outcome = {section.id, section.time, section.event}
    if not section.fields:
        found = templates.find_columns(name for name in table.columns if name not in outcome)
        return {token: (found[token], "") for token in templates.tokens if token in found}
    names = {known.token.lower(): known.token for known in templates.known}
    columns: dict[str, tuple[str, str]] = {}
    for token, item in section.fields.items():
        if token.lower() not in names:
            raise UnknownNameError("clinical field in [clinical.fields]", token, names.values())
        column, unit = (item.column, item.unit) if isinstance(item, FieldColumn) else (item, "")
        if column not in table.columns:
            raise InputError(
                f"cohort.toml says that {token} is in column {column!r}, but {path.name} has no such column. "
                f"Its columns are {shorten(table.columns, 12)}."
            )
        columns[names[token.lower()]] = (column, unit)
    order = [known.token for known in templates.known]
    return dict(sorted(columns.items(), key=lambda item: order.index(item[0])))


def _spelling(value: object) -> str:
    """How an event value is compared: lower case, `1.0` like `1`."""
    text = str(value).strip().lower()
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:g}"


def _coding(section: ClinicalSection, path: Path) -> dict[str, bool]:
    coding = section.event_coding
    observed, censored = ({_spelling(value) for value in side} for side in (coding.observed, coding.censored))
    if observed & censored:
        raise InputError(
            f"event_coding in cohort.toml lists {shorten(sorted(observed & censored))} as observed and as censored. "
            f"Say which one it means in {path.name}."
        )
    return {value: True for value in observed} | {value: False for value in censored}


def _case(cell: str, section: ClinicalSection, repeated: set[str], bad: list[str]) -> str:
    case = cell.strip()
    if is_missing(case):
        bad.append(f"the case id ({section.id}) is empty; give each case its own")
    elif case in repeated:
        bad.append(f"case {case!r} appears more than once; keep one row per case")
    elif would_be_computed(case):
        bad.append(
            f"the case id {case[:40]!r} would be computed by a spreadsheet program; begin it with a letter or digit"
        )
    return case


def _time(cell: str, section: ClinicalSection, bad: list[str]) -> float:
    name, unit = section.time, section.time_unit
    if is_missing(cell):
        bad.append(f"{name} is missing; give the follow-up in {unit}")
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        hint = "; write decimals with a point" if "," in cell else ""
        bad.append(f"{name} is {cell!r}, not a number{hint}")
        return math.nan
    if not math.isfinite(value) or value < 0:
        bad.append(f"{name} is {value:g}; expected {unit} above 0")
    elif value == 0:
        bad.append(f"{name} is 0; a case without follow-up says nothing (give half a unit if it was followed for less)")
    return to_months(value, unit)


def _event(cell: str, coding: Mapping[str, bool], section: ClinicalSection, bad: list[str]) -> bool:
    spelling = _spelling(cell)
    if spelling not in coding:
        given = "is missing" if is_missing(cell) else f"is {cell!r}, which event_coding does not list"
        coded = section.event_coding
        observed, censored = shorten(map(str, coded.observed), 3), shorten(map(str, coded.censored), 3)
        bad.append(f"{section.event} {given} (observed: {observed}; censored: {censored})")
    return coding.get(spelling, False)


def _values(
    row: Mapping[str, str],
    columns: Mapping[str, tuple[str, str]],
    templates: ClinicalTemplates,
    section: ClinicalSection,
    bad: list[str],
) -> dict[str, ClinicalValue]:
    known = {item.token: item for item in templates.known}
    values: dict[str, ClinicalValue] = {}
    for token, (column, unit) in columns.items():
        value = _value(row[column])
        if unit and isinstance(value, float):
            value = value / PER_YEAR[unit]
        try:
            known[token].say(value)
        except InputError as error:
            bad.append(str(error))
        values[token] = value
    return values


def _value(cell: str) -> ClinicalValue:
    if is_missing(cell):
        return None
    try:
        number = float(cell)
    except ValueError:
        return cell.strip()
    return number if math.isfinite(number) else None


def _report(path: Path, problems: Mapping[int, list[str]], n_rows: int, section: ClinicalSection) -> tuple[Notice, ...]:
    if not problems:
        return ()
    if section.bad_rows == "leave out" and len(problems) < n_rows:
        text = f"{path.name}: {len(problems)} of {n_rows} rows were left out (for example row {min(problems)}: "
        return (Notice("warning", "cohort.rows", text + f"{problems[min(problems)][0]})."),)
    lines = [f"  row {row}: {'; '.join(bad)}" for row, bad in sorted(problems.items())]
    shown = lines[:SHOWN_ROWS] + ([f"  and {len(lines) - SHOWN_ROWS} more rows"] if len(lines) > SHOWN_ROWS else [])
    raise InputError(
        f"{path.name} has {len(problems)} of {n_rows} rows that cannot be used (row 1 is the header):\n"
        + "\n".join(shown)
        + '\nCorrect them, or say bad_rows = "leave out" under [clinical] in cohort.toml.'
    )
