"""Cards of the checkpoints: what each is for, what it reads, how well it does out of fold, and whether it is intact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pages.components import estimate, session
from survviz.errors import SurvvizError

if TYPE_CHECKING:
    from survviz.checkpoint.doctor import Check

UNDEFINED = "undefined"


@dataclass(frozen=True, slots=True)
class Summary:
    """A checkpoint in a few words.

    Attributes:
        title, paper: of its model.
        inputs: what it reads, in words.
        c_index: out of fold, pooled, with its interval, in words.
        against_clinic: beside Cox on the clinical fields; "" where that was not asked for.
        digest: first characters of the hash of its config.json.
    """

    name: str
    model: str
    title: str
    paper: str
    purpose: str
    cohort: str
    inputs: str
    encoder: str
    patients: str
    c_index: str
    against_clinic: str
    n_folds: int
    created: str
    digest: str
    card: str


@st.cache_data(show_spinner="Reading the checkpoints …", max_entries=200)
def summary(folder: str, stamp: float) -> Summary:
    """Read without its weights.

    Raises:
        CheckpointError: the folder is incomplete or damaged.
    """
    from survviz.checkpoint.layout import CARD, CONFIG, PREPROCESS, checked_file, read_json
    from survviz.checkpoint.outline import load_outline
    from survviz.checkpoint.reference import Reference
    from survviz.data.fingerprint import of_file

    path = Path(folder)
    outline, reference = load_outline(path), Reference.from_dict(read_json(path, PREPROCESS)["reference"])
    config, metrics, patches = outline.config, reference.metrics, outline.preprocess.ood.patches
    ends = "" if metrics.low is None else f" ({metrics.low:.3f} to {metrics.high:.3f})"
    clinic = reference.clinic and reference.clinic.pooled
    follow_up = reference.median_follow_up
    return Summary(
        name=config.name,
        model=config.model,
        title=outline.model.card.title,
        paper=outline.model.card.paper,
        purpose=config.purpose,
        cohort=config.cohort or "not named",
        inputs=", ".join(estimate.NAMES[name] for name in outline.model.modalities),
        encoder=patches.encoder if patches else "",
        patients=f"{reference.n_cases:,} patients ({reference.n_events:,} events"
        + (f", follow-up {follow_up:.0f} months)" if follow_up else ")"),
        c_index=UNDEFINED if metrics.c_index is None else f"{metrics.c_index:.3f}{ends}",
        against_clinic=f"{clinic.words} ({clinic.difference:+.3f})" if clinic else "",
        n_folds=len(config.folds),
        created=config.created[:10],
        digest=of_file(path / CONFIG)[:12],
        card=checked_file(path, CARD).read_text(encoding="utf-8", errors="replace"),
    )


@st.cache_data(show_spinner="Checking files, hashes, sizes and the golden answer …", max_entries=50)
def _checks(folder: str, stamp: float) -> list[Check]:
    from survviz.checkpoint import doctor

    return doctor(folder)


def show(name: str, folder: Path) -> None:
    """One card; a checkpoint that cannot be read says why."""
    with st.container(border=True, height="stretch", key=f"card-{name}"):
        try:
            stamp = session.checkpoint_stamp(folder)
            one = summary(str(folder), stamp)
        except (SurvvizError, OSError) as error:
            st.markdown(f"##### {name}")
            st.error(str(error), icon=":material/error:")
            return
        _words(one)
        _buttons(one, folder, stamp)


def _words(one: Summary) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"##### {one.name}", width="content")
        if one.name == session.checkpoint_name():
            st.badge("In use", icon=":material/check:", color="blue")
    st.markdown(f"{one.purpose[:1].upper()}{one.purpose[1:]}")
    facts = {
        "Model": f"{one.title} · {one.paper}", "Trained on": f"{one.cohort}, {one.patients}",
        "Reads": one.inputs + (f" (patches by {one.encoder})" if one.encoder else ""),
        "C out of fold": f"**{one.c_index}**" + (f" · {one.against_clinic}" if one.against_clinic else ""),
        "Files": f"safetensors · {one.n_folds} fold{'s' * (one.n_folds != 1)} · {one.created} · `{one.digest}`",
    }  # fmt: skip
    st.markdown("  \n".join(f"{label}: {value}" for label, value in facts.items()))


def _buttons(one: Summary, folder: Path, stamp: float) -> None:
    def use() -> None:
        st.session_state["model"] = one.name

    with st.container(horizontal=True):
        in_use = one.name == session.checkpoint_name()
        st.button("Use", icon=":material/play_arrow:", key=f"use-{one.name}", disabled=in_use, on_click=use)
        if st.button("Card", icon=":material/description:", key=f"text-{one.name}"):
            _card(one)
        examined = st.button("Doctor", icon=":material/stethoscope:", key=f"doctor-{one.name}")
    if examined:
        checks = _checks(str(folder), stamp)
        failed = [check for check in checks if not check.ok]
        if failed:
            st.error("  \n".join(f"**{check.name}**: {check.detail}" for check in failed), icon=":material/error:")
        else:
            st.success(f"Healthy: {len(checks)} checks passed, the golden answer among them.", icon=":material/check:")
        with st.expander("Every check"):
            st.markdown("\n".join(f"- {check.name}: {check.detail}" for check in checks))


@st.dialog("Card", width="large")
def _card(one: Summary) -> None:
    st.markdown(one.card)
