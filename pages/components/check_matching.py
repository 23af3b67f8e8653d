"""Step 3: which name of a table belongs to which case, by which rule, and who stays alone."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components import check_desk
from pages.components.literal import literal
from survviz.intake.matching import RULES, Match, RuleName
from survviz.intake.plan import Report

AUTO = "the rule that matches most"


def show(report: Report) -> None:
    """One row per table, then the names that belong to no case."""
    if not report.matches:
        st.info("There is only the outcome table, so there is nothing to match.", icon=":material/info:")
        return
    st.markdown(
        "Tables are joined by names, never by the order of rows. A name belongs to the case that the rule says."
    )
    rules = dict(report.plan.rules)
    for name, match in report.matches.items():
        chosen = _rule(name, match, rules.get(name))
        if chosen is None:
            rules.pop(name, None)
        else:
            rules[name] = chosen
    if rules != report.plan.rules:
        check_desk.decide(report.plan.model_copy(update={"rules": rules}))
        st.rerun()
    _together(report)


def _rule(name: str, match: Match, asked: RuleName | None) -> RuleName | None:
    """One table: what matched, the rule, who stays alone."""
    with st.container(border=True, key=f"check_match_{name}"):
        left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
        with left:
            st.markdown(f"**{literal(name)}**")
            cases = len(set(match.owners.values()))
            st.markdown(f"{len(match.owners):,} of {len(match.owners) + len(match.alone):,} names → {cases:,} cases")
            st.caption(f"Rule: {RULES[match.rule]}.")
        options: list[RuleName | None] = [None, *RULES]
        chosen = right.selectbox(
            "Match by", options, index=options.index(asked), key=f"check_rule_{name}",
            format_func=lambda one: RULES[one] if one else AUTO,
        )  # fmt: skip
        alone, without = len(match.alone), len(match.without)
        if alone or without:
            with st.expander(f"{alone:,} names of no case · {without:,} cases that are not in it"):
                first, second = st.columns(2)
                first.dataframe(pd.DataFrame({"Names of no case": match.alone}), hide_index=True, height=220)
                second.dataframe(pd.DataFrame({"Cases that are not in it": match.without}), hide_index=True, height=220)
    return chosen


def _together(report: Report) -> None:
    """How many cases have how many of the tables."""
    have = [set(match.owners.values()) for match in report.matches.values()]
    everything = len(set.intersection(*have))
    st.caption(
        f"{report.n_cases:,} cases with an outcome; {everything:,} of them are in every table. Models cope with "
        "missing tables: a case keeps what it has."
    )
