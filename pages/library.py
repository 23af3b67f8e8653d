"""Library: every checkpoint that this browser can use, as a card."""

from __future__ import annotations

import streamlit as st

from pages.components import library_cards, session

folders = session.checkpoint_folders()
if not folders:
    with st.container(border=True, key="empty-state"):
        st.subheader("No checkpoint was found", anchor=False)
        st.markdown("Train one here or with `survviz train`, or name the folder of yours in SURVVIZ_CHECKPOINTS.")
st.caption(
    f"{len(folders)} checkpoints. Only safetensors, JSON and text are read of them. C-indices are out of fold: every "
    "patient is scored by the one model that never saw them; they compare only within one cohort."
)
if private := session.private_folders():
    st.caption(
        f"{len(private)} more have a guarantee for their training patients, one for each epsilon and seed: choose "
        "among them on the page *Privacy*, in the view *Training*."
    )
names = list(folders)
for start in range(0, len(names), 2):
    for column, name in zip(st.columns(2, gap="medium"), names[start : start + 2], strict=False):
        with column:
            library_cards.show(name, folders[name])
