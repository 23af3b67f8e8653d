"""What pushes the estimate: modalities from the baseline to the case, and the features that push most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages.components import estimate, notices, session, why_results
from pages.components.cases import OpenCase
from pages.components.why_choice import METHOD_WORDS, METHODS, OF_MODALITIES, Choice
from survviz.errors import SurvvizError
from survviz.phi import exported_id
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.figures.attribution import Explained
    from survviz.pipeline.explanation.attribution import CaseAttribution
    from survviz.pipeline.explanation.pieces import Level, Piece

SHOWN = 20
WORST_GAP = 0.05
"""Above this share of the change, a completeness error is a warning."""
SMALLEST_REST = 0.005
"""What a method gives to no input (bias terms, under relevance propagation) is said from here on."""
ALL_FEATURES = "All"
NO_FEATURES = (
    "This method weighs whole modalities; integrated gradients and relevance propagation reach single features."
)
ONLY_PATCHES = (
    "This model reads nothing but the slide, whose patches have no names. Their map is on the page Slide & attention."
)
COARSE: tuple[Level, ...] = ("sentence", "clinical", "programme", "token", "mirna", "cnv")
"""Levels that together count nothing twice; genes stand for themselves only where there are no programmes."""


def show(case: OpenCase, choice: Choice) -> None:
    """The view."""
    try:
        found = why_results.attribution_of(case, choice)
    except SurvvizError as error:
        notices.problem(error)
        return
    from survviz.figures.attribution import Explained, waterfall_figure

    explained = Explained(found.target_words, found.baseline, better_when_higher=choice.target.startswith("survival"))
    say(found, choice)
    modalities, features = st.columns([2, 3], gap="large")
    with modalities:
        st.subheader("By modality", anchor=False)
        st.plotly_chart(
            waterfall_figure(named_modalities(found.of("modality")), found.reference, found.output, explained),
            key="by-modality",
            config=plot_config("modalities", found),
        )
        meaning(found, choice)
        test_shares(case, choice)
    with features:
        st.subheader("The features that push most", anchor=False)
        draw_features(case, found, explained)
    st.download_button(
        "All numbers (CSV)",
        table_csv(table_of(found), index=False),
        file_name=f"{file_name('why', found)}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def draw_features(case: OpenCase, found: CaseAttribution, explained: Explained) -> None:
    """The top of the chosen kind, or why there is none."""
    from survviz.figures.attribution import feature_figure

    pieces = chosen_features(found)
    if not pieces:
        st.caption(NO_FEATURES if found.method in OF_MODALITIES else ONLY_PATCHES)
        return
    known = why_results.standing_of(case)
    places = {one.name: known[one.level, one.name] for one in pieces if (one.level, one.name) in known}
    st.plotly_chart(feature_figure(pieces, explained, places), key="by-feature", config=plot_config("features", found))
    spread = "Whiskers: SD over models. " if len(found.folds) > 1 else ""
    band = "Right: the patient's own value; grey where 68 % and 95 % of a normal spread of training cases lie."
    st.caption(spread + (band if places else ""))


def say(found: CaseAttribution, choice: Choice) -> None:
    """The answer in words, and whether the parts add up."""
    from survviz.figures.attribution import plain, signed

    if found.method != choice.method:
        st.warning(
            f"{METHODS[choice.method]} did not fit into memory; {METHODS[found.method].lower()} is shown instead.",
            icon=":material/memory:",
        )
    parts = sum(one.value for one in found.of("modality"))
    digits = 3 if found.target.startswith("survival") else 2
    way = "up" if found.change > 0 else "down"
    st.markdown(
        f"**{found.target_words.capitalize()} {plain(found.output, digits)}.** Against the baseline *{found.baseline}* "
        f"({plain(found.reference, digits)}) the evidence of this case pushes the estimate **{way} by "
        f"{plain(abs(found.change), digits)}**."
    )
    rest = f", of no input {signed(found.rest)}" if abs(found.rest) >= SMALLEST_REST else ""
    check = (
        f"Sum of attributions {signed(parts, digits)}{rest}, change in output {signed(found.change, digits)} "
        f"(largest gap in a model {percent(found.gap)})."
    )
    if found.method == "removal":
        st.caption(f":material/info: {check} Removals need not add up.")
    elif found.gap > WORST_GAP:
        st.warning(
            f"{check} The parts miss the change by more than {WORST_GAP:.0%}: do not read single bars.",
            icon=":material/warning:",
        )
    else:
        st.caption(f":material/check: {check}")


def meaning(found: CaseAttribution, choice: Choice) -> None:
    """Baseline, method, models and colours, in words."""
    worse, better = ("down", "up") if choice.target.startswith("survival") else ("up", "down")
    models = f"Mean of {len(found.folds)} models" if len(found.folds) > 1 else "One model"
    st.caption(
        f"Baseline: {found.baseline_words}. {METHOD_WORDS[found.method]} {models}, {found.seconds:.1f} s. "
        f"Vermillion pushes the {found.target_words} {worse} (worse), blue {better} (better). A push says what the "
        "model's estimate rests on, not what made the disease."
    )


def test_shares(case: OpenCase, choice: Choice) -> None:
    """On request: are these shares more than those of a model that has learnt nothing?"""
    asked = st.session_state.setdefault("shares_tested", set())
    about = (*session.case_key(case), choice)
    if about not in asked:
        st.button(
            "Test these shares against chance",
            icon=":material/shuffle:",
            help="Explains the case again by 19 copies of the model whose weights were shuffled.",
            on_click=asked.add,
            args=(about,),
        )
        return
    found = why_results.learnt_of(case, choice)
    if found.learnt:
        st.success(found.words, icon=":material/check:")
    else:
        st.warning(found.words, icon=":material/casino:")


def named_modalities(pieces: Sequence[Piece]) -> list[Piece]:
    """The same with the names of the pages."""
    from dataclasses import replace

    preprocess = session.predictor().checkpoint.preprocess(0)
    names = {**estimate.NAMES, "pathology": "Pathology features"} if preprocess.ood.regions else estimate.NAMES
    return [replace(one, name=names[one.modality]) for one in pieces]


def chosen_features(found: CaseAttribution) -> list[Piece]:
    """The largest of the chosen kind of feature."""
    from survviz.pipeline.explanation.pieces import LEVELS

    there: list[Level] = [level for level in LEVELS if found.of(level)]
    if not there:
        return []
    options = [ALL_FEATURES, *(LEVELS[level] for level in there)] if len(there) > 1 else [LEVELS[there[0]]]
    kind = st.pills(
        "Kind of feature",
        options,
        default=options[0],
        key="features",
        bind="query-params",
        required=True,
        label_visibility="collapsed",
    )
    for level in there:
        if LEVELS[level] == kind:
            return list(found.of(level)[:SHOWN])
    coarse: list[Level] = [level for level in COARSE if level in there]
    if "programme" not in there and "gene" in there:
        coarse.append("gene")
    return sorted((one for level in coarse for one in found.of(level)), key=lambda one: -abs(one.value))[:SHOWN]


def table_of(found: CaseAttribution) -> pd.DataFrame:
    """Every piece of every level, with each model's value."""
    return pd.DataFrame(
        {
            "case": exported_id(found.case_id, "case"),
            "checkpoint": found.checkpoint,
            "method": found.method,
            "target": found.target,
            "baseline": found.baseline,
            "level": one.level,
            "modality": one.modality,
            "name": one.name,
            "own_value": one.own,
            "value": one.value,
            "sd": one.sd,
            **{f"fold_{fold + 1}": value for fold, value in zip(found.folds, one.per_fold, strict=True)},
        }
        for one in found.pieces
    )


def plot_config(what: str, found: CaseAttribution) -> dict[str, Any]:
    """As other figures, with a vector file behind the camera."""
    return estimate.PLOT_CONFIG | {"toImageButtonOptions": {"format": "svg", "filename": file_name(what, found)}}


def file_name(what: str, found: CaseAttribution) -> str:
    """`why_CASE_risk`, without what a file system may not like."""
    return f"{what}_{exported_id(found.case_id, 'case')}_{found.target.replace(':', '-')}"


def percent(share: float) -> str:
    """Two digits, and no power of ten."""
    return f"{100 * share:.2g} %" if share >= 1e-4 else "under 0.01 %"
