"""The slider with what it costs: current view, spent, hard cap, the price of every position, redrawing, the odds."""

from __future__ import annotations

import streamlit as st

from pages.components import privacy_draw
from pages.components.estimate import PLOT_CONFIG
from pages.components.privacy_draw import Draw
from survviz.errors import PrivacyError
from survviz.privacy.ledger import Balance
from survviz.privacy.release import View
from survviz.privacy.spec import NEARLY_VACUOUS, best_guess, odds_in_words

NOTHING = 0.0
REFUSED = "privacy-refused"


def show(draw: Draw) -> View | None:
    """Draw the controls; returns the view that is paid for, None while nothing is shown."""
    level = slider(draw)
    if refusal := st.session_state.pop(REFUSED, None):
        st.error(refusal, icon=":material/block:")
    prices(draw)
    redraw_button(draw, level)
    return draw.patient.at(level) if level else None


def slider(draw: Draw) -> float:
    """The position on show; moving it pays, and it never stands where nothing was paid."""
    key = f"epsilon-{draw.name}"
    paid = draw.patient.visited
    if st.session_state.get(key, NOTHING) > paid:  # another tab drew anew: nothing is paid without somebody's act
        st.session_state[key] = paid

    def moved() -> None:
        wanted = st.session_state[key]
        try:
            if wanted:
                privacy_draw.show_at(draw, wanted)
        except PrivacyError as error:
            st.session_state[REFUSED] = str(error)
            st.session_state[key] = st.session_state[f"{key}-before"]

    st.session_state.setdefault(key, paid)
    level = st.select_slider(
        "Epsilon of this release",
        [NOTHING, *draw.plan.levels],
        format_func=lambda value: f"{value:g}" if value else "nothing",
        key=key,
        on_change=moved,
        help="Every position is a coarser copy of one secret draw, so the cost is the highest position visited.",
    )
    st.session_state[f"{key}-before"] = level
    return level


def prices(draw: Draw) -> None:
    """What each position would add now."""
    balance, paid = draw.patient.balance, draw.patient.visited
    words = []
    for level in draw.plan.levels:
        cost = max(0.0, level - paid)
        price = "paid" if not cost else f"+{cost:g}"
        words.append(f"**{level:g}** {price}" + (" (past the cap)" if cost > balance.left else ""))
    st.caption("Price now: " + " · ".join(words))


def redraw_button(draw: Draw, level: float) -> None:
    """Fresh noise: an act of its own, priced before it is pressed."""

    def again() -> None:
        try:
            privacy_draw.redraw(draw, level)
        except PrivacyError as error:
            st.session_state[REFUSED] = str(error)

    st.button(
        f"Redraw the noise: costs {level:g} more" if level else "Redraw the noise",
        icon=":material/casino:",
        key="redraw",
        on_click=again,
        disabled=not level,
        help="A new draw at the position shown. It adds to the bill, because two draws tell more than one."
        if level
        else "Nothing was shown yet, so there is nothing to draw again.",
    )


def meters(balance: Balance, level: float) -> None:
    """Three numbers that are not the same, and how full the account is."""
    st.badge("Session guarantee: the patient entered now", icon=":material/person:", color="blue")
    with st.container(horizontal=True, gap="large"):
        for label, value, words in (
            ("Current view", f"{level:g}" if level else "–", "Epsilon of the position on show."),
            (
                "Spent",
                f"{balance.spent_epsilon:g}",
                "Sum over all draws of this person of the highest position visited of each: what the course so far "
                "amounts to.",
            ),
            (
                "Hard cap",
                f"{balance.cap_epsilon:g}",
                "The guarantee before anybody starts, whatever is looked at: what passes it is refused.",
            ),
        ):
            st.metric(label, value, help=words, width="content")
    st.progress(min(1.0, balance.spent_epsilon / balance.cap_epsilon))


def odds(balance: Balance, level: float) -> None:
    """What an attacker could do with all that was shown so far, in words and as a picture."""
    from survviz.figures.privacy import odds_figure

    spent = balance.spent_epsilon
    if not spent:
        st.markdown("Nothing was shown yet: an attacker can only guess, and is right 50 times in 100.")
    else:
        whose = "All that was shown so far" if spent > level else "What is shown"
        st.markdown(f"**{whose} (epsilon {spent:g}).** {odds_in_words(spent)}")
    st.plotly_chart(
        odds_figure(best_guess(spent)), key="odds", config={"displayModeBar": False} | PLOT_CONFIG, theme="streamlit"
    )
    if balance.cap_epsilon >= NEARLY_VACUOUS:
        most = 100 * best_guess(balance.cap_epsilon)
        st.caption(
            f"At the hard cap of {balance.cap_epsilon:g} it would be at most {most:.2f} in 100: formally a bound, "
            "nearly an empty one. Stop early."
        )
