"""The what-if bench: another stage, age, programme or fewer tests, and the new survival curve over the old one."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pages.components import estimate, notices, session, why_results
from pages.components.cases import OpenCase
from pages.components.why_choice import Choice
from survviz.errors import SurvvizError
from survviz.phi import exported_id
from survviz.pipeline.explanation.what_if import LEVEL_LIMIT, Change, Difference, WhatIf, as_json, refusals, what_if
from survviz.types import ClinicalValue

NOT_RECORDED = "not recorded"
STEP = 0.1
CONTROLS, SHIFT = "if-", "if-shift-"
"""How the controls' names in the address bar begin."""


def show(case: OpenCase, choice: Choice) -> None:
    """The view, whatever is chosen above: controls on the left, the answer on the right."""
    controls, answer = st.columns([2, 3], gap="large")
    with controls:
        change = asked(case)
    with answer:
        predictor = session.predictor()
        try:
            refused = refusals(predictor, case.case, change)
            for text in refused:
                st.warning(f"{text} Not computed.", icon=":material/warning:")
            if refused:
                return
            before = session.prediction_of(case, allow_unlike=True)
            found = what_if(predictor, case.case, change, before=before)
        except SurvvizError as error:
            notices.problem(error)
            return
        draw(found)


def asked(case: OpenCase) -> Change:
    """What the controls ask; all of it lies in the address bar."""
    offers = why_results.offers_of(case)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What if …", anchor=False, width="stretch")
        st.button("As it is", icon=":material/undo:", on_click=reset, help="Take back every change.")
    clinical = clinical_changes(case, offers["values"])
    programmes = programme_changes(offers["levels"])
    without = frozenset[str]()
    if offers["modalities"]:
        chosen = st.pills(
            "Without",
            offers["modalities"],
            selection_mode="multi",
            format_func=lambda name: estimate.NAMES[name],
            key=f"{CONTROLS}without",
            bind="query-params",
            help="As if the test had never been done.",
        )
        without = frozenset(chosen or ())
    if case.case.bags:
        st.caption("To take a region of the slide away, draw it on the page Slide & attention and ask *What if* there.")
    return Change(clinical, programmes, without)  # pyright: ignore[reportArgumentType]


def clinical_changes(
    case: OpenCase, values: Mapping[str, tuple[float, float] | tuple[str, ...]]
) -> dict[str, ClinicalValue]:
    """One control per field; an empty one leaves the field as it is."""
    templates = session.predictor().checkpoint.preprocess(0).templates
    own = templates.codes(case.case.clinical or {})
    found: dict[str, ClinicalValue] = {}
    columns = st.columns(2)
    for position, item in enumerate(one for one in templates.fields if one.token in values):
        now = own[item.token]
        placeholder = f"{NOT_RECORDED if now is None else f'{now:g}' if isinstance(now, float) else now} (as it is)"
        key = f"{CONTROLS}{slug(item.token)}"
        with columns[position % 2]:
            if item.kind == "number":
                low, high = (float(end) for end in values[item.token])
                new = st.number_input(
                    item.token,
                    value=None,
                    step=1.0,
                    format="%g",
                    key=key,
                    bind="query-params",
                    placeholder=placeholder,
                    help=f"The training cases had {low:g} to {high:g}.",
                )
            else:
                new = st.selectbox(
                    item.token,
                    [*(str(one) for one in values[item.token]), NOT_RECORDED],
                    index=None,
                    key=key,
                    bind="query-params",
                    placeholder=placeholder,
                )
        if new is not None:
            found[item.token] = None if new == NOT_RECORDED else new
    return found


def programme_changes(levels: Mapping[str, float]) -> dict[str, float]:
    """A slider for each chosen programme: by how many SD its genes move."""
    if not levels:
        return {}
    chosen = st.multiselect(
        "Gene programmes to shift",
        list(levels),
        key=f"{CONTROLS}programmes",
        bind="query-params",
        placeholder="Choose programmes",
        help="All genes of a programme move together by this many SD of the training cases.",
    )
    found = {}
    for name in chosen:
        low, high = min(-LEVEL_LIMIT - levels[name], 0.0), max(LEVEL_LIMIT - levels[name], 0.0)
        steps = (-int(-low / STEP + 1e-9), int(high / STEP + 1e-9))
        moved = st.slider(
            f"{name}: now {signed_number(levels[name], 1)} SD from the training mean; shift by",
            steps[0] * STEP,
            steps[1] * STEP,
            0.0,
            STEP,
            format="%+.1f SD",
            key=f"{SHIFT}{slug(name)}",
            bind="query-params",
        )
        found[name] = float(moved)
    return found


def reset() -> None:
    """Every control of the bench as it was."""
    for key in [str(key) for key in st.session_state if str(key).startswith(CONTROLS)]:
        if key.startswith(SHIFT):
            st.session_state[key] = 0.0
        else:
            st.session_state[key] = [] if isinstance(st.session_state[key], list) else None


def draw(found: WhatIf) -> None:
    """The curves, the differences, and a file of it all."""
    from survviz.figures.what_if import comparison_figure

    st.subheader("Estimated survival", anchor=False)
    name = f"what_if_{exported_id(found.before.case_id, 'case')}"
    st.plotly_chart(
        comparison_figure(found.before, found.after),
        key="what-if",
        config=estimate.PLOT_CONFIG | {"toImageButtonOptions": {"format": "svg", "filename": name}},
    )
    if not found.change:
        st.caption("Nothing is changed yet. Choose another stage, age, programme level or fewer tests.")
        return
    moved = found.risk_per_fold
    spread = f" ± {moved.std(ddof=1):.2f} (SD over models)" if len(moved) > 1 else ""
    st.markdown(
        f"Risk score {estimate.number(found.before.risk)} → **{estimate.number(found.after.risk)}**, change "
        f"**{signed_number(float(moved.mean()))}**{spread}; percentile {found.before.percentile:.0f} → "
        f"{found.after.percentile:.0f}."
    )
    st.table(pd.DataFrame([row(one) for one in found.differences]).set_index("Time"))
    st.caption(
        "Only what is named changes; what would change with it in a patient does not. The difference says what the "
        "model's estimate rests on, not what would happen to the patient."
    )
    st.download_button(
        "This answer (JSON)",
        json.dumps(as_json(found), indent=1),
        file_name=f"{name}.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
    )


def row(one: Difference) -> dict[str, str]:
    """One horizon in words."""
    years = f"{one.months / 12:g} year{'s' * (one.months != 12)}"
    if one.change is None:
        return {"Time": years, "As it is": "–", "What if": "–", "Difference": one.reason}
    spread = "" if one.sd is None else f" ± {100 * one.sd:.0f}"
    return {
        "Time": years,
        "As it is": f"{one.before:.0%}",
        "What if": f"{one.after:.0%}",
        "Difference": f"{signed_number(100 * one.change, 0)}{spread} points",
    }


def signed_number(value: float, digits: int = 2) -> str:
    """With a sign."""
    from survviz.figures.attribution import signed

    return signed(value, digits)


def slug(name: str) -> str:
    """A name as it looks well in an address."""
    return name.lower().replace(" ", "-")
