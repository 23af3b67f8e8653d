"""Tokens and tissue: what each sentence and programme looks at, and whether clinic and genomic look at other tissue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from pages.components import estimate, notices, why_results
from pages.components.attention import GROUPS
from pages.components.cases import OpenCase
from pages.components.why_choice import Choice
from survviz.errors import SurvvizError
from survviz.phi import exported_id
from survviz.spreadsheets import table_csv

if TYPE_CHECKING:
    from survviz.pipeline.explanation.token_tissue import Descriptor, Overlap, TokenTissue

COLUMNS = 7
"""Descriptors in the overview: those that stand out most over all tokens."""
LONGEST = 22
"""Characters of a descriptor above its column."""
ROWS = 10


def show(case: OpenCase, choice: Choice) -> None:
    """The view; it describes attention, whatever is chosen above."""
    from survviz.pipeline.explanation.token_tissue import why_no_names

    if not why_results.asking(case):
        st.info(
            "This model does not ask the slide by clinical sentences or gene programmes, or the case lacks slide or "
            "record, so there is no tissue that a token looks at.",
            icon=":material/info:",
        )
        return
    try:
        shared = why_results.overlap_of(case)
        if shared is not None:
            say_overlap(shared)
        reason = why_no_names(case.case.bags)
        if reason:
            st.info(reason, icon=":material/label_off:")
            return
        found = why_results.tissue_of(case)
    except SurvvizError as error:
        notices.problem(error)
        return
    overview, detail = st.columns([3, 2], gap="large")
    with overview:
        draw_overview(case, found)
    with detail:
        draw_token(found)


def say_overlap(shared: Overlap) -> None:
    """Complementarity: how many of the top patches clinic and genomic share."""
    verdict = "as many as chance would give, so each adds tissue that the other does not look at"
    if shared.shared > shared.high:
        verdict = "more than chance would give, so in part they look at the same tissue"
    elif shared.shared < shared.low:
        verdict = "fewer than chance would give: they look at different tissue"
    st.markdown(
        f"Of the {shared.n_top} patches that clinic looks at most, genomic shares **{shared.shared}**: {verdict}. Two "
        f"random sets would share {shared.expected:.0f} (95 % {shared.low} to {shared.high}); Jaccard "
        f"{shared.jaccard:.2f}, by chance {shared.expected_jaccard:.2f}."
    )
    st.caption(
        "Chance draws single patches. Neighbours are alike, and all tokens of a model read the same features, so an "
        "overlap above chance is usual."
    )


def draw_overview(case: OpenCase, found: Sequence[TokenTissue]) -> None:
    """Tokens against the descriptors that stand out most."""
    from survviz.figures.attribution import heat_figure

    chosen = standing_out(found)
    values = np.array([[delta_of(one, name) for name in chosen] for one in found])
    st.subheader("What each token looks at", anchor=False)
    figure = heat_figure(
        [label(one) for one in found],
        list(chosen.values()),
        values,
        title="",
        reach=1.0,
    )
    figure.update_xaxes(tickangle=-35)
    name = f"tissue_{exported_id(case.case.case_id, 'case')}"
    st.plotly_chart(
        figure,
        key="tissue",
        config=estimate.PLOT_CONFIG | {"toImageButtonOptions": {"format": "svg", "filename": name}},
    )
    st.caption(
        f"Cliff's delta. +1: each of the {found[0].n_top} patches with most attention has more of it than each of the "
        f"other {found[0].n_patches - found[0].n_top}; −1: less; 0: alike. Independent draws stay within "
        f"±{found[0].chance:.2f} in 95 % of cases. Attention says where the model looks, not what moves the estimate."
    )
    st.download_button(
        "All numbers (CSV)",
        table_csv(table_of(found), index=False),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def draw_token(found: Sequence[TokenTissue]) -> None:
    """One token's descriptors with their medians."""
    names = {label(one): one for one in found}
    st.subheader("One token", anchor=False)
    name = st.selectbox("Token", list(names), key="token", bind="query-params", label_visibility="collapsed")
    one = names[name or next(iter(names))]
    st.table(pd.DataFrame([row(each) for each in one.descriptors[:ROWS]]).set_index("Tissue"))
    st.caption(f"Medians of the top {one.n_top} patches and of the other {one.n_patches - one.n_top}.")


def standing_out(found: Sequence[TokenTissue]) -> dict[str, str]:
    """Name -> title of the descriptors with the largest mean |delta| over tokens."""
    sizes: dict[str, list[float]] = {}
    titles: dict[str, str] = {}
    for one in found:
        for each in one.descriptors:
            sizes.setdefault(each.meaning.name, []).append(abs(each.delta))
            title = each.meaning.title.partition(" (")[0]
            titles[each.meaning.name] = title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"
    largest = sorted(sizes, key=lambda name: -float(np.mean(sizes[name])))[:COLUMNS]
    return {name: titles[name] for name in largest}


def delta_of(one: TokenTissue, name: str) -> float:
    """A token's effect size of one descriptor."""
    return next(each.delta for each in one.descriptors if each.meaning.name == name)


def label(one: TokenTissue) -> str:
    """`Clinic: Stage`; the mean over a group's tokens is called so."""
    return f"{GROUPS.get(one.group, one.group)}: {'mean of all' if one.token == 'all' else one.token}"


def row(each: Descriptor) -> dict[str, str]:
    """One descriptor in words."""
    from survviz.figures.attribution import signed

    unit = f", {each.meaning.unit}" if each.meaning.unit else ""
    return {
        "Tissue": f"{each.meaning.title}{unit}",
        "Top": number(each.top),
        "Rest": number(each.rest),
        "Delta": signed(each.delta),
    }


def number(value: float) -> str:
    """Three digits, and no power of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}".replace("-", "−")


def table_of(found: Sequence[TokenTissue]) -> pd.DataFrame:
    """Every descriptor of every token."""
    return pd.DataFrame(
        {
            "group": one.group,
            "token": one.token,
            "descriptor": each.meaning.name,
            "unit": each.meaning.unit,
            "median_top": each.top,
            "median_rest": each.rest,
            "cliffs_delta": each.delta,
            "n_top": one.n_top,
            "n_patches": one.n_patches,
        }
        for one in found
        for each in one.descriptors
    )
