"""Slides of the draft: preflight, encoding in the background with progress and cancel, then the finished case."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import cases, go, preflight, session
from pages.components import draft as drafts
from pages.components.draft import Draft, DraftSlide
from pages.components.owner import current_owner
from survviz import jobs
from survviz.errors import InputError, SurvvizError
from survviz.types import LEARNT_QUERY, Notice

DEFAULT_ENCODER, DEFAULT_MPP = "he-descriptor", 0.5


def encoder_of_model() -> tuple[str, float]:
    """Name of the encoder that the chosen model was trained on, and its um per pixel."""
    try:
        patches = session.predictor().checkpoint.preprocess(0).ood.patches
    except SurvvizError:
        patches = None
    return (patches.encoder, patches.mpp) if patches else (DEFAULT_ENCODER, DEFAULT_MPP)


def slide_cards(draft: Draft) -> None:
    """One card per slide: what it is, what is missing, how far its encoding is."""
    if not draft.slides:
        return
    encoder, target_mpp = encoder_of_model()
    st.subheader("Slides of this case", anchor=False)
    for position, slide in enumerate(draft.slides):
        with st.container(border=True, key=f"slide-card-{position}"):
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown(f"**{Path(slide.path).name}**")
                if st.button("Remove", icon=":material/close:", type="tertiary", key=f"drop_slide_{position}"):
                    stop(slide)
                    draft.slides.remove(slide)
                    drafts.save(draft)
                    st.rerun()
            before = slide.mpp
            fit = preflight.card(slide, target_mpp=target_mpp, key=Path(slide.path).name)
            if slide.mpp != before:
                stop(slide)
                slide.job = slide.features = None
                drafts.save(draft)
            if fit:
                encode(draft, slide, encoder, position)


def stop(slide: DraftSlide) -> None:
    """Cancel the slide's job, if it still runs."""
    if slide.job and not slide.features:
        try:
            jobs.cancel(slide.job)
        except InputError:
            slide.job = None


def encode(draft: Draft, slide: DraftSlide, encoder: str, position: int) -> None:
    """The button that starts the encoding, or how far it is."""
    if slide.features:
        st.success("Encoded.", icon=":material/check_circle:")
        if position == len(draft.slides) - 1 and all(one.features for one in draft.slides):
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button("Open the case", type="primary", icon=":material/arrow_forward:", key="open_encoded"):
                    open_draft(draft)
                st.caption("as it is, or add gene expression and the clinical record above first.")
    elif slide.job:
        follow(draft, slide)
    else:

        def start() -> None:
            arguments = {"slide": slide.path, "mpp": slide.mpp, "encoder": encoder}
            slide.job = jobs.submit("extract", arguments, owner=current_owner())
            drafts.save(draft)

        st.button(
            "Encode the patches",
            type="primary",
            icon=":material/play_arrow:",
            on_click=start,
            key=f"encode_{position}",
            help=f"Runs in the background with encoder {encoder}; you may leave this page.",
        )


@st.fragment(run_every="1s")
def follow(draft: Draft, slide: DraftSlide) -> None:
    """Progress of one job, asked every second; the whole page runs again once it has finished."""
    if slide.job is None:
        return
    try:
        status = jobs.status(slide.job)
    except InputError as error:
        slide.job = None
        drafts.save(draft)
        st.warning(str(error))
        return
    if status.state == "done":
        slide.features = str(status.result["features"])
        drafts.save(draft)
        st.rerun(scope="app")
    if status.finished:
        st.error(status.error or "The encoding was cancelled.", icon=":material/error:")
        if st.button("Try again", icon=":material/refresh:", key=f"again_{slide.path}"):
            slide.job = None
            drafts.save(draft)
            st.rerun(scope="app")
        return
    count = f" {status.done:,} of {status.total:,} patches" if status.total else ""
    st.progress(status.fraction, f"{status.message}{count}")
    if st.button("Cancel", icon=":material/stop:", key=f"cancel_{slide.path}"):
        stop(slide)


def why_no_attention(draft: Draft) -> str | None:
    """Why no attention map will be possible with what the draft has; None where one will be."""
    try:
        directions = session.predictor().directions(both_ways=True)
    except SurvvizError:
        return None
    clinical = any(value is not None for value in (draft.clinical or {}).values())
    given = {"pathology", LEARNT_QUERY, *["clinical"] * clinical, *["genomic"] * bool(draft.rna)}
    if not (draft.slides or draft.features) or not directions or any(set(pair) <= given for pair in directions):
        return None
    return (
        "No attention map will be possible: the patches are asked by the clinical record or the gene expression, and "
        "this case has neither that this model takes. What each patch contributes can be computed all the same."
    )


def finish(draft: Draft) -> None:
    """The case's name, what is still missing, and the button that opens it."""
    waiting = any(not slide.features for slide in draft.slides)
    st.subheader("Open the case", anchor=False)
    if why := why_no_attention(draft):
        st.info(why, icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draft.case_id = st.text_input(
            "Case id",
            value=draft.case_id or drafts.default_case_id(draft),
            help="A pseudonym. It finds the case's row in the tables; TCGA barcodes are cut to the patient.",
        )
        opened = st.button("Open the case", type="primary", icon=":material/arrow_forward:", disabled=waiting)
        st.button("Start again", icon=":material/delete:", type="tertiary", on_click=drafts.clear)
    for text in still_missing(draft):
        st.caption(text)
    if opened:
        open_draft(draft)


def still_missing(draft: Draft) -> list[str]:
    """What each slide waits for, in words."""
    waiting = [(slide, Path(slide.path).name) for slide in draft.slides if not slide.features]
    silent = [name for slide, name in waiting if preflight.lacks_size(slide)]
    others = [name for _, name in waiting if name not in silent]
    found = []
    if silent:
        found.append(f"Waiting for the pixel size of {', '.join(silent)}: choose it above, or remove the slide.")
    if others:
        found.append(f"Waiting for the patches of {', '.join(others)}: encode them above, or remove the slide.")
    return found


def open_draft(draft: Draft) -> None:
    """Put the case together and go to its page; say what hinders it."""
    try:
        key = build(draft)
    except SurvvizError as error:
        st.error(str(error), icon=":material/error:")
        return
    session.choose(key)
    go.to("slide_attention.py" if draft.slides or draft.features else "risk_survival.py")


def build(draft: Draft) -> str:
    """Check that the case can be put together, keep it, and return its key."""
    files: dict[str, cases.SlideFile] = {}
    notices: list[Notice] = []
    for slide in draft.slides:
        assert slide.job is not None
        result = jobs.status(slide.job).result
        files[str(result["slide_id"])] = cases.SlideFile(slide.path, slide.mpp)
        notices += [Notice(**notice) for notice in result["notices"]]
    recipe = cases.Recipe(
        case_id=draft.case_id.strip() or drafts.default_case_id(draft),
        slides=files,
        features=(*(slide.features for slide in draft.slides if slide.features), *draft.features),
        rna=draft.rna,
        clinical=draft.clinical,
        notices=tuple(notices),
    )
    cases.build_case(recipe)
    return cases.save_recipe(recipe, current_owner())
