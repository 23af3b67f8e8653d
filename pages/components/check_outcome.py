"""The outcome in words, and what to change where the words are wrong."""

from __future__ import annotations

from collections import Counter
from typing import cast

import streamlit as st

from pages.components import check_desk
from pages.components.check_desk import Desk
from pages.components.literal import literal
from survviz.data.clinical import load_templates
from survviz.data.tables import is_missing
from survviz.intake.outcome import outcome_in_words
from survviz.intake.plan import Report
from survviz.intake.tables import Coding, Endpoint, FieldSource, Outcome
from survviz.units import MONTHS_PER_UNIT, TimeUnit

UNITS = tuple(MONTHS_PER_UNIT)
MOST_STATES = 12


def words_of(report: Report) -> str:
    """What a person confirms; another reading has other words."""
    outcome = report.tables.outcome
    if outcome is None or outcome.table not in report.tables.text:
        return ""
    cells = report.tables.table(outcome.table)
    used = [outcome.id, *(column for one in outcome.endpoints for column in (one.time, one.event))]
    if any(column not in cells for column in used):
        return ""
    return "\n".join(outcome_in_words(outcome, cells)[: 1 + len(outcome.endpoints)])


def is_confirmed(desk: Desk, report: Report) -> bool:
    """Whether a person said that time and event are read rightly."""
    return bool(desk.confirmed) and desk.confirmed == reading_of(report)


def reading_of(report: Report) -> str:
    """The reading without its counts, which fixes change."""
    outcome = report.tables.outcome
    return "" if outcome is None else outcome.model_dump_json(include={"table", "id", "endpoints", "entry"})


def show(desk: Desk, report: Report) -> None:
    """The words, the tick, and the form."""
    st.markdown("##### The outcome, as it is read")
    words = words_of(report)
    if words:
        with st.container(border=True, key="check_words"):
            for line in words.split("\n"):
                st.markdown(literal(line))
            right = st.checkbox("This is right", value=is_confirmed(desk, report), key=f"check_right_{hash(words)}")
            if right != is_confirmed(desk, report):
                desk.confirmed = reading_of(report) if right else ""
                check_desk.save(desk)
                st.rerun()
    else:
        st.warning("No time and event were recognised. Say below which columns hold them.", icon=":material/warning:")
    with st.expander("Change what is read", expanded=not words, icon=":material/edit:"):
        _form(report)


def _form(report: Report) -> None:
    tables = list(report.tables.text)
    if not tables:
        st.caption("No table is used as clinical. Say above which one is.")
        return
    now = report.tables.outcome
    table = st.selectbox(
        "Table", tables, index=tables.index(now.table) if now and now.table in tables else 0, key="check_table"
    )
    columns = [str(name) for name in report.tables.table(table).columns]
    with st.container(horizontal=True):
        case = st.selectbox("Case", columns, index=_at(columns, now.id if now else ""), key=f"check_id_{table}")
        entry = st.selectbox(
            "Entry (left truncation)", columns, index=_at(columns, now.entry if now and now.entry else "", None),
            key=f"check_entry_{table}", placeholder="none", help="Where follow-up counts from a later day on",
        )  # fmt: skip
    known = list(now.endpoints) if now and now.table == table else []
    count = st.number_input("Endpoints", 1, 6, max(1, len(known)), key=f"check_endpoints_{table}", width=160)
    endpoints = [
        _endpoint(report, table, columns, number, known[number] if number < len(known) else None)
        for number in range(int(count))
    ]
    fields = _fields(table, columns, now)
    if st.button("Read it so", type="primary", key="check_read", disabled=not all(endpoints)) and case:
        outcome = Outcome(
            table=table, id=case, endpoints=tuple(one for one in endpoints if one), entry=entry, fields=fields
        )
        check_desk.decide(report.plan.model_copy(update={"outcome": outcome}))
        st.rerun()
    st.caption("Fixes that were asked for stay, and are done before.")


def _at(columns: list[str], name: str, otherwise: int | None = 0) -> int | None:
    return columns.index(name) if name in columns else otherwise


def _endpoint(report: Report, table: str, columns: list[str], number: int, now: Endpoint | None) -> Endpoint | None:
    """One endpoint; None while its coding is not said."""
    key = f"{table}_{number}"
    with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Endpoint", now.name if now else ("OS" if number == 0 else ""), width=90, key=f"check_name_{key}"
        )
        time = st.selectbox(
            "Time", columns, index=_at(columns, now.time if now else ""), width=170, key=f"check_time_{key}"
        )
        unit = st.selectbox(
            "in", UNITS, index=UNITS.index(now.time_unit) if now else 0, width=110, key=f"check_in_{key}"
        )
        event = st.selectbox(
            "Event", columns, index=_at(columns, now.event if now else ""), width=170, key=f"check_event_{key}"
        )
        states = _states(report, table, event) if event else {}
        default = [state for state in states if now and now.event == event and state in now.coding.observed]
        observed = st.multiselect(
            "means that it was seen", list(states), default, width=260, key=f"check_seen_{key}_{event}",
            format_func=lambda state: f"{state} ({states[state]:,})", placeholder="choose the values",
        )  # fmt: skip
    if not observed or not name.strip() or not time or not event:
        return None
    coding = Coding(observed=tuple(observed), censored=tuple(state for state in states if state not in observed))
    return Endpoint(name=name.strip(), time=time, event=event, time_unit=cast(TimeUnit, unit), coding=coding)


def _states(report: Report, table: str, event: str) -> dict[str, int]:
    """Values of a column and how often each is there; missing ones left away."""
    cells = (str(cell).strip() for cell in report.tables.table(table)[event])
    return dict(Counter(cell for cell in cells if not is_missing(cell)).most_common(MOST_STATES))


def _fields(table: str, columns: list[str], now: Outcome | None) -> dict[str, FieldSource]:
    """Clinical field -> column, as a small table."""
    known = now.fields if now else {}
    rows = [
        {"Field": field.token, "Column": known[field.token].column if field.token in known else None,
         "Unit": (known[field.token].unit or None) if field.token in known else None}
        for field in load_templates().known
    ]  # fmt: skip
    other = {token: source for token, source in known.items() if source.table != table}
    offered = list(dict.fromkeys([*columns, *(source.column for source in other.values())]))
    edited = st.data_editor(
        rows, key=f"check_fields_{table}", hide_index=True, disabled=["Field"], width="stretch", height=240,
        column_config={
            "Column": st.column_config.SelectboxColumn(options=offered),
            "Unit": st.column_config.SelectboxColumn(options=["years", "months", "days"], help="Of ages"),
        },
    )  # fmt: skip
    fields = {}
    for row in edited:
        token, column = row["Field"], row["Column"]
        if column:
            same = other.get(token)
            home = same.table if same is not None and same.column == column else table
            fields[token] = FieldSource(table=home, column=column, unit=row["Unit"] or "")
    return fields
