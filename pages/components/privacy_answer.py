"""What the receiver of the release can say of the patient: risk and survival with bands, beside the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components import session
from pages.components.estimate import PLOT_CONFIG
from pages.components.privacy_draw import Draw
from pages.components.why_tissue import number

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor
    from survviz.pipeline.private.case import Received
    from survviz.privacy.lattice import Coordinate
    from survviz.privacy.release import View

EMPTY = 0.9
"""A band of this share of the band without any release says next to nothing."""


def show(draw: Draw, view: View | None) -> None:
    """The view: curve on the left, numbers on the right."""
    from survviz.figures.privacy import received_figure
    from survviz.pipeline.private.case import death_risk

    if view is None:
        st.info("Nothing is released yet. Move the slider: what it costs is said below it.", icon=":material/lock:")
        return
    found, blind = answers(draw, view)
    own = session.prediction_of(draw.case, allow_unlike=True)
    curve, numbers = st.columns([3, 2], gap="large")
    with curve:
        st.subheader("Survival, as the receiver sees it", anchor=False)
        figure = received_figure(
            found.times, found.survival, (own.times, own.survival), risk=found.risk, months=found.months
        )
        st.plotly_chart(figure, key="received", config=PLOT_CONFIG)
    with numbers:
        say_risk(found, blind, death_risk(own, found.months), fields_alone(draw) if len(found.times) else None)
        released_values(view)
    st.caption(
        "The band is computed from the release alone (post-processing), so it costs nothing more: the records that "
        "this release leaves plausible, all within the public bounds equally likely before. The dashed curve is made "
        "from the record without noise and is no part of the release."
        + ("" if not len(found.times) else " Only the released fields are read: no slide, no other test.")
    )


def answers(draw: Draw, view: View) -> tuple[Received, Received]:
    """From the release, and from no release at all."""
    predictor, case = session.predictor(), draw.case.case.case_id
    folder = session.checkpoint_folder()
    key = (str(folder), session.checkpoint_stamp(folder), case, draw.months)
    return (
        _received(predictor, view, (*key, view.plan.model_dump_json(), view.level, view.codes)),
        _blind(predictor, view.plan.coordinates, key),
    )


@st.cache_data(show_spinner="Asking the model about plausible records …", max_entries=128)
def _received(_predictor: Predictor, _view: View, key: tuple[object, ...]) -> Received:
    from survviz.pipeline.private.case import received

    return received(_predictor, str(key[2]), _view, float(str(key[3])))


@st.cache_data(show_spinner=False, max_entries=32)
def _blind(_predictor: Predictor, coordinates: tuple[Coordinate, ...], key: tuple[object, ...]) -> Received:
    from survviz.pipeline.private.case import without_release

    return without_release(_predictor, str(key[2]), coordinates, float(str(key[3])))


def fields_alone(draw: Draw) -> float:
    """Risk of the released fields without their noise: what is lost by releasing no more than them."""
    from survviz.pipeline.private.case import death_risk, released_case

    predictor = session.predictor()
    case = released_case(predictor, draw.case.case.case_id, draw.record())
    return death_risk(predictor.predict(case, allow_unlike=True), draw.months)


def say_risk(found: Received, blind: Received, own: float, alone: float | None) -> None:
    """The risk with its band, the one without noise, and whether the release says anything.

    Args:
        alone: of the released fields without noise; None where the risk itself was released.
    """
    years = f"{found.months / 12:g} year{'s' * (found.months != 12)}"
    middle, low, high = found.risk
    with st.container(horizontal=True, gap="large"):
        words = "Median over the plausible records."
        st.metric(f"Risk of death by {years}", f"{middle:.0%}", help=words, width="content")
        words = "From everything the model reads. Stays on this machine. The model's estimate, not a prognosis."
        st.metric("Without noise", f"{own:.0%}", help=words, width="content")
        if alone is not None:
            words = "From the released fields alone. Stays on this machine. What lies between it and the estimate from "
            words += "everything is not lost to noise, but to not releasing more."
            st.metric("These fields, no noise", f"{alone:.0%}", help=words, width="content")
    st.markdown(f"90 % of the records that the release leaves plausible: **{low:.0%} to {high:.0%}**.")
    width, most = high - low, blind.risk[2] - blind.risk[1]
    if width >= EMPTY * most:
        st.warning(
            f"At this epsilon the release is useless for the risk: without any release the band would be "
            f"{blind.risk[1]:.0%} to {blind.risk[2]:.0%}, and it is hardly narrower.",
            icon=":material/blur_on:",
        )


def released_values(view: View) -> None:
    """Every released value with its noise, clipped to the public bounds."""
    import pandas as pd

    noise, bounded = view.noise_scale, view.clipped
    rows = [
        {
            "Released": name,
            "Value": value if isinstance(value, str) else number(value),
            "Noise": f"{noise[name]:.0%} false" if isinstance(value, str) else f"± {number(noise[name])} (scale)",
        }
        for name, value in bounded.items()
    ]
    st.table(pd.DataFrame(rows).set_index("Released"))
