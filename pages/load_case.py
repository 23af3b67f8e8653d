"""Load case: slide, gene expression and clinical record, each checked before it is used, each may be missing."""

from __future__ import annotations

import streamlit as st

from pages.components import draft as drafts
from pages.components import encoding, intake

draft = drafts.current()
if draft.is_empty:
    intake.introduction()

slides, molecular, clinical = st.columns(3, gap="medium")
with slides.container(border=True, height="stretch"):
    intake.slides(draft)
with molecular.container(border=True, height="stretch"):
    intake.molecular(draft)
with clinical.container(border=True, height="stretch"):
    intake.clinical(draft)

encoding.slide_cards(draft)
if not draft.is_empty:
    encoding.finish(draft)
