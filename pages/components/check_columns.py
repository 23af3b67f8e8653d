"""Step 2: what each table is for, and which columns hold case, time and event; in words, for a person to confirm."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import check_desk, check_outcome
from pages.components.check_desk import Desk
from pages.components.literal import literal
from survviz.intake.layout import Role, TableUse
from survviz.intake.plan import Report

ROLES: dict[Role, str] = {
    "clinical": "Clinical and outcome",
    "rna": "RNA expression",
    "mirna": "miRNA expression",
    "cnv": "Copy number",
    "features": "Pathology features",
    "slides": "List of slides",
    "ignored": "Not used",
}
MATRICES = ("rna", "mirna", "cnv", "features")
UNITS = ("TPM", "FPKM", "RPM", "RSEM", "counts", "log2(TPM+1)", "log2(RPM+1)", "log2(x+1)", "z-score")
ORIENTATIONS = ("cases in rows", "genes in rows")


def show(desk: Desk, report: Report) -> None:
    """Tables, then the outcome."""
    st.markdown("##### What each table is for")
    uses = [_use(number, use, report) for number, use in enumerate(report.plan.uses)]
    if tuple(uses) != report.plan.uses:
        _change(report, uses)
    check_outcome.show(desk, report)


def _use(number: int, use: TableUse, report: Report) -> TableUse:
    """One table: its role, and for a matrix which way round it is, what names its rows, and its unit."""
    with st.container(border=True, key=f"check_use_{number}", horizontal=True, vertical_alignment="bottom"):
        with st.container(width=320):
            st.markdown(f"**{literal(use.source)}**")
            st.caption(literal(use.reason))
        role = st.selectbox(
            "Use", list(ROLES), index=list(ROLES).index(use.role), format_func=ROLES.__getitem__, width=200,
            key=f"check_role_{number}_{use.source}",
        )  # fmt: skip
        changed = use.model_copy(update={"role": role, "reason": use.reason if role == use.role else "as you said"})
        return _matrix(number, changed, report) if role in MATRICES else changed


def _matrix(number: int, use: TableUse, report: Report) -> TableUse:
    way = st.selectbox(
        "Way round",
        ORIENTATIONS,
        index=ORIENTATIONS.index(use.orientation),
        width=160,
        key=f"check_way_{number}_{use.source}",
    )
    columns = _columns(use, report)
    names = st.selectbox(
        "Names of rows", columns, index=columns.index(use.names) if use.names in columns else 0, width=180,
        key=f"check_names_{number}_{use.source}",
    )  # fmt: skip
    unit = use.unit
    if use.role != "features":
        known = list(dict.fromkeys([*([use.unit] if use.unit else []), *UNITS]))
        unit = st.selectbox(
            "Unit", known, index=known.index(use.unit) if use.unit else None, accept_new_options=True, width=170,
            placeholder="not said", key=f"check_unit_{number}_{use.source}",
        )  # fmt: skip
    return use.model_copy(update={"orientation": way, "names": names or "", "unit": unit or ""})


def _columns(use: TableUse, report: Report) -> list[str]:
    """The first columns of a table, its present label among them."""
    source = next(one for one in check_desk.brought(check_desk.current()).sources if one.name == use.source)
    return list(dict.fromkeys([*([use.names] if use.names else []), *source.columns[:30]]))


def _change(report: Report, uses: Sequence[TableUse]) -> None:
    """Go on with other uses; the outcome is guessed anew if its table is another."""
    before = {use.source for use in report.plan.uses if use.role == "clinical"}
    after = {use.source for use in uses if use.role == "clinical"}
    update: dict[str, object] = {"uses": tuple(uses)}
    if before != after:
        update |= {"outcome": None, "fixes": ()}
    check_desk.decide(report.plan.model_copy(update=update))
    st.rerun()
