"""C-index against epsilon, from real runs: central training with DP-SGD, and noised releases of single records."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.estimate import PLOT_CONFIG
from pages.components.privacy_results import missing, result
from survviz.figures.epsilon_curves import EpsilonLine, EpsilonPoint, epsilon_figure
from survviz.privacy.spec import NO_FINITE_EPSILON

POOLED, WITHIN = "Over all patients", "Within cancer types"
SIDES = {POOLED: "pooled", WITHIN: "within"}
RECIPE = "published recipe"
TYPE_ALONE = "cancer type alone"


def show() -> None:
    """Both prices, under one choice of what is ranked."""
    side = SIDES[
        st.segmented_control(
            "Patients are ranked", list(SIDES), default=POOLED, key="ranked", bind="query-params", required=True,
            help="Over all patients the C-index is mostly the cancer type. Within types it is not.",
        )
        or POOLED
    ]  # fmt: skip
    training(side)
    local(side)


def training(side: str) -> None:
    """Models that were trained with a guarantee for their training patients."""
    found = result("private_training")
    st.subheader("Price of protecting the patients of the training", anchor=False)
    if found is None:
        missing("private_training", "The C-index of privately trained models is")
        return
    floors = {one["name"]: one[side]["value"] for one in found["baselines"]}
    useless = floors.pop(TYPE_ALONE)
    words = "useless: no better than the cancer type alone" if side == "pooled" else "useless: no better than chance"
    figure = epsilon_figure(
        training_lines(found, side), title="C-index of the validation patients", useless=(useless, words), floors=floors
    )
    st.plotly_chart(figure, key="training-curve", config=PLOT_CONFIG)
    st.caption(f"{found['protocol']} Crosses: single seeds. Dotted: fitted without privacy on the same patients.")
    with st.expander("Published numbers, with their protocols"):
        columns = {"name": "Model", "value": "C-index", "patients": "Patients", "protocol": "Protocol"}
        table = pd.DataFrame(found["published"]).rename(columns=columns).set_index("Model")
        st.table(table.assign(**{"C-index": [f"{value:.3f}" for value in table["C-index"]]}))


def training_lines(found: dict[str, Any], side: str) -> list[EpsilonLine]:
    """One line per trained model, mean over seeds, with each seed beside it."""
    lines = []
    for colour, arm in enumerate(dict.fromkeys(row["arm"] for row in found["summary"])):
        points = []
        for row in (row for row in found["summary"] if row["arm"] == arm):
            own = [cell for cell in found["cells"] if (cell["arm"], cell["epsilon"]) == (arm, row["epsilon"])]
            runs = tuple(cell[side]["value"] for cell in own) if len(own) > 1 else ()
            points.append(replace(point(row, side), runs=runs))
        lines.append(EpsilonLine(arm, tuple(points), colour))
    return lines


def local(side: str) -> None:
    """Released records of single patients."""
    found = result("local_release")
    st.subheader("Price of protecting the patient entered now", anchor=False)
    if found is None:
        missing("local_release", "The C-index under noised records is")
        return
    with st.container(horizontal=True):
        noises = list(dict.fromkeys(row["noise"] for row in found["rows"] if row["noise"] != "none"))
        noise = st.segmented_control(
            "Noise", noises, default=noises[0], key="noise", bind="query-params", format_func=named, required=True
        )
        reader = st.segmented_control(
            "The reader was trained on",
            ["clean", "retrained"],
            default="clean",
            key="reader",
            bind="query-params",
            format_func=lambda name: {"clean": "clean records", "retrained": "noised records"}[name],
            required=True,
        )
    sets = list(dict.fromkeys(row["set"] for row in sorted(found["rows"], key=lambda row: row["coordinates"])))
    chosen = st.multiselect(
        "Released",
        sets,
        default=[name for name in sets if "," not in name],
        key="released",
        bind="query-params",
        help="The model's risk, or some coordinates of the record; the widest is what papers noise.",
    )
    lines = local_lines(found["rows"], side, str(noise), str(reader), chosen)
    if not lines:
        st.info("No run of this kind is there yet.", icon=":material/hourglass_empty:")
        return
    chance = chance_end(found["rows"], side, found["chance"])
    figure = epsilon_figure(
        lines, title="C-index of the validation patients", useless=(chance, "useless: no better than chance")
    )
    st.plotly_chart(figure, key="local-curve", config=PLOT_CONFIG)
    if noise == RECIPE:
        st.warning(
            f"These numbers are nominal: {NO_FINITE_EPSILON} holds for the published recipe (*Noise* says why).",
            icon=":material/all_inclusive:",
        )
    st.caption(f"{found['protocol']} Solid: equal shares; dashed: shares by relevance. Shaded: intervals reach 0.5.")


def named(noise: str) -> str:
    """A kind of noise with its label where it has no bound."""
    return f"Published recipe ({NO_FINITE_EPSILON})" if noise == RECIPE else noise


def local_lines(rows: list[dict[str, Any]], side: str, noise: str, reader: str, chosen: list[str]) -> list[EpsilonLine]:
    """One line per chosen set of coordinates and way of dealing epsilon, the small releases first."""
    sets = list(dict.fromkeys((row["coordinates"], row["set"]) for row in sorted(rows, key=lambda r: r["coordinates"])))
    clean = {row["set"]: point(row, side) for row in rows if row["noise"] == "none"}
    lines = []
    for colour, (coordinates, name) in enumerate(sets):
        if name not in chosen:
            continue
        own = [row for row in rows if (row["set"], row["noise"], row["reader"]) == (name, noise, reader)]
        for shares in dict.fromkeys(row["shares"] for row in own):
            points = [point(row, side) for row in own if row["shares"] == shares]
            how = "" if shares == "uniform" else f", shares by {shares} relevance"
            label = f"{name}{how}" if str(coordinates) in name else f"{name} ({coordinates}){how}"
            more = (clean[name],) if name in clean and reader == "clean" else ()
            lines.append(EpsilonLine(label, (*points, *more), colour, "solid" if shares == "uniform" else "dash"))
    return lines


def point(row: dict[str, Any], side: str) -> EpsilonPoint:
    """One row of the file."""
    epsilon = math.inf if row["epsilon"] is None else row["epsilon"]
    return EpsilonPoint(epsilon, row[side]["mean"], row[side]["low"], row[side]["high"])


def chance_end(rows: list[dict[str, Any]], side: str, chance: float) -> float:
    """Largest mean whose interval still reaches chance: up to there nothing is told."""
    return max((row[side]["mean"] for row in rows if row[side]["low"] <= chance), default=chance)
