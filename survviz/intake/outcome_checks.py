"""The outcome table: cases, times, events, their coding, and endpoints that contradict one another."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.intake.case_checks import check_cases
from survviz.intake.coding import CODEBOOK
from survviz.intake.endpoint_view import EndpointView, column, rows_where, spelling
from survviz.intake.findings import Finding, row_names
from survviz.intake.fixes import DropRows, SetCoding
from survviz.intake.header_words import plain
from survviz.intake.tables import Endpoint, Outcome, Tables
from survviz.intake.time_checks import check_times
from survviz.intake.wording import many

SAYS_CENSORED = re.compile(r"cens|cnsr", re.IGNORECASE)
SAYS_EVENT = re.compile(r"event|dead|death|deceased|died|^(os|dss|pfi|dfi|pfs|dfs|rfs)$", re.IGNORECASE)
VITAL = re.compile(
    r"^(vital_?status|vital|survival_?status|alive_?dead|dead_?or_?alive|patient_?status)$", re.IGNORECASE
)
DEAD, ALIVE = frozenset({"dead", "deceased", "died", "death", "1:deceased"}), frozenset({"alive", "living", "0:living"})
FEW_EVENTS = 10


def check_outcome(tables: Tables) -> Iterator[Finding]:
    """Findings about the outcome table, case ids first."""
    outcome = tables.outcome
    if outcome is None:
        return
    yield from check_cases(tables, outcome)
    for endpoint in outcome.endpoints:
        view = EndpointView(tables, outcome, endpoint)
        yield from check_times(view)
        yield from _event_codes(view)
        yield from _coding(view)
        if view.is_main:
            yield from _counts(view)
    yield from _between_endpoints(tables, outcome)


def _event_codes(view: EndpointView) -> Iterator[Finding]:
    cells = column(view.cells, view.endpoint.event)
    rows = rows_where(view.events.isna() & ~cells.map(is_missing))
    if not rows:
        return
    counts = Counter(str(cells.at[row]) for row in rows)
    sides = [
        shorten(map(repr, side), 3) or "nothing"
        for side in (view.endpoint.coding.observed, view.endpoint.coding.censored)
    ]
    text = (
        f"{view.endpoint.event} holds values that are neither event ({sides[0]}) nor censored ({sides[1]}): "
        f"{shorten(f'{value!r} in {count:,} rows' for value, count in counts.items())}. Say what they mean, or leave "
        "these rows out."
    )
    fix = DropRows(table=view.name, rows=tuple(rows), reason=f"{view.endpoint.event} is neither event nor censored")
    severity, fixes = ("error", (fix,)) if view.is_main else ("warning", ())
    yield Finding("unknown-event-codes", severity, view.name, text, row_names(rows), (view.endpoint.event,), fixes)


def _coding(view: EndpointView) -> Iterator[Finding]:
    """A coding that the words of its own cells, its column's name or another column contradict."""
    endpoint = view.endpoint
    opposite = _opposite_of_vital_status(view) if endpoint.name == "OS" else None
    reason = _inverted_by_words(endpoint) if opposite is None or opposite[1] > 0.2 else ""
    if opposite is not None and opposite[1] > 0.8:
        reason = f"{opposite[0]} says the opposite in {opposite[1]:.0%} of the rows"
    events = view.events.dropna()
    if not reason or not endpoint.coding.censored:
        yield from _disagreement(view)
        return
    seen = int(events.sum())
    text = (
        f"{endpoint.event} seems to be coded the other way round: {reason}. As read now, {seen:,} of {len(events):,} "
        f"had the event; the other way round {len(events) - seen:,}. Turn it round, or say why it is right."
    )
    fix = SetCoding(endpoint=endpoint.name, coding=endpoint.coding.inverted)
    yield Finding("inverted-coding", "error", view.name, text, (), (endpoint.event,), (fix,))


def _inverted_by_words(endpoint: Endpoint) -> str:
    observed = {spelling(cell) for cell in endpoint.coding.observed}
    censored = {spelling(cell) for cell in endpoint.coding.censored}
    if observed & ALIVE or censored & DEAD:
        return f"{shorten(sorted(observed))} would be the event"
    if CODEBOOK.search(plain(endpoint.event)):
        return ""
    if SAYS_CENSORED.search(endpoint.event) and observed == {"1"} and censored == {"0"}:
        return "the name says that 1 is censored (as CNSR of CDISC ADaM, and censorship of CLAM and MCAT)"
    if SAYS_EVENT.search(endpoint.event) and not SAYS_CENSORED.search(endpoint.event) and observed == {"0"}:
        return "the name says that 1 is the event"
    return ""


def _vital(view: EndpointView) -> pd.Series | None:
    """1 dead, 0 alive, NaN unknown, by a column that says so in words; None where there is none."""
    for name in view.cells.columns:
        if name == view.endpoint.event or not VITAL.match(name.strip().replace(" ", "_")):
            continue
        words = [str(cell).strip().lower() for cell in column(view.cells, name)]
        found = [1.0 if word in DEAD else 0.0 if word in ALIVE else math.nan for word in words]
        if words and sum(known == known for known in found) > len(words) / 2:
            return pd.Series(found, index=view.cells.index, name=name)
    return None


def _opposite_of_vital_status(view: EndpointView) -> tuple[str, float] | None:
    """The column that says who died in words, and the share of rows where the event says the opposite."""
    vital = _vital(view)
    if vital is None:
        return None
    both = pd.concat([vital, view.events], axis=1).dropna()
    return (str(vital.name), float((both.iloc[:, 0] != both.iloc[:, 1]).mean())) if len(both) >= 5 else None


def _disagreement(view: EndpointView) -> Iterator[Finding]:
    vital = _vital(view) if view.endpoint.name == "OS" else None
    if vital is None:
        return
    rows = rows_where((vital != view.events) & vital.notna() & view.events.notna())
    if rows:
        text = (
            f"{many(rows, 'row', 'rows')} where {vital.name} and {view.endpoint.event} disagree on who died "
            f"({shorten(row_names(rows))}). {view.endpoint.event} is used; look these up."
        )
        yield Finding(
            "vital-status", "warning", view.name, text, row_names(rows), (str(vital.name), view.endpoint.event)
        )


def _counts(view: EndpointView) -> Iterator[Finding]:
    events = view.events[(view.times > 0) & view.events.notna()]
    seen, n = int(events.sum()), len(events)
    where = (view.endpoint.event,)
    if n == 0:
        text = f"No row has both a time ({view.endpoint.time}) and an event ({view.endpoint.event}) that can be used."
        yield Finding("no-outcome", "error", view.name, text, (), (view.endpoint.time, *where))
    elif seen == 0:
        text = f"None of {n:,} cases had the event, so nothing can be estimated or validated. Is the coding right?"
        yield Finding("no-events", "error", view.name, text, (), where)
    elif seen == n:
        text = f"All {n:,} cases had the event: nobody is censored. Is the coding right, or were only the dead kept?"
        yield Finding("only-events", "warning", view.name, text, (), where)
    elif seen < FEW_EVENTS:
        text = f"Only {seen} of {n:,} cases had the event: intervals will be wide, and p-values are not shown."
        yield Finding("few-events", "warning", view.name, text, (), where)


def _between_endpoints(tables: Tables, outcome: Outcome) -> Iterator[Finding]:
    """Nothing happens after death."""
    views = {endpoint.name.upper(): EndpointView(tables, outcome, endpoint) for endpoint in outcome.endpoints}
    overall = views.pop("OS", None)
    if overall is None:
        return
    end = overall.months
    for name, view in views.items():
        time = view.months
        later = rows_where(time > end + 0.1)
        if later:
            text = (
                f"{many(later, 'case has', 'cases have')} a longer {name} than OS time ({shorten(row_names(later))}); "
                "nothing is observed after the end of follow-up. Look these up."
            )
            columns = (view.endpoint.time, overall.endpoint.time)
            yield Finding("endpoint-after-death", "warning", view.name, text, row_names(later), columns)
        alive = rows_where((view.events == 1) & (overall.events == 0))
        if name == "DSS" and alive:
            shown = shorten(row_names(alive))
            text = (
                f"{many(alive, 'case died', 'cases died')} of the disease by DSS, though alive by OS "
                f"({shown}). Look these up."
            )
            columns = (view.endpoint.event, overall.endpoint.event)
            yield Finding("endpoint-contradiction", "warning", view.name, text, row_names(alive), columns)
