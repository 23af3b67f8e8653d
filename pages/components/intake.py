"""The three inputs of a case, each with its state: found, or missing and what follows."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import draft as drafts
from pages.components import evidence, go, phi_notice, record, session
from pages.components.draft import Draft, DraftSlide
from pages.components.owner import current_owner
from pages.components.upload import file_upload
from survviz.errors import SurvvizError
from survviz.server import uploaded_file


def introduction() -> None:
    """The empty state."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Put a case together from what you have; any part may be missing. Or look at the demo case first.")
        if st.button("Open the demo case", icon=":material/play_arrow:", key="demo"):
            session.choose_demo()
            go.to("slide_attention.py")


def heading(title: str, found: str | None, missing: str) -> None:
    """Title and state pill of one input."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"##### {title}")
        if found:
            st.badge(found, icon=":material/check:", color="blue")
        else:
            st.badge(missing, icon=":material/remove:", color="gray")


def chooser(label: str, suffixes: tuple[str, ...], key: str, help_text: str) -> Path | None:
    """A file of these kinds among those that this browser may read, or a new upload; None until one is chosen."""
    uploaded = file_upload(label=f"Upload a {label}", accept=suffixes, hint=" ".join(suffixes), key=f"upload_{key}")
    if uploaded:
        path = uploaded_file(current_owner(), uploaded)
        st.session_state[key] = next(name for name, file in drafts.find_files(suffixes).items() if file.path == path)
    files = drafts.find_files(suffixes)
    chosen = st.selectbox(
        "or choose one on this server",
        list(files),
        index=None,
        key=key,
        placeholder=f"{len(files)} file{'s' * (len(files) != 1)} found" if files else "no file found yet",
        help=help_text,
    )
    if chosen not in files:
        return None
    st.caption(f"{files[chosen].kind}, {files[chosen].size / 1e6:,.1f} MB")
    if key != "choose_slide":  # a slide's card says it
        phi_notice.show(files[chosen].path, key=key)
    return files[chosen].path


def slides(draft: Draft) -> None:
    """Whole-slide images, or features that were extracted before."""
    count = len(draft.slides) + len(draft.features)
    heading("Slide", f"{count} chosen" if count else None, "missing")
    kinds = {"Slide file": drafts.SLIDE_SUFFIXES, "Patch features (h5)": drafts.FEATURE_SUFFIXES}
    kind = (
        st.segmented_control("What", list(kinds), default="Slide file", key="slide_kind", required=True) or "Slide file"
    )
    path = chooser(
        "slide" if kind == "Slide file" else "feature file",
        kinds[kind],
        "choose_slide" if kind == "Slide file" else "choose_features",
        "Sample slides, your uploads, and the folders that the app was started with (SURVVIZ_SLIDES).",
    )

    def add() -> None:
        if kind == "Slide file":
            draft.slides.append(DraftSlide(str(path)))
        else:
            draft.features.append(str(path))
        drafts.save(draft)

    there = str(path) in [*(slide.path for slide in draft.slides), *draft.features]
    label, icon = ("Added", ":material/check:") if there else ("Add", ":material/add:")
    st.button(label, icon=icon, disabled=path is None or there, on_click=add, key="add_slide")
    for feature in list(draft.features):
        evidence.features(feature)
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Remove", icon=":material/close:", type="tertiary", key=f"drop_{feature}"):
                draft.features.remove(feature)
                drafts.save(draft)
                st.rerun()


def molecular(draft: Draft) -> None:
    """The gene expression table."""
    heading("Gene expression", Path(draft.rna).name[:24] if draft.rna else None, "missing: left out")
    path = chooser(
        "table",
        drafts.TABLE_SUFFIXES,
        "choose_rna",
        "Genes by samples or samples by genes; CSV, TSV, Excel or parquet. The row of this case is found by its id.",
    )

    def use() -> None:
        draft.rna = str(path)
        drafts.save(draft)

    def drop() -> None:
        draft.rna = None
        drafts.save(draft)

    with st.container(horizontal=True):
        st.button("Use", icon=":material/add:", disabled=path is None, on_click=use, key="use_rna")
        if draft.rna:
            st.button("Remove", icon=":material/close:", type="tertiary", on_click=drop, key="drop_rna")
    if draft.rna:
        evidence.expression(draft)
    else:
        st.caption("Without it, the model runs on slide and clinical record, and says so.")


def clinical(draft: Draft) -> None:
    """The clinical record: a form with the model's own fields, or a row of a table."""
    known = sum(value is not None for value in (draft.clinical or {}).values())
    heading("Clinical record", f"{known} field{'s' * (known != 1)}" if known else None, "missing: left out")
    way = st.segmented_control("How", ["Form", "Row of a table"], default="Form", key="clinical_way", required=True)
    try:
        if way == "Form":
            record.form(draft)
        else:
            path = chooser("table", drafts.TABLE_SUFFIXES, "choose_clinical", "One row per patient; named columns.")
            if path is not None:
                record.from_table(draft, path)
    except SurvvizError as error:
        st.error(str(error), icon=":material/error:")
