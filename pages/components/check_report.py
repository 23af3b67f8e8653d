"""Step 4: what was found, with its rows; fixes on request, each in the log; and the cohort, once no error stands."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components import check_desk, check_grid, check_outcome, check_overlap, check_steps, current_cohort, go
from pages.components.check_desk import Desk
from pages.components.cohort_list import new_cohort_folder
from pages.components.literal import literal
from pages.components.owner import current_owner
from survviz.deployment import allow
from survviz.intake.cleaning import cleaning_in_words
from survviz.intake.findings import Finding
from survviz.intake.plan import Report, fix_until_done
from survviz.intake.wording import many
from survviz.intake.writing import write
from survviz.spreadsheets import table_csv

LOOKS = {
    "error": ("Errors", ":material/error:", "red"),
    "warning": ("Warnings", ":material/warning:", "orange"),
    "note": ("Notes", ":material/info:", "blue"),
}
SHOWN_ROWS = 2_000


def show(desk: Desk, report: Report) -> None:
    """Numbers, findings, fixes, grid, outputs."""
    _numbers(report)
    _all_fixes(desk, report)
    for severity in LOOKS:
        _group([finding for finding in report.findings if finding.severity == severity], severity, report)
    _asked(report)
    check_grid.show(report)
    check_overlap.show(report)
    _outputs(desk, report)


def _numbers(report: Report) -> None:
    count = {severity: sum(one.severity == severity for one in report.findings) for severity in LOOKS}
    facts = {"Cases": report.n_cases, "Events": report.n_events} | {LOOKS[name][0]: n for name, n in count.items()}
    with st.container(horizontal=True, key="check_numbers"):
        for label, value in facts.items():
            st.metric(label, f"{value:,}", width=120)


def _all_fixes(desk: Desk, report: Report) -> None:
    mendable = [one for one in report.findings if one.fixes and one.severity != "note"]
    if not mendable:
        if not report.findings:
            st.success("Nothing was found that is wrong.", icon=":material/check:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            f"Ask for {many(mendable, 'recommended fix', 'recommended fixes')}",
            icon=":material/auto_fix_high:",
            key="check_fix_all",
        ):
            done = fix_until_done(check_desk.brought(desk), report, ["all-recommended"])
            check_desk.decide(done.plan)
            st.rerun()
        st.caption("Of errors and warnings; every change is listed below and can be taken back.", width="content")


def _group(findings: list[Finding], severity: str, report: Report) -> None:
    if not findings:
        return
    title, icon, colour = LOOKS[severity]
    st.markdown(f"##### :{colour}[{icon}] {title}")
    for number, finding in enumerate(findings):
        with st.container(border=True, key=f"check_{severity}_{number}"):
            _finding(finding, f"{severity}_{number}", report)


def _finding(finding: Finding, key: str, report: Report) -> None:
    """What it says, its rows, its fixes."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(finding.code, color="gray")
        st.caption(literal(finding.table) or "all tables", width="content")
    st.markdown(literal(finding.text))
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, fix in enumerate(finding.fixes):
            st.button(
                literal(fix.words), icon=":material/build:", key=f"check_fix_{key}_{number}", on_click=check_desk.ask,
                args=(report, [fix]), type="secondary" if number == 0 else "tertiary", help=literal(fix.words),
            )  # fmt: skip
        if not finding.fixes and finding.severity != "note":
            st.caption("Only you can mend it: in the table below, or in the file.")
    if len(finding.rows or finding.columns) > 1:
        names = f"{len(finding.rows):,} rows" if finding.rows else f"{len(finding.columns):,} columns"
        with st.expander(f"All {names}"):
            st.dataframe(_rows(finding, report), hide_index=True, height=220, width="stretch")


def _rows(finding: Finding, report: Report) -> pd.DataFrame:
    """The rows of a text table as they are, else names of samples or columns."""
    cells = report.tables.text.get(finding.table)
    numbers = [int(row[4:]) for row in finding.rows[:SHOWN_ROWS] if row.startswith("row ") and row[4:].isdigit()]
    if cells is not None and numbers and set(numbers) <= set(cells.index):
        outcome = report.tables.outcome
        first = [outcome.id] if outcome is not None and outcome.table == finding.table and outcome.id in cells else []
        columns = list(dict.fromkeys([*first, *(one for one in finding.columns if one in cells)]))
        shown = cells.loc[numbers, columns or list(cells.columns[:6])]
        return shown.rename_axis("Row").reset_index()
    if finding.rows:
        return pd.DataFrame({"Sample": finding.rows[:SHOWN_ROWS]})
    return pd.DataFrame({"Column": finding.columns[:SHOWN_ROWS]})


def _asked(report: Report) -> None:
    """The log of fixes, the last of which can be taken back."""
    if not report.steps:
        return
    st.markdown("##### :material/history: Changes that you asked for")
    for number, step in enumerate(report.steps):
        with st.container(horizontal=True, vertical_alignment="center", key=f"check_step_{number}"):
            cells = sum(change.cells for change in step.changes)
            st.markdown(f"{number + 1}. {literal(step.fix.words)}", width="stretch")
            st.caption(f"{many(step.changes, 'change', 'changes')}, {many(cells, 'cell', 'cells')}", width="content")
            st.button(
                "Take back", icon=":material/undo:", type="tertiary", key=f"check_undo_{number}",
                on_click=check_desk.take_back, args=(report, number), help="And the changes after it",
            )  # fmt: skip
    changes = [change for step in report.steps for change in step.changes]
    with st.expander(f"All {len(changes):,} changes"):
        table = pd.DataFrame(
            [(one.table, one.row, one.column, one.before, one.after) for one in changes[:SHOWN_ROWS]],
            columns=pd.Index(["Table", "Row", "Column", "Before", "After"]),
        )
        st.dataframe(table, hide_index=True, height=260, width="stretch")


def _outputs(desk: Desk, report: Report) -> None:
    """The cohort, the cleaning report, the plan."""
    st.markdown("##### :material/folder: The cohort")
    confirmed = check_outcome.is_confirmed(desk, report)
    name = st.text_input("Name", report.plan.name, key="check_cohort_name", width=320).strip()
    with st.container(horizontal=True, vertical_alignment="center"):
        ready = report.ready and confirmed and bool(name)
        if st.button("Make the cohort", type="primary", icon=":material/check:", disabled=not ready, key="check_write"):
            _write(desk, report, name)
        _downloads(report)
    if not report.ready:
        st.caption("Errors stand in the way: ask for their fixes, or correct the files.")
    elif not confirmed:
        st.caption("Say first that time and event are read rightly.")
        st.button("Look at the outcome", on_click=check_steps.go, args=("columns",), key="check_to_columns")
    if desk.written:
        _written(desk)


def _write(desk: Desk, report: Report, name: str) -> None:
    allow(current_owner(), "upload")
    plan = report.plan.model_copy(update={"name": name})
    if name != report.plan.name:
        check_desk.decide(plan)
        report = check_desk.report(desk)
    folder = new_cohort_folder(name, current_owner())
    with st.spinner("Writing the cohort …"):
        write(report, check_desk.brought(desk), folder)
    desk.written = folder.name
    check_desk.save(desk)
    current_cohort.choose(folder.name)
    st.rerun()


def _downloads(report: Report) -> None:
    table = pd.DataFrame(
        [
            (one.severity, one.code, one.table, one.text, "; ".join(one.rows), "; ".join(one.columns))
            for one in report.findings
        ],
        columns=pd.Index(["severity", "code", "table", "text", "rows", "columns"]),
    )
    files = {
        "Findings (CSV)": ("findings.csv", table_csv(table, index=False), "text/csv"),
        "Cleaning report": ("cleaning.md", cleaning_in_words(report), "text/markdown"),
        "Plan (JSON)": ("plan.json", report.plan.model_dump_json(indent=1), "application/json"),
    }
    for words, (name, data, kind) in files.items():
        st.download_button(words, data, name, kind, icon=":material/download:", on_click="ignore")


def _written(desk: Desk) -> None:
    st.success(
        "The cohort is ready, with its cleaning report beside it (cleaning.md, cleaning.json: the same plan on the "
        "same files makes it again, `survviz check FILES --plan cleaning.json --out COHORT`).",
        icon=":material/check:",
    )
    with st.container(horizontal=True):
        for words, page, icon in (
            ("Score its patients", "cohort_patients.py", ":material/groups:"),
            ("Stratify", "stratify.py", ":material/stacked_line_chart:"),
        ):
            if st.button(words, icon=icon, key=f"check_to_{page}"):
                current_cohort.choose(desk.written)
                go.to(page)
