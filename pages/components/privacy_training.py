"""The other guarantee: of the patients that the model was trained on, fixed when it was built."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pages.components import privacy_attacks, session
from pages.components.privacy_draw import Draw
from survviz.errors import SurvvizError
from survviz.privacy.statement import NOT_TRAINED_PRIVATELY, statement

if TYPE_CHECKING:
    from survviz.privacy.guarantee import TrainingGuarantee


def show(draw: Draw | None) -> None:
    """The guarantee of the chosen checkpoint, the choice of another, and the statement."""
    st.badge("Training guarantee: the patients that the model learnt from", icon=":material/groups:", color="green")
    guarantee, choice = st.columns([3, 2], gap="large")
    with guarantee:
        own_guarantee()
    with choice:
        choose_epsilon()
        download(draw)


def own_guarantee() -> None:
    """What the chosen checkpoint promises, in words, or that it promises nothing."""
    name = session.checkpoint_name()
    st.subheader(f"{name}", anchor=False)
    found = guarantees().get(name or "")
    if found is None:
        st.warning(NOT_TRAINED_PRIVATELY, icon=":material/no_encryption:")
        return
    st.markdown(f"**{found.spec.bound}.** {found.spec.odds}")
    st.markdown(found.words)


def choose_epsilon() -> None:
    """Among the checkpoints that were trained with a guarantee, by its epsilon and seed."""
    known = guarantees()
    st.subheader("Another epsilon of the training", anchor=False)
    if not known:
        st.markdown(
            "No checkpoint with a training guarantee was found. `survviz privacy train` makes one; set "
            "`SURVVIZ_CHECKPOINTS` to its folder."
        )
        return
    by_epsilon: dict[float, list[str]] = {}
    for name, one in known.items():
        by_epsilon.setdefault(asked_for(one), []).append(name)
    levels = sorted(by_epsilon)
    now = session.checkpoint_name()
    own = asked_for(known[now]) if now in known else levels[0]

    def use() -> None:
        st.session_state["model"] = st.session_state["private-checkpoint"]

    level = st.select_slider("Epsilon of the training", levels, value=own, format_func=epsilon_words, key="trained-at")
    names = by_epsilon[level]
    place = names.index(now) if now in names else 0
    st.selectbox("Checkpoint", names, index=place, key="private-checkpoint")
    st.button(
        "Use this checkpoint", icon=":material/swap_horiz:", on_click=use, disabled=now in names[place : place + 1]
    )
    st.caption(
        "This does **not** add protection to the case you are viewing: it protects other people, those that the model "
        "was trained on."
    )


def asked_for(one: TrainingGuarantee) -> float:
    """Epsilon as it was asked for; infinite without noise."""
    return math.inf if one.spec.epsilon is None else float(f"{one.spec.epsilon:.2g}")


def epsilon_words(value: float) -> str:
    """As it stands on a slider."""
    return "no noise" if math.isinf(value) else f"{value:g}"


def guarantees() -> dict[str, TrainingGuarantee]:
    """Checkpoint -> its guarantee; checkpoints without one are left out."""
    found = {
        name: _guarantee(str(folder), session.checkpoint_stamp(folder))
        for name, folder in (session.checkpoint_folders() | session.private_folders()).items()
    }
    return {name: one for name, one in found.items() if one is not None}


@st.cache_data(show_spinner=False, max_entries=200)
def _guarantee(folder: str, stamp: float) -> TrainingGuarantee | None:
    from survviz.checkpoint.layout import read_config

    try:
        return read_config(Path(folder)).guarantee
    except SurvvizError:
        return None


def download(draw: Draw | None) -> None:
    """The privacy statement of the chosen checkpoint."""
    name = session.checkpoint_name() or ""
    found = guarantees().get(name)
    text = statement(
        name,
        found.spec if found else None,
        constants=found.words.partition("\n\n")[2] if found else "",
        plan=draw.plan if draw else None,
        audits=privacy_attacks.sentences() if found else (),
    )
    st.download_button(
        "Privacy statement (Markdown)",
        text,
        file_name=f"{name}_privacy.md",
        mime="text/markdown",
        icon=":material/download:",
        on_click="ignore",
        help="For the checkpoint's card: both guarantees, what they do not protect, and what attacks found.",
    )
    with st.expander("Read it here"):
        st.markdown(text.replace("# Privacy statement", "##### Privacy statement").replace("\n## ", "\n###### "))
