"""The words and numbers of the risk page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.components import notices
from survviz.errors import SurvvizError
from survviz.types import Modality, Prediction

if TYPE_CHECKING:
    from survviz.checkpoint import Checkpoint
    from survviz.checkpoint.reference import Reference
    from survviz.evaluation import KaplanMeier

PLOT_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
NAMES: dict[Modality, str] = {
    "pathology": "Slide",
    "clinical": "Clinical record",
    "genomic": "Gene expression",
    "mirna": "miRNA",
    "cnv": "Copy number",
}


def refused(key: str, error: SurvvizError) -> None:
    """The case is unlike the training cohort: no number, unless a person insists."""
    notices.problem(error)
    st.markdown("No estimate is shown, because the model has seen nothing like this case.")

    def insist() -> None:
        st.session_state["insisted"] = key

    st.button("Show the estimate all the same", icon=":material/warning:", on_click=insist)


def number(value: float) -> str:
    """Two decimals, with a real minus sign."""
    return f"{value:.2f}".replace("-", "−")


def risk_numbers(checkpoint: Checkpoint, prediction: Prediction) -> None:
    """Risk, percentile and group, with the chip that says what they are."""
    st.badge("Model estimate, not a prognosis", icon=":material/info:", color="orange")
    low, high = prediction.risk_per_fold.min(), prediction.risk_per_fold.max()
    meaning = "Log-hazard: 0.7 more is twice the hazard at every time."
    if checkpoint.baselines[0] is None:
        meaning = "Minus the sum of S(t) over the time bins."
    percentile, risk = st.columns(2)
    percentile.metric(
        f"Percentile in the {checkpoint.compared_with}",
        f"{prediction.percentile:.0f}",
        help="Share of these patients with a lower risk, each scored by a model that did not train on them.",
    )
    risk.metric("Risk (higher = worse)", number(prediction.risk), help=meaning)
    side = "above" if prediction.group == "high" else "below"
    spread = f"; models range from {number(low)} to {number(high)}" if len(prediction.folds) > 1 else "; one model"
    third = _third(checkpoint, prediction.risk)
    fixed = "fixed in training" if checkpoint.config.guarantee is None else "of the reference patients"
    st.caption(f"{prediction.group.capitalize()}-risk group: {side} the cut-off {fixed}{third}{spread}.")


def _third(checkpoint: Checkpoint, risk: float) -> str:
    tertiles = checkpoint.reference.tertiles
    if tertiles is None:
        return ""
    name = ("lower", "middle", "upper")[sum(risk > cutoff for cutoff in tertiles)]
    return f", in the {name} third of the {checkpoint.compared_with}"


def horizon_table(prediction: Prediction) -> None:
    """Survival at 1, 3 and 5 years, with spread, or why it is undefined."""
    rows = [
        {
            "Time": f"{horizon.months / 12:g} year{'s' * (horizon.months != 12)}",
            "Survival": "–" if horizon.survival is None else f"{horizon.survival:.0%}",
            "Spread over models": horizon.reason
            or ("one model" if horizon.spread is None else f"± {100 * horizon.spread:.0f} points"),
        }
        for horizon in prediction.horizons
    ]
    st.table(pd.DataFrame(rows).set_index("Time"))


def modalities(checkpoint: Checkpoint, prediction: Prediction) -> None:
    """What the model saw of this case, and what of all that it takes was missing."""
    preprocess = checkpoint.preprocess(0)
    names = {**NAMES, "pathology": "Pathology features"} if preprocess.ood.regions else NAMES
    with st.container(horizontal=True, gap="small"):
        for name in preprocess.modalities:
            used = name in prediction.present
            icon = ":material/check:" if used else ":material/remove:"
            st.badge(f"{names[name]}{'' if used else ' missing'}", icon=icon, color="blue" if used else "gray")


def group_curves(reference: Reference) -> dict[str, KaplanMeier]:
    """The cohort's curves of the low and the high group."""
    return {name: reference.curves[name] for name in ("low", "high") if name in reference.curves}


def _models(checkpoint: Checkpoint, prediction: Prediction) -> str:
    """Which models the estimate comes from, and whom they were trained on."""
    if (guarantee := checkpoint.config.guarantee) is not None:
        return (
            f"These are the reference patients; its one model was trained on {guarantee.patients:,} others "
            f"({guarantee.spec.bound})."
        )
    return (
        f"This estimate is the mean of {len(prediction.folds)} of its {checkpoint.n_folds} models, each trained on "
        "another part of them."
    )


def model_facts(checkpoint: Checkpoint, prediction: Prediction) -> None:
    """On how many patients, events and months of follow-up the model rests, and how well it ranks them."""
    reference, metrics = checkpoint.reference, checkpoint.reference.metrics
    st.subheader("What the model rests on", anchor=False)
    follow_up = reference.median_follow_up
    followed = f"median follow-up {follow_up:.0f} months" if follow_up else "median follow-up undefined"
    st.markdown(
        f"**{checkpoint.name}**: {reference.n_cases} patients, {reference.n_events} events, {followed}. "
        + _models(checkpoint, prediction)
    )
    if metrics.c_index is None:
        st.markdown(f"C-index on unseen patients: undefined. {metrics.reason}")
    else:
        interval = f" ({metrics.level:.0%} CI {metrics.low:.2f} to {metrics.high:.2f})" if metrics.low else ""
        st.markdown(f"C-index on unseen patients **{metrics.c_index:.2f}**{interval}; 0.5 would be chance.")
    if reference.clinic is not None:
        one = reference.clinic.pooled
        st.markdown(
            f"**{one.words.capitalize()}** alone (Cox on {', '.join(reference.clinic.fields)}): difference in C-index "
            f"{number(one.difference)} ({one.level:.0%} CI {number(one.low)} to {number(one.high)}), paired."
        )
    ratio = reference.estimates.get("observed_expected")
    if ratio is not None and ratio.value is not None:
        interval = "" if ratio.low is None else f" ({ratio.low:.2f} to {ratio.high:.2f})"
        st.markdown(f"Deaths by 3 years, observed over expected: **{ratio.value:.2f}**{interval}.")
