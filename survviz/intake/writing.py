"""A checked intake -> a cohort folder of ours, with a report of everything that was changed on the way."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from survviz import __version__
from survviz.data.cohort import load_cohort
from survviz.data.cohort_writing import CohortTables, Written, write_cohort
from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.errors import InputError
from survviz.intake.cleaning import write_cleaning
from survviz.intake.endpoint_view import EndpointView
from survviz.intake.matching import Match
from survviz.intake.plan import Report
from survviz.intake.reading import Brought, LooseFile
from survviz.intake.tables import Endpoint, Matrix, Outcome, Tables
from survviz.units import MONTHS_PER_UNIT


def write(report: Report, brought: Brought, out: str | Path) -> Written:
    """Write the cohort folder of a report, `cleaning.json` and `cleaning.md` beside it; all of it, or nothing.

    Args:
        out: must not exist, or be empty.

    Raises:
        InputError: an error still stands, the folder is not empty, or what was written cannot be read as a cohort.
    """
    out = Path(out)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors or report.tables.outcome is None:
        raise InputError(
            f"{len(errors)} errors stand in the way of a cohort: "
            + shorten((f"{one.code} ({one.table})" if one.table else one.code for one in errors), 6)
            + ". Mend them, or ask for their fixes."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty. Name a new folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        written = write_cohort(made, _cohort(report, brought, made))
        write_cleaning(made, report)
        load_cohort(made)
        made.chmod(0o755)
        if out.exists():
            out.rmdir()
        os.replace(made, out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return written


def _cohort(report: Report, brought: Brought, folder: Path) -> CohortTables:
    tables, outcome = report.tables, report.tables.outcome
    assert outcome is not None
    clinical, fields = _clinical(report, tables, outcome)
    matrices = {
        matrix.role: (_by_case(name, matrix.values, report.matches[name]), matrix.unit or "as given")
        for name, matrix in tables.matrices.items()
        if matrix.role != "features"
    }
    features = {name: matrix for name, matrix in tables.matrices.items() if matrix.role == "features"}
    slides = _slides(report, brought, folder)
    pathology, section = (None, {}) if slides is not None else _pathology(features, report.matches)
    return CohortTables(
        name=report.plan.name,
        clinical=clinical,
        time_unit=outcome.main.time_unit,
        fields=fields,
        matrices=matrices,
        pathology=pathology,
        pathology_section=section,
        slides=slides,
        features=_features(brought, report.matches, folder),
        notes=_notes(report),
    )


def _clinical(
    report: Report, tables: Tables, outcome: Outcome
) -> tuple[pd.DataFrame, dict[str, str | Mapping[str, str]]]:
    """The outcome table by case: time, event, every endpoint as NAME and NAME.time, then its columns as they are."""
    cells = tables.table(outcome.table)
    ids = [str(cell).strip() for cell in cells[outcome.id]]
    columns: dict[str, list[object]] = {}
    for endpoint in outcome.endpoints:
        columns |= _endpoint_columns(tables, outcome, endpoint)
    main = outcome.main.name
    written: dict[str, list[object]] = {"time": columns[f"{main}.time"], "event": columns[main], **columns}
    if outcome.entry:
        written["entry"] = list(cells[outcome.entry])
    used = {outcome.id, outcome.entry} | {name for one in outcome.endpoints for name in (one.time, one.event)}
    for column in map(str, cells.columns):
        if column not in used:
            written[column if column not in written else f"{column} (as given)"] = list(cells[column])
    fields: dict[str, str | Mapping[str, str]] = {}
    for token, field in outcome.fields.items():
        column = field.column
        if field.table != outcome.table:
            column = token if token not in written else f"{token} ({field.table})"
            written[column] = _from_other(report, tables, field.table, field.column, ids)
        elif column in columns or column in ("time", "event"):
            column = f"{column} (as given)"
        unit = field.unit
        fields[token] = {"column": column, "unit": unit} if unit and token == "Age" else column
    return pd.DataFrame(written, index=pd.Index(ids, name="case_id"), dtype=object), fields


def _endpoint_columns(tables: Tables, outcome: Outcome, endpoint: Endpoint) -> dict[str, list[object]]:
    """Times in the unit of the main endpoint, events as 1 and 0; empty where either is not known."""
    view = EndpointView(tables, outcome, endpoint)
    factor = MONTHS_PER_UNIT[endpoint.time_unit] / MONTHS_PER_UNIT[outcome.main.time_unit]
    pairs = list(zip(view.times.tolist(), view.events.tolist(), strict=True))
    known = [not math.isnan(time) and not math.isnan(event) for time, event in pairs]
    times = [_number(time * factor) if ok else "" for (time, _), ok in zip(pairs, known, strict=True)]
    events = [int(event) if ok else "" for (_, event), ok in zip(pairs, known, strict=True)]
    return {endpoint.name: [*events], f"{endpoint.name}.time": [*times]}


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.10g}"


def _from_other(report: Report, tables: Tables, table: str, column: str, ids: Sequence[str]) -> list[object]:
    """A field of another text table, by case; the first known value where a case has several rows."""
    use = next(use for use in report.plan.uses if use.source == table and use.names in tables.table(table))
    owners = report.matches[table].owners
    cells = tables.table(table)
    found: dict[str, str] = {}
    for name, cell in zip(cells[use.names], cells[column], strict=True):
        case = owners.get(str(name).strip())
        if case is not None and not is_missing(cell):
            found.setdefault(case, cell)
    return [found.get(case, "") for case in ids]


def _by_case(name: str, values: pd.DataFrame, match: Match) -> pd.DataFrame:
    keep = [i for i, sample in enumerate(values.index) if sample in match.owners]
    owners = [match.owners[str(values.index[i])] for i in keep]
    table = values.iloc[keep].set_axis(pd.Index(owners, name="case_id"), axis=0)
    if not table.index.is_unique or not table.columns.is_unique:
        what = "samples of one case" if not table.index.is_unique else "columns of one name"
        raise InputError(f"{name} still has several {what}. Check the files again, and ask for the fix.")
    return table.sort_index()


def _pathology(
    features: Mapping[str, Matrix], matches: Mapping[str, Match]
) -> tuple[pd.DataFrame | None, dict[str, object]]:
    if not features:
        return None, {}
    name, matrix = next(iter(features.items()))
    match = matches[name]
    keep = [i for i, sample in enumerate(matrix.values.index) if sample in match.owners]
    samples = [str(matrix.values.index[i]) for i in keep]
    owners = [match.owners[sample] for sample in samples]
    rows = matrix.values.iloc[keep].reset_index(drop=True)
    section: dict[str, object] = {"encoder": matrix.unit} if matrix.unit else {}
    if len(set(owners)) < len(owners):
        rows.insert(0, "region", _regions(matrix, keep, owners, samples))
        section["name_column"] = "region"
    rows.insert(0, "case_id", owners)
    return rows, section


def _regions(matrix: Matrix, keep: Sequence[int], owners: Sequence[str], samples: Sequence[str]) -> list[str]:
    """A name for each row of a case: of a column that tells them apart, else the row's number within the case."""
    candidates = [[str(matrix.about[column].iloc[i]) for i in keep] for column in matrix.about.columns]
    for names in (samples, *candidates):
        if len(set(zip(owners, names, strict=True))) == len(owners) and all(names):
            return list(names)
    count: dict[str, int] = {}
    for case in owners:
        count[case] = count.get(case, 0) + 1
    seen = dict.fromkeys(count, 0)
    names = []
    for case in owners:
        seen[case] += 1
        names.append(f"{case}-{seen[case]}")
    return names


def _slides(report: Report, brought: Brought, folder: Path) -> pd.DataFrame | None:
    """The slide table, or one that is made of the files that were brought; the files go to `slides/`."""
    tables = report.tables
    use = next((use for use in report.plan.uses if use.role == "slides"), None)
    rows: dict[str, dict[str, object]] = {}
    files: dict[str, str] = {}
    if use is not None:
        cells = tables.table(use.source)
        owners = report.matches[use.source].owners
        column = next(name for name in cells.columns if name.lower() in ("slide_id", "slide", "slide_name"))
        for record in cells.to_dict("records"):
            case = owners.get(str(record[use.names]).strip())
            slide = Path(str(record[column]).strip()).name
            if case is not None:
                rows[slide] = {"case_id": case, "slide_id": slide, "path": "", "mpp": record.get("mpp", "")}
                files[slide] = str(record.get("path", "")).strip().removeprefix("./")
    owners = report.matches["slides"].owners if "slides" in report.matches else {}
    for slide in {**brought.slides, **brought.features}:
        if slide in owners and slide not in rows:
            rows[slide] = {"case_id": owners[slide], "slide_id": slide, "path": "", "mpp": ""}
    if not rows:
        return None
    for slide, file in brought.slides.items():
        if slide in rows and (slide not in files or file.name.endswith(files[slide] or "\n")):
            rows[slide]["path"] = _put(file, folder, "slides")
    return pd.DataFrame(list(rows.values()))


def _features(brought: Brought, matches: Mapping[str, Match], folder: Path) -> dict[str, object] | None:
    owners = matches["slides"].owners if "slides" in matches else {}
    files = [file for slide, file in brought.features.items() if slide in owners]
    for file in files:
        _put(file, folder, "features")
    known = brought.cohort.features if brought.cohort else None
    section: dict[str, object] = {"encoder": known.encoder} if known and known.encoder else {}
    return section if files else None


def _put(file: LooseFile, folder: Path, name: str) -> str:
    """A file in a folder of the cohort, as a hard link where the disk allows it; returns its path in the cohort."""
    (folder / name).mkdir(exist_ok=True)
    path = file.open(folder / ".unpacked")
    target = folder / name / path.name
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
    shutil.rmtree(folder / ".unpacked", ignore_errors=True)
    return f"{name}/{path.name}"


def _notes(report: Report) -> tuple[str, ...]:
    """What is not in the cohort, and every note and warning that stands."""
    findings = [f"{one.severity}: {one.table}: {one.text}" for one in report.findings]
    return tuple([f"Made by survviz {__version__} from {shorten(report.plan.sources, 20)}.", *report.words, *findings])
