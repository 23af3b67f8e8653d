"""The clinical record of a case: a form made from the model's own fields, or a row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pages.components import draft as drafts
from pages.components import session
from pages.components.draft import Draft
from survviz.errors import SurvvizError
from survviz.types import ClinicalValue

if TYPE_CHECKING:
    from survviz.data.clinical import ClinicalField, ClinicalTemplates

STAGES = ("I", "IA", "IB", "II", "IIA", "IIB", "III", "IIIA", "IIIB", "IIIC", "IV", "IVA", "IVB")
GRADES = ("1", "2", "3", "4")


def templates() -> ClinicalTemplates:
    """The fields of the chosen model; without a model, survviz's own."""
    from survviz.data.clinical import load_templates

    try:
        return session.predictor().checkpoint.preprocess(0).templates
    except SurvvizError:
        return load_templates()


def field_input(field: ClinicalField, value: ClinicalValue) -> ClinicalValue:
    """One widget; empty means not recorded. It starts with the draft's value, and stays clearable."""
    key, label = f"clinical_{field.token}", field.token
    if key not in st.session_state and value is not None:
        st.session_state[key] = float(value) if field.kind == "number" else str(value)
    if field.kind == "number":
        low, high = field.range or (None, None)
        return st.number_input(label, low, high, None, step=1.0, format="%g", key=key, placeholder="not recorded")
    options = {"stage": STAGES, "grade": GRADES}.get(field.kind, tuple(field.values))
    if not options:
        return st.text_input(label, key=key, placeholder="not recorded").strip() or None
    if value is not None and value not in options:
        options = (str(value), *options)
    return st.selectbox(label, options, None, key=key, placeholder="not recorded", accept_new_options=True)


def form(draft: Draft) -> None:
    """The model's fields; each change is kept at once."""
    before = dict(draft.clinical or {})
    left, right = st.columns(2)
    values: dict[str, ClinicalValue] = {}
    for position, field in enumerate(templates().fields):
        with (left, right)[position % 2]:
            values[field.token] = field_input(field, before.get(field.token))
    keep(draft, values)


def from_table(draft: Draft, path: Path) -> None:
    """The row of this case; its columns are matched to the model's fields by their usual names."""
    from survviz.data.tables import read_table

    table = read_table(path)
    id_column = next(
        (name for name in table.columns if name.lower() in ("case_id", "case", "patient_id", "patient")), None
    )
    if id_column is None:
        id_column = st.selectbox("Column with the case id", list(table.columns), key="clinical_id_column")
    ids = table[id_column].astype(str).tolist()
    wanted = draft.case_id or drafts.default_case_id(draft)
    row = st.selectbox("Row", ids, index=ids.index(wanted) if wanted in ids else None, key="clinical_row")
    if row is None:
        st.caption(f"No row is named {wanted}; choose one.")
        return
    known = templates()
    keep(draft, known.values(table.iloc[ids.index(row)].to_dict()))
    for token, value in (draft.clinical or {}).items():
        st.caption(f"{token}: {'not recorded' if value is None else value}")


def keep(draft: Draft, values: Mapping[str, ClinicalValue]) -> None:
    """Store the record; all missing means no record."""
    known = dict(values) if any(value is not None for value in values.values()) else None
    if known != draft.clinical:
        draft.clinical = known
        drafts.save(draft)
        st.rerun()
