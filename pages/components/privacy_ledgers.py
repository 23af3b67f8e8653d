"""The two ledgers side by side: never added, never mixed."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import session
from pages.components.privacy_draw import Draw
from pages.components.privacy_results import result
from pages.components.privacy_training import asked_for, guarantees
from survviz.privacy.ledger import Entry, Ledger
from survviz.privacy.spec import NO_FINITE_EPSILON

if TYPE_CHECKING:
    from survviz.privacy.guarantee import TrainingGuarantee


def show(draw: Draw | None) -> None:
    """Session on the left, training on the right."""
    entered, trained = st.columns(2, gap="large")
    with entered:
        st.badge("Session ledger: the patient entered now", icon=":material/person:", color="blue")
        session_rows(draw)
    with trained:
        st.badge("Training ledger: the patients that the model learnt from", icon=":material/groups:", color="green")
        training_rows()
    st.caption(
        "The two protect different people against different attackers, so they are never added. Rows can only be "
        "appended. Another browser has a session ledger of its own: those who pool what they were shown add up."
    )


def session_rows(draw: Draw | None) -> None:
    """All rows of the open person, newest last, and the sum."""
    if draw is None:
        st.markdown("No case is open.")
        return
    entries = draw.patient.ledger.entries(draw.patient.subject)
    if not entries:
        st.markdown("No row yet: nothing was released of this person.")
        return
    st.table(table_of(entries))
    balance = draw.patient.balance
    st.markdown(f"Spent **{balance.spent_epsilon:g}** of a hard cap of **{balance.cap_epsilon:g}**.")
    last = entries[-1]
    st.caption(f"Unit: {last.unit}. Neighbours: {last.neighbour}. Delta: {last.delta:g}. {last.composition}")
    st.download_button(
        "Every column (CSV)",
        pd.DataFrame([{name: getattr(one, name) for name in Entry.__slots__} for one in entries]).to_csv(index=False),
        file_name="session_ledger.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def training_rows() -> None:
    """What training took from the patients of the chosen checkpoint's cohort, and what each checkpoint promises."""
    name = session.checkpoint_name()
    if name is None:
        st.markdown("No model is chosen.")
        return
    cohort = session.predictor().checkpoint.config.cohort
    ledger = Ledger("training")
    entries = ledger.entries(cohort)
    if entries:
        st.table(table_of(entries))
        spent = ledger.balance(cohort)
        st.markdown(
            f"Runs of this machine on *{cohort}* took epsilon **{spent.spent_epsilon:g}**, delta {spent.spent_delta:g} "
            "(added up; composed together they cost less)."
        )
    else:
        st.markdown(f"No row: nothing was trained with privacy on *{cohort or 'this cohort'}* on this machine.")
    known = guarantees()
    if known:
        st.table(promises(known))
        st.caption(f"Shipped or found here. Publishing several of them composes. {together()}")


def promises(known: dict[str, TrainingGuarantee]) -> pd.DataFrame:
    """The checkpoints' own guarantees, those alike in one row."""
    alike: dict[tuple[float, float, int], list[str]] = {}
    for name, one in known.items():
        alike.setdefault((asked_for(one), one.spec.delta, one.patients), []).append(name)
    return pd.DataFrame(
        {
            "Epsilon": NO_FINITE_EPSILON if math.isinf(epsilon) else f"{epsilon:g}",
            "Delta": f"{delta:g}",
            "Patients": f"{patients:,}",
            "Checkpoints": ", ".join(names),
        }
        for (epsilon, delta, patients), names in sorted(alike.items())
    ).set_index("Epsilon")


def together() -> str:
    """What all shipped checkpoints cost the same patients together; empty where that was not computed."""
    found = (result("private_training") or {}).get("together")
    if not found:
        return ""
    return f"All {found['runs']} with noise: epsilon {found['epsilon']:g} at delta {found['delta']:g}. {found['words']}"


def table_of(entries: list[Entry]) -> pd.DataFrame:
    """The columns that a person reads; the file has them all."""
    draws = list(dict.fromkeys(one.chain for one in entries))
    return pd.DataFrame(
        {
            "Time": time.strftime("%H:%M:%S", time.localtime(one.time)),
            "Act": one.act,
            "Draw": str(draws.index(one.chain) + 1) if one.chain else "–",
            "Level": f"{one.level:g}",
            "Added": f"{one.epsilon:g}",
            "Mechanism": one.mechanism,
        }
        for one in entries
    ).set_index("Time")
