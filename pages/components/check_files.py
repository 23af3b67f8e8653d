"""Step 1: bring the tables, as files or as a zip; nothing is changed, and nothing leaves this machine."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import check_desk, check_examples, phi_notice
from pages.components import draft as drafts
from pages.components.check_desk import Desk
from pages.components.literal import literal
from pages.components.owner import current_owner
from pages.components.upload import file_upload
from survviz.intake.source import Source
from survviz.server import upload_folder, uploaded_file


def show(desk: Desk) -> None:
    """Upload, choose, remove; what each file holds."""
    left, right = st.columns([3, 2], gap="medium")
    with left.container(border=True, height="stretch"):
        _bring(desk)
    with right.container(border=True, height="stretch"):
        _begin()
    if desk.files:
        _listed(desk)


def _bring(desk: Desk) -> None:
    st.markdown("##### Your tables")
    st.markdown(
        "An outcome table with one row per patient, and whatever there is of RNA, miRNA, copy number, pathology "
        "features and slides. Several files, or one zip of all. Samples in rows or in columns, as you have them."
    )
    uploaded = file_upload(
        label="Upload a table or a zip",
        accept=check_desk.SUFFIXES,
        hint=" ".join(check_desk.SUFFIXES),
        key="check_upload",
    )
    if uploaded:
        check_desk.lay([*desk.files, uploaded_file(current_owner(), uploaded)])
        st.rerun()
    files = drafts.find_files(check_desk.SUFFIXES)
    there = {label: file for label, file in files.items() if str(file.path) not in desk.files}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "or choose on this server", list(there), key="check_choose",
            placeholder=f"{len(there)} file{'s' * (len(there) != 1)} found" if there else "no file found yet",
        )  # fmt: skip
        if st.button("Add", icon=":material/add:", disabled=not chosen, key="check_add"):
            check_desk.lay([*desk.files, *(there[label].path for label in chosen)])
            st.rerun()


def _begin() -> None:
    st.markdown("##### Nothing at hand?")
    st.markdown("An example with the usual mistakes shows what the check finds. Templates hold five rows to replace.")
    if st.button("Open the example", icon=":material/play_arrow:", key="check_example"):
        path = upload_folder(current_owner()) / check_examples.EXAMPLE
        path.write_bytes(check_examples.example())
        check_desk.lay([path])
        st.rerun()
    with st.container(horizontal=True):
        for label, (name, data) in check_examples.templates().items():
            st.download_button(label, data, name, "application/zip", icon=":material/download:", on_click="ignore")


def _listed(desk: Desk) -> None:
    """One row per file with what it holds."""
    brought = check_desk.brought(desk)
    for file in desk.files:
        name = Path(file).name
        inside = [one for one in brought.sources if one.name == name or one.name.startswith(f"{name}/")]
        with st.container(horizontal=True, vertical_alignment="center", key=f"check_file_{name}"):
            st.markdown(f"**{literal(name)}**", width="content")
            st.caption(f"{Path(file).stat().st_size / 1e6:,.2f} MB", width="content")
            st.caption(literal(" · ".join(map(_in_words, inside))) or "no table in it")
            if st.button("Remove", icon=":material/close:", type="tertiary", key=f"check_drop_{name}"):
                check_desk.lay([one for one in desk.files if one != file])
                st.rerun()
    for file in desk.files:
        phi_notice.show(file, key=f"check_{Path(file).name}")
    beside = [
        f"{len(found):,} {what}"
        for what, found in (("slides", brought.slides), ("feature files", brought.features))
        if found
    ]
    if beside:
        st.caption(f"Also found: {' and '.join(beside)}.")
    for finding in brought.findings:
        (st.error if finding.severity == "error" else st.info)(literal(finding.text))


def _in_words(source: Source) -> str:
    rows, columns = len(source), len(source.columns)
    return f"{source.name.rsplit('/', 1)[-1]}: {rows:,} rows × {columns:,} columns ({source.dialect})"
