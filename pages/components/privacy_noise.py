"""Where the noise goes: epsilon per field and modality, dealt equally or by relevance, and a recipe without a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import privacy_draw, session
from pages.components.cases import OpenCase
from pages.components.estimate import PLOT_CONFIG
from pages.components.privacy_draw import Draw
from pages.components.why_tissue import number
from survviz.privacy.allocation import Allocation, proportional, uniform
from survviz.privacy.published import REASON, log_ratio
from survviz.privacy.release import ReleasePlan, View
from survviz.privacy.spec import NO_FINITE_EPSILON

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor
    from survviz.privacy.lattice import Coordinate
    from survviz.privacy.relevance import Relevance

RATES = (0.8, 1.25)
"""Rates (1 / scale) of two neighbours under the recipe: the example of Theorem 2 in docs/privacy.md."""
EQUAL, ADAPTIVE = "Equal shares", "By public relevance"
RECIPE = f"Published recipe: {NO_FINITE_EPSILON}"


def show(draw: Draw, view: View | None) -> None:
    """The view, at the position on show; before anything is shown at the finest one."""
    plan, level = draw.plan, view.level if view else draw.plan.finest
    if len(plan.coordinates) == 1:
        (name, scale), *_ = View(plan, level, ()).noise_scale.items()
        st.markdown(
            f"One coordinate takes all of epsilon: *{name}* gets discrete Laplace noise of scale **{number(scale)}** "
            f"at epsilon {level:g}. Release several fields of the record to see how epsilon is dealt among them."
        )
    else:
        several(draw, level)
    why_no_epsilon()


def several(draw: Draw, level: float) -> None:
    """Epsilon of every coordinate by three rules, and what it means as noise."""
    from survviz.figures.privacy import Shares, shares_of_epsilon_figure

    coordinates = list(draw.plan.coordinates)
    names = [one.name for one in coordinates]
    own = relevance_of_record(session.predictor(), draw.case, tuple(coordinates), session.case_key(draw.case))
    ways = {EQUAL: uniform(names), ADAPTIVE: privacy_draw.adaptive(coordinates), RECIPE: proportional(own, names)}
    chart, numbers = st.columns([3, 2], gap="large")
    with chart:
        st.subheader(f"Epsilon of {level:g}, dealt among {len(names)} fields", anchor=False)
        shares = [
            Shares(label, {name: level * float(one.share(name)) for name in names}, one.private)
            for label, one in ways.items()
        ]
        st.plotly_chart(shares_of_epsilon_figure(shares), key="shares-figure", config=PLOT_CONFIG)
    with numbers:
        st.subheader("As noise", anchor=False)
        st.table(noise_table({label: one for label, one in ways.items() if not one.private}, draw.plan, level))
        st.caption("Of a number the Laplace scale in its own unit, of a category the chance of a false answer.")
    shown = draw.plan.allocation
    st.markdown(f"This release: **{shown.words}**. {by_modality(shown, level)}")


@st.cache_resource(show_spinner=False, max_entries=32)
def relevance_of_record(
    _predictor: Predictor, _case: OpenCase, coordinates: tuple[Coordinate, ...], key: tuple[object, ...]
) -> Relevance:
    """Private relevance, for the recipe's bars alone; it stays on this machine."""
    from survviz.pipeline.private.case import own_relevance

    return own_relevance(_predictor, _case.case, coordinates)


def noise_table(ways: dict[str, Allocation], plan: ReleasePlan, level: float) -> pd.DataFrame:
    """Noise of every coordinate under each way of dealing epsilon."""
    from survviz.privacy.lattice import Category

    columns = {}
    for label, allocation in ways.items():
        scales = View(plan.model_copy(update={"allocation": allocation}), level, ()).noise_scale
        columns[label] = [
            f"{scales[one.name]:.0%} false" if isinstance(one, Category) else f"± {number(scales[one.name])}"
            for one in plan.coordinates
        ]
    return pd.DataFrame(columns, index=pd.Index([one.name for one in plan.coordinates], name="Field"))


def by_modality(allocation: Allocation, level: float) -> str:
    """The shares of one person's modalities, which always add up."""
    from survviz.pipeline.private.case import PROGRAMME

    sums = {"clinical record": 0.0, "gene expression": 0.0}
    for name in allocation.parts:
        sums["gene expression" if name.startswith(PROGRAMME) else "clinical record"] += level * float(
            allocation.share(name)
        )
    words = ", ".join(f"{modality} {value:.2f}" for modality, value in sums.items() if value)
    return f"By modality: {words}. All of them belong to one person, so they add up; nothing is parallel."


def why_no_epsilon() -> None:
    """The published recipe, its label, and one click away the reason."""
    from survviz.figures.privacy import loss_figure

    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(f"Published recipe: {NO_FINITE_EPSILON}", icon=":material/all_inclusive:", color="orange")
        with st.popover("Why"):
            st.markdown(
                f"{REASON} Below, two neighbours (true value 0 or 1) whose noise has the rates {RATES[0]} and "
                f"{RATES[1]} at a nominal epsilon of 1: the further out the noised value lies, the surer an attacker "
                "becomes. With shares that are public, or released with a budget of their own, the curve ends at "
                "epsilon."
            )
            figure = loss_figure(
                lambda output: log_ratio(output, RATES), lambda output: log_ratio(output, (1.0, 1.0)), epsilon=1.0
            )
            st.plotly_chart(figure, key="loss", config=PLOT_CONFIG)
            st.markdown(
                "The recipe can be drawn for comparison (`benchmarks.local_release`); no ledger takes it, and this "
                "slider refuses it."
            )
