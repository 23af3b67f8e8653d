"""What a table of expression or a feature file holds, and whether the model can use it, said before it is opened."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import draft as drafts
from pages.components import session
from pages.components.draft import Draft
from survviz.errors import SurvvizError


@st.cache_data(show_spinner="Reading the table …", max_entries=16)
def expression_facts(path: str, stamp: float, wanted: tuple[str, ...]) -> tuple[tuple[str, ...], int, str]:
    """Cases of the table, its number of genes, and in words how many of the wanted genes it has.

    Raises:
        InputError: it is no table of expression.
    """
    from survviz.data.genes import match_genes
    from survviz.data.tables import read_matrix

    table = read_matrix(path)
    words = match_genes(wanted, table.columns).describe() if wanted else ""
    return tuple(str(name) for name in table.index), table.shape[1], words


def model_genes() -> tuple[str, ...]:
    """The genes that the chosen model reads; none where there is no model, or it reads none."""
    try:
        scaler = session.predictor().checkpoint.preprocess(0).ood.rna
    except SurvvizError:
        return ()
    return scaler.genes if scaler else ()


def expression(draft: Draft) -> None:
    """The chosen table: cases, genes, coverage, and whether this case is in it."""
    from survviz.data.barcodes import case_of

    path = Path(draft.rna or "")
    try:
        cases, genes, words = expression_facts(str(path), path.stat().st_mtime, model_genes())
    except SurvvizError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.caption(f"{len(cases)} case{'s' * (len(cases) != 1)}, {genes:,} genes. {words}")
    wanted = draft.case_id or drafts.default_case_id(draft)
    if len(cases) > 1 and not any(case_of(name, {wanted}) for name in cases):
        st.warning(
            f"No row is named {wanted}. Change the case id below to one of the table's, for example {cases[0]}.",
            icon=":material/warning:",
        )


@st.cache_data(show_spinner=False, max_entries=32)
def feature_facts(path: str, stamp: float) -> tuple[str, int, int, str, float]:
    """Slide id, patches, width, encoder and um per pixel of a feature file.

    Raises:
        InputError: it cannot be read.
    """
    from survviz.wsi.isolated_features import read_features_safely

    bag = read_features_safely(path)
    return bag.slide_id, len(bag), bag.features.shape[1], bag.encoder, bag.mpp


def features(path: str) -> None:
    """The chosen feature file, and whether it comes from the model's encoder."""
    try:
        slide_id, patches, width, encoder, mpp = feature_facts(path, Path(path).stat().st_mtime)
        st.caption(
            f":material/dataset: **{slide_id}**: {patches:,} patches at {mpp:g} µm/px, {width} numbers each, "
            f"encoder {encoder or 'not declared'}"
        )
        expected = session.predictor().checkpoint.preprocess(0).ood.patches
    except SurvvizError as error:
        st.error(str(error), icon=":material/error:")
        return
    if expected and (width != expected.dim or (encoder and encoder != expected.encoder)):
        st.error(
            f"This model was trained on {expected.encoder} features ({expected.dim} numbers per patch); the file has "
            f"{width} of {encoder or 'an encoder that it does not declare'}. Extract the slide again with the model's "
            "encoder: choose the slide file instead.",
            icon=":material/error:",
        )
