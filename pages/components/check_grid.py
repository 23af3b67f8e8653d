"""The text tables as a grid: what a person writes into it becomes a fix, as any other."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components import check_desk
from survviz.intake.fixes import Cell, SetCells
from survviz.intake.plan import Report

MOST_ROWS = 2_000


def show(report: Report) -> None:
    """The rows with findings, or all, of one table."""
    tables = list(report.tables.text)
    if not tables:
        return
    with st.expander("Edit cells by hand", icon=":material/table_edit:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("Table", tables, key="check_grid_table", width=280)
            which = st.segmented_control(
                "Rows", ["With findings", "All"], default="With findings", required=True, key="check_grid_rows"
            )
        cells = report.tables.table(name)
        rows = _with_findings(report, name) if which == "With findings" else list(cells.index)
        shown = cells.loc[rows[:MOST_ROWS]]
        if shown.empty:
            st.caption("No row of this table has a finding.")
            return
        # a fix makes new rows: the grid of before would write into them
        key = f"check_grid_{name}_{which}_{len(report.plan.fixes)}"
        edited = st.data_editor(shown, key=key, width="stretch", height=320, num_rows="fixed")
        if len(rows) > MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,} of {len(rows):,} rows.")
        changed = changes(shown, edited)
        if st.button(
            f"Write {len(changed):,} cells", icon=":material/save:", disabled=not changed, key="check_grid_save"
        ):
            check_desk.ask(report, [SetCells(table=name, cells=changed, reason="by hand")])
            st.rerun()


def changes(before: pd.DataFrame, after: pd.DataFrame) -> tuple[Cell, ...]:
    """Cells that are different; an emptied cell is ""."""
    after = after.astype(object).where(after.notna(), "").astype(str)
    rows = before.index.tolist()
    different = (before.astype(str) != after).to_numpy().nonzero()
    return tuple(
        Cell(row=rows[i], column=str(before.columns[j]), value=str(after.iat[i, j]))
        for i, j in zip(*different, strict=True)
    )


def _with_findings(report: Report, name: str) -> list[int]:
    found = {
        int(row[4:])
        for finding in report.findings
        if finding.table == name and finding.severity != "note"
        for row in finding.rows
        if row.startswith("row ") and row[4:].isdigit()
    }
    return [row for row in report.tables.table(name).index if row in found]
