"""Follow-up times: missing, no numbers, negative, zero, too long, in another unit than said, entered too late."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.intake.endpoint_view import EndpointView, column, numbers, rows_where
from survviz.intake.findings import Finding, row_names
from survviz.intake.fixes import Cell, DecimalPoint, DropRows, Fix, SetCells, SetTimeUnit
from survviz.intake.text_fixes import COMMA_NUMBER
from survviz.intake.wording import many, short
from survviz.units import MONTHS_PER_UNIT, TimeUnit, to_months

SAYS_UNIT: dict[TimeUnit, re.Pattern[str]] = {
    "days": re.compile(r"day|(^|[^a-z])d$", re.IGNORECASE),
    "months": re.compile(r"month|(^|[^a-z])mo?$", re.IGNORECASE),
    "years": re.compile(r"year|(^|[^a-z])yrs?$", re.IGNORECASE),
}
SHORTER: tuple[TimeUnit, ...] = ("days", "months")
LONGEST_YEARS = 60.0
MIDDLE_YEARS = 25.0


def check_times(view: EndpointView) -> Iterator[Finding]:
    """Findings about the times of one endpoint."""
    yield from _missing(view)
    yield from _times(view)
    yield from _time_unit(view)
    if view.is_main and view.outcome.entry is not None:
        yield from _entry(view, view.outcome.entry)


def _missing(view: EndpointView) -> Iterator[Finding]:
    """Rows without time or event; of another endpoint than the main one they are no error."""
    time, event = (view.cells[column].map(is_missing) for column in (view.endpoint.time, view.endpoint.event))
    rows = rows_where(time | event)
    if not rows:
        return
    what = f"{view.endpoint.time} ({int(time.sum()):,}) or {view.endpoint.event} ({int(event.sum()):,})"
    columns = (view.endpoint.time, view.endpoint.event)
    if view.is_main:
        text = f"{len(rows):,} of {len(view.cells):,} rows lack {what} ({shorten(row_names(rows))}). Leave them out."
        fix = DropRows(table=view.name, rows=tuple(rows), reason=f"no {view.endpoint.name}")
        yield Finding("missing-outcome", "error", view.name, text, row_names(rows), columns, (fix,))
    else:
        text = (
            f"{view.endpoint.name}: {len(rows):,} of {len(view.cells):,} rows lack {what}; they count for the others."
        )
        yield Finding("missing-endpoint", "note", view.name, text, row_names(rows), columns)


def _times(view: EndpointView) -> Iterator[Finding]:
    name, times = view.endpoint.time, view.times
    cells = column(view.cells, name)
    words = rows_where(times.isna() & ~cells.map(is_missing))
    if words:
        commas = [row for row in words if COMMA_NUMBER.match(str(cells.at[row]).strip())]
        fixes: tuple[Fix, ...] = (DecimalPoint(table=view.name, columns=(name,)),) if commas else ()
        text = (
            f"{many(words, 'cell', 'cells')} of {name} without a number "
            f"({shorten(repr(cells.at[row]) for row in words)}). "
            + ("Write decimals with a point." if commas else "Correct them, or leave these rows out.")
        )
        yield _bad_rows(view, "not-a-time", words, text, "no time", fixes)
    infinite = rows_where(np.isinf(times))
    if infinite:
        yield _bad_rows(
            view, "not-a-time", infinite, f"{many(infinite, 'infinite value', 'infinite values')} in {name}.", "no time"
        )
    negative = rows_where((times < 0) & np.isfinite(times))
    if negative:
        text = (
            f"{many(negative, 'negative value', 'negative values')} in {name} "
            f"({shorten(f'{times.at[row]:g}' for row in negative)}): a number for missing, or two dates the wrong way "
            "round. Correct them, or leave these rows out."
        )
        yield _bad_rows(view, "negative-times", negative, text, "negative time")
    zero = rows_where(times == 0)
    if zero:
        half = f"{0.5 / 30.4375 / MONTHS_PER_UNIT[view.endpoint.time_unit]:.6g}"
        set_half = SetCells(
            table=view.name, cells=tuple(Cell(row=row, column=name, value=half) for row in zero), reason="half a day"
        )
        text = (
            f"{many(zero, 'case has', 'cases have')} 0 as {name} ({shorten(row_names(zero))}): nothing is known of "
            "what came after. Leave them out, or say half a day."
        )
        finding = _bad_rows(view, "zero-times", zero, text, "no follow-up")
        yield Finding(
            finding.code, finding.severity, view.name, text, finding.rows, finding.columns, (*finding.fixes, set_half)
        )


def _bad_rows(
    view: EndpointView, code: str, rows: list[int], text: str, reason: str, fixes: tuple[Fix, ...] = ()
) -> Finding:
    """An error that leaving the rows out mends; of another endpoint a warning that emptying the cells mends."""
    column = view.endpoint.time
    if view.is_main:
        drop: Fix = DropRows(table=view.name, rows=tuple(rows), reason=reason)
    else:
        cells = tuple(Cell(row=row, column=column, value="") for row in rows)
        drop = SetCells(table=view.name, cells=cells, reason=reason)
    severity = "error" if view.is_main else "warning"
    return Finding(code, severity, view.name, text, row_names(rows), (column,), (*fixes, drop))


def _time_unit(view: EndpointView) -> Iterator[Finding]:
    """A unit that the column's name or the length of follow-up contradicts."""
    endpoint, times = view.endpoint, view.times
    known = pd.Series(times[(times > 0) & np.isfinite(times)])
    if known.empty:
        return
    said: list[TimeUnit] = [unit for unit, pattern in SAYS_UNIT.items() if pattern.search(endpoint.time)]
    middle, longest = float(known.median()), float(known.max())
    years = {unit: to_months(middle, unit) / 12 for unit in MONTHS_PER_UNIT}
    given = endpoint.time_unit
    better: TimeUnit | None = None
    reason = ""
    if len(said) == 1 and said[0] != given:
        better, reason = said[0], f"its name says {said[0]}"
    elif years[given] > MIDDLE_YEARS:
        better = next((unit for unit in SHORTER if years[unit] <= MIDDLE_YEARS), None)
        reason = f"half of the cases would have been followed for more than {years[given]:,.0f} years"
    elif given == "days" and not said and len(known) >= 20 and longest < 400 and middle < 60:
        better, reason = "months", f"nobody would have been followed for longer than {longest:,.0f} days"
    if better is not None:
        text = (
            f"{endpoint.time} is read in {given} (median {short(middle)}, longest {short(longest)}), but {reason}. "
            f"Read it in {better}?"
        )
        fix = SetTimeUnit(endpoint=endpoint.name, unit=better)
        severity = "error" if said or years[given] > MIDDLE_YEARS else "warning"
        yield Finding("time-unit", severity, view.name, text, (), (endpoint.time,), (fix,))
        return
    long = rows_where(known.map(lambda time: to_months(time, given) / 12 > LONGEST_YEARS))
    if long:
        text = (
            f"{many(long, 'case was', 'cases were')} followed for more than {LONGEST_YEARS:.0f} years by "
            f"{endpoint.time} in {given} ({shorten(f'{known.at[row]:g}' for row in long)}). Correct them, or leave "
            "these rows out."
        )
        yield _bad_rows(view, "impossible-times", long, text, "impossible time")


def _entry(view: EndpointView, name: str) -> Iterator[Finding]:
    entry = pd.Series(numbers(column(view.cells, name)), index=view.cells.index)
    late = rows_where((entry >= view.times) & (view.times > 0))
    if late:
        text = (
            f"{many(late, 'case enters', 'cases enter')} ({name}) at or after the end of their follow-up "
            f"({view.endpoint.time}; {shorten(row_names(late))}), so they were never at risk. Correct them, or leave "
            "them out."
        )
        fix = DropRows(table=view.name, rows=tuple(late), reason="entry after the end of follow-up")
        yield Finding("entry-after-end", "error", view.name, text, row_names(late), (name,), (fix,))
    bad = rows_where(entry.isna() | (entry < 0))
    if bad:
        text = (
            f"{many(bad, 'row has', 'rows have')} no usable entry time in {name} ({shorten(row_names(bad))}); expected "
            "0 or more, 0 where a case was followed from the start. Leave them out, or correct them."
        )
        fix = DropRows(table=view.name, rows=tuple(bad), reason="no entry time")
        yield Finding("missing-entry", "error", view.name, text, row_names(bad), (name,), (fix,))
