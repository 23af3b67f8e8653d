"""Which columns hold the case, the time and the event: guessed from names and cells, for a person to confirm."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from survviz.data.barcodes import tcga_case
from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.intake.coding import coding_in_words, guess_coding, guess_unit
from survviz.intake.endpoint_view import column as column_of
from survviz.intake.fields import guess_fields
from survviz.intake.findings import Finding
from survviz.intake.fixes import FirstKnown
from survviz.intake.header_words import ENDPOINTS, ENTRIES, EVENT_WORDS, FILLERS, ID_NAMES, TIME_WORDS, plain, words_of
from survviz.intake.tables import Endpoint, Outcome

MOST_STATES = 12
DEATH = re.compile(r"(^|_)days_to_death$|(^|_)death_days_to$")
NAME = r"(?=.*[A-Za-z])(?=.*\d)[\w./#-]{3,64}"
CONTACT = re.compile(r"(^|_)days_to_last_(follow_?up|contact|known_alive)|(^|_)last_contact_days_to$")


@dataclass(frozen=True, slots=True)
class OutcomeGuess:
    """What is proposed.

    Attributes:
        outcome: None where no table holds a time and an event.
        words: what is read as what, one sentence per endpoint, for confirmation.
        findings: what could not be told.
    """

    outcome: Outcome | None
    words: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def guess_outcome(text: Mapping[str, pd.DataFrame]) -> OutcomeGuess:
    """The outcome among text tables: the table with the most endpoints, then with the most cases."""
    found: list[tuple[tuple[int, int], Outcome]] = []
    findings: list[Finding] = []
    for name, cells in text.items():
        case = id_column(cells)
        if case is None:
            continue
        endpoints, problems = find_endpoints(name, cells)
        findings += problems
        if not endpoints and not problems:
            findings += _two_times(name, cells)
        if endpoints:
            score = (len({one.name for one in endpoints}), len(set(cells[case])))
            found.append((score, Outcome(table=name, id=case, endpoints=endpoints, entry=_entry(cells))))
    if not found:
        return OutcomeGuess(None, findings=tuple(findings) or (_nothing(text),))
    outcome = max(found, key=lambda item: item[0])[1]
    used = {outcome.id, outcome.entry, *(column for one in outcome.endpoints for column in (one.time, one.event))}
    outcome = outcome.model_copy(update={"fields": guess_fields(text, outcome.table, used)})
    return OutcomeGuess(outcome, outcome_in_words(outcome, text[outcome.table]), tuple(findings))


def outcome_in_words(outcome: Outcome, cells: pd.DataFrame) -> tuple[str, ...]:
    """What is read as what: `OS: OS.time in days; column OS: 1 = event, 1,083 of 3,302; 0 = censored`."""
    lines = [f"Cases: column {outcome.id} of {outcome.table}, {len(set(cells[outcome.id])):,} of them"]
    for one in outcome.endpoints:
        why = guess_unit(words_of(one.time), column_of(cells, one.time), tcga_name=_is_tcga(one)).why
        lines.append(
            f"{one.name}: {one.time} in {one.time_unit} ({why}); column {one.event}: "
            f"{coding_in_words(one.coding, column_of(cells, one.event))}"
        )
    if outcome.entry:
        lines.append(f"Entry: follow-up counts from {outcome.entry} on (left truncation)")
    for token, field in outcome.fields.items():
        unit = f" in {field.unit}" if field.unit else ""
        place = "" if field.table == outcome.table else f" of {field.table}"
        lines.append(f"{token}: column {field.column}{place}{unit}")
    return tuple(lines)


def id_column(cells: pd.DataFrame, known: Collection[str] = ()) -> str | None:
    """The column that names the cases: known ids or TCGA barcodes in most cells, else its header, else its cells."""
    by_header = {plain(column): column for column in reversed([str(one) for one in cells.columns])}
    by_name = [by_header[name] for name in ID_NAMES if name in by_header]
    others = [str(column) for column in cells.columns if column not in by_name][:20]
    known = set(known)
    for column in (*by_name, *others):
        sample = [cell.strip() for cell in cells[column].head(200) if not is_missing(cell)]
        if sample and sum(cell in known or tcga_case(cell) is not None for cell in sample) > 0.6 * len(sample):
            return column
    return by_name[0] if by_name else next((column for column in others if _names_rows(column_of(cells, column))), None)


def _names_rows(cells: pd.Series) -> bool:
    """Whether every cell is there, occurs once, and looks like an identifier: letters and digits, no spaces."""
    own = cells.str.strip()
    return len(own) > 2 and own.is_unique and bool(own.str.fullmatch(NAME).all())


def find_endpoints(name: str, cells: pd.DataFrame) -> tuple[tuple[Endpoint, ...], list[Finding]]:
    """Pairs of a time and an event about the same endpoint, overall survival first."""
    times: dict[str, list[str]] = {}
    events: dict[str, list[str]] = {}
    for column in map(str, cells.columns):
        key, is_time, is_event = _kind(column, column_of(cells, column))
        if is_time:
            times.setdefault(key, []).append(column)
        elif is_event:
            events.setdefault(key, []).append(column)
    endpoints: list[Endpoint] = []
    problems: list[Finding] = []
    for key, columns in times.items():
        candidates = (
            events.get(key)
            or (events.get("") if key in ("", "os") else None)
            or (events.get("os") if key == "" else None)
        )
        if not candidates:
            continue
        time, event = min(columns, key=_rank(TIME_WORDS)), min(candidates, key=_rank(EVENT_WORDS))
        coding = guess_coding(plain(event), column_of(cells, event))
        if coding is None:
            problems.append(_unknown_coding(name, event, column_of(cells, event)))
            continue
        label = key.upper() if len(key) > 1 else "OS"
        tcga_name = bool(re.fullmatch(r"[A-Z]{2,4}[._]time", time, re.IGNORECASE))
        unit = guess_unit(words_of(time), column_of(cells, time), tcga_name=tcga_name).value
        endpoints.append(Endpoint(name=label, time=time, event=event, time_unit=unit, coding=coding))  # type: ignore[arg-type]
    order = [one.upper() for one in ENDPOINTS]
    endpoints.sort(key=lambda one: order.index(one.name) if one.name in order else len(order))
    return tuple(
        {one.name: one for one in reversed(endpoints)}[n] for n in dict.fromkeys(e.name for e in endpoints)
    ), problems


def _kind(column: str, cells: pd.Series) -> tuple[str, bool, bool]:
    """(endpoint or "", is a time, is an event) by the words of a header and what its cells look like."""
    words = words_of(column)
    if not words or "to" in words or "age" in words:
        return "", False, False
    has_time = any(word in TIME_WORDS for word in words)
    has_event = any(word in EVENT_WORDS for word in words)
    left = [word for word in words if word not in TIME_WORDS and word not in EVENT_WORDS and word not in FILLERS]
    left = [word for word in left if not re.fullmatch(r"[012](yes|no|alive|dead|living|deceased|event|censored)", word)]
    key = "_".join(left)
    given = [cell for cell in cells.head(500) if not is_missing(cell)]
    if not given:
        return key, False, False
    numbers = sum(bool(re.fullmatch(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", cell.strip().lower())) for cell in given)
    states = cells.nunique()
    if has_time and not has_event and numbers > 0.8 * len(given) and states > 3:
        return key, True, False
    if has_event and states <= MOST_STATES and "time" not in words:
        return key, False, True
    if key in ENDPOINTS and not has_time and states <= MOST_STATES:
        return key, False, True
    return key, False, False


def _rank(order: tuple[str, ...]):
    """Sort columns by the first of these words that they hold, the plainest name first."""

    def rank(column: str) -> tuple[int, int]:
        words = words_of(column)
        return min((order.index(word) for word in words if word in order), default=-1), len(words)

    return rank


def _is_tcga(endpoint: Endpoint) -> bool:
    return endpoint.time.lower() in (f"{endpoint.name.lower()}.time", f"{endpoint.name.lower()}_time")


def _entry(cells: pd.DataFrame) -> str | None:
    return next((str(column) for column in cells.columns if plain(column) in ENTRIES), None)


def _two_times(name: str, cells: pd.DataFrame) -> list[Finding]:
    """GDC's way: the time of death in one column, that of the last contact in another."""
    death = [column for column in map(str, cells.columns) if DEATH.search(plain(column))]
    contact = [column for column in map(str, cells.columns) if CONTACT.search(plain(column))]
    if not death or not contact:
        return []
    columns = (death[0], contact[0])
    return [
        Finding(
            "time-in-two-columns", "error", name,
            f"The time is in two columns: {columns[0]} of those who died, {columns[1]} of the others. Put them "
            "together as OS.time, in days.",
            columns=columns, fixes=(FirstKnown(table=name, columns=columns, name="OS.time"),),
        )
    ]  # fmt: skip


def _unknown_coding(name: str, column: str, cells: pd.Series) -> Finding:
    counts = Counter(cell for cell in cells if not is_missing(cell))
    values = shorten((repr(value) for value, _ in counts.most_common()), 6)
    return Finding(
        "event-coding", "error", name,
        f"{name}: {column} seems to hold the event, but its values ({values}) are not understood. Say which of them "
        "mean that the event was seen, and which that follow-up ended before.",
        columns=(column,),
    )  # fmt: skip


def _nothing(text: Mapping[str, pd.DataFrame]) -> Finding:
    names = shorten((f"{name} ({shorten(map(str, cells.columns), 6)})" for name, cells in text.items()), 3)
    seen = f"Looked at: {names}." if text else "No table could be looked at; the list of tables says why."
    return Finding(
        "no-outcome", "error", "",
        "No table holds a time and an event for each case, so there is no outcome. Expected columns such as OS.time "
        f"and OS, OS_MONTHS and OS_STATUS, or time and event. {seen}",
    )  # fmt: skip
