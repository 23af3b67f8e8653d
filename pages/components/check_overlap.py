"""Whether a checkpoint was trained on these patients: then nothing about them may be called a validation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.components import session
from pages.components.literal import literal
from survviz.checkpoint.membership import read_membership
from survviz.errors import CheckpointError
from survviz.intake.building import case_ids
from survviz.intake.overlap import Overlap, overlap
from survviz.intake.plan import Report


def show(report: Report) -> None:
    """The chosen checkpoint in words, all of them as a table."""
    ids = tuple(case_ids(report.tables))
    if not ids:
        return
    found = {name: _overlap(ids, name, str(folder)) for name, folder in session.checkpoint_folders().items()}
    known = {name: one for name, one in found.items() if one is not None}
    if not known:
        return
    st.markdown("##### :material/shield_person: Patients that a model was trained on")
    chosen = known.get(session.checkpoint_name() or "")
    if chosen is not None and chosen.may_be_called_validation:
        st.caption(f"{literal(chosen.words)} Results on them may be called a validation.")
    elif chosen is not None:
        st.warning(literal(chosen.words), icon=":material/warning:")
    seen = sum(not one.may_be_called_validation for one in known.values())
    with st.expander(f"{seen} of {len(known)} checkpoints have seen some of these patients"):
        rows = [
            (name, len(one.seen), one.n_cases, "yes" if one.may_be_called_validation else "no")
            for name, one in sorted(known.items(), key=lambda item: -len(item[1].seen))
        ]
        columns = pd.Index(["Checkpoint", "Seen in training", "Patients", "May be called validation"])
        st.dataframe(
            pd.DataFrame(rows, columns=columns), hide_index=True, width="stretch",
        )  # fmt: skip
        st.caption("By keyed hashes of the case ids: a checkpoint holds no names.")


@st.cache_data(show_spinner="Comparing with the training cohorts …", max_entries=200)
def _overlap(ids: tuple[str, ...], name: str, folder: str) -> Overlap | None:
    try:
        return overlap(ids, name, read_membership(Path(folder)))
    except CheckpointError:
        return None
