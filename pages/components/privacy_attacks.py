"""What attacks really find out, each beside a positive control that it has to catch."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pages.components.privacy_results import missing, result
from survviz.privacy.spec import NO_FINITE_EPSILON, most_detections

REFUTE = "An audit can refute a guarantee, never prove one: passing it is no evidence for a smaller epsilon."
KINDS = {
    "gradients": "Own gradients",
    "flipped_outcomes": "Flipped outcomes",
    "flipped_outcomes_memorised": "Flipped, learnt by heart (control)",
}
MEMBERS = {
    "all": "all", "died": "died", "censored": "censored", "rare cancer type": "rare types",
    "common cancer type": "common types", "control": "positive control",
}  # fmt: skip


def show() -> None:
    """The audits, each with its control."""
    found = result("privacy_audits")
    if found is None:
        missing("privacy_audits", "Attacks on the trained models are")
        return
    st.markdown(
        f"{REFUTE} Beside each stands a positive control, something deliberately broken that the attack should catch."
    )
    membership(found)
    canaries(found)
    attributes(found)
    if "date" in found:
        st.caption(f"`python -m benchmarks.privacy_audits`, {found['date']}, commit `{found['commit']}`.")


def membership(found: dict[str, Any]) -> None:
    """LiRA on training runs with and without noise."""
    st.subheader("Was this patient in the training?", anchor=False)
    rows = found["membership"]
    if not rows:
        st.info("The membership attack has not run yet.", icon=":material/hourglass_empty:")
        return
    st.table(pd.DataFrame([row for one in rows for row in member_rows(one, found["delta"])]).set_index("Training"))
    st.caption(
        f"LiRA with {rows[0]['shadows']} shadow models on halves of {rows[0]['pool']:,} patients. AUC 0.5 = the "
        "attack knows nothing. Found at 1 % and 0.1 % false alarms, with 95 % intervals; in brackets the most that the "
        "guarantee would allow any attack. Positive control: confidences as of a model that learnt by heart."
    )


def member_rows(one: dict[str, Any], delta: float) -> list[dict[str, str]]:
    """Groups of patients of one training run, in words."""
    epsilon = one["epsilon"]
    rows = []
    for group, words in MEMBERS.items():
        if (attack := one["membership"].get(group)) is None:
            continue
        low, high = attack["auc_interval"]
        row = {
            "Training": epsilon_words(epsilon),
            "Patients": words,
            "AUC": f"{attack['auc']:.3f} ({low:.3f} to {high:.3f})",
        }
        for rate, (share, least, most) in attack["detections"].items():
            allowed = 1.0 if epsilon is None else most_detections(float(rate), epsilon, delta)
            row[f"Found at {float(rate):.1%}"] = f"{share:.1%} ({least:.1%} to {most:.1%}) [{allowed:.0%}]"
        rows.append(row | {"Epsilon at least": f"{attack['bound']:.2f}"})
    return rows


def canaries(found: dict[str, Any]) -> None:
    """One-run audits of real runs, and of one with a twentieth of the noise."""
    st.subheader("Does the noise keep its promise?", anchor=False)
    rows = found["canaries"]
    if not rows:
        st.info("The canaries have not run yet.", icon=":material/hourglass_empty:")
        return
    table = [
        {
            "Promised": f"{row['epsilon']:g}",
            "Run": "control: a twentieth of the noise" if row["control"] else "as it ships",
            **{words: bound(row[kind]) for kind, words in KINDS.items()},
        }
        for row in rows
    ]
    st.table(pd.DataFrame(table).set_index("Promised"))
    st.caption(
        "Epsilon is at least this, at 95 % confidence. *Own gradients*: canaries that have a coordinate of the "
        "gradient to themselves, seen by an attacker who sees every step. *Flipped outcomes*: records with the "
        "opposite outcome, seen through the final model alone: an attack that may well miss a broken build, which is "
        "why its own control (confidences as if learnt by heart) and the twentieth of the noise stand beside it."
    )


def bound(audit: dict[str, Any]) -> str:
    """The bound, whether it breaks the promise, and whether it could have."""
    if audit["refuted"]:
        return f"**{audit['bound']:.2f}: refuted**"
    most = f" (at most {audit['ceiling']:.1f} could be shown)" if audit["ceiling"] <= audit["claimed"] else ""
    return f"{audit['bound']:.2f}{most}"


def attributes(found: dict[str, Any]) -> None:
    """What a released record adds to guessing an attribute."""
    st.subheader("What does a released record give away?", anchor=False)
    rows = found["releases"]
    if not rows:
        st.info("The attribute attack has not run yet.", icon=":material/hourglass_empty:")
        return
    table = [
        {
            "Epsilon": f"{row['epsilon']:g}",
            "Attribute": row["attribute"],
            "AUC without the record": f"{row['without_record']:.3f}",
            "AUC with it": f"{row['with_record']:.3f}",
            "Gain": gain(row),
            "Gain of the control": gain(row["control"]),
        }
        for row in rows
    ]
    st.table(pd.DataFrame(table).set_index("Epsilon"))
    st.caption(
        f"Release of {rows[0]['set']}. What can be guessed without the record is no loss of privacy; only the gain is. "
        "Control: a twentieth of the noise. A star marks a gain beyond chance."
    )


def gain(row: dict[str, Any]) -> str:
    """With its interval, and marked where it is beyond chance."""
    low, high = row["interval"]
    text = f"{row['gain']:+.3f} ({low:+.3f} to {high:+.3f})".replace("-", "−")
    return f"{text} *" if row["found"] else text


def epsilon_words(epsilon: float | None) -> str:
    """As a promise."""
    return NO_FINITE_EPSILON if epsilon is None else f"epsilon {epsilon:g}"


def sentences() -> tuple[str, ...]:
    """Every audit in one sentence, for the statement."""
    found = result("privacy_audits") or {"canaries": [], "membership": []}
    told = []
    for row in found["canaries"]:
        what = "Positive control, a twentieth of the noise" if row["control"] else "One-run audit of the trainer"
        told.append(f"{what} (epsilon {row['epsilon']:g} promised): {row['gradients']['words']}")
    for one in found["membership"]:
        attack, control = (one["membership"][name] for name in ("all", "control"))
        told.append(
            f"Membership inference (LiRA, {one['shadows']} shadow models, {epsilon_words(one['epsilon'])}): AUC "
            f"{attack['auc']:.3f}; positive control {control['auc']:.3f}."
        )
    return tuple(told)
