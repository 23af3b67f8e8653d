"""The same question over a whole cohort: on which modality and features the estimates rest, and whose on which."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.components import estimate, notices, why_results
from pages.components.cases import OpenCase
from pages.components.cohort_job import CohortJob
from pages.components.why_choice import METHODS, OF_MODALITIES, Choice
from pages.components.why_evidence import NO_FEATURES, percent
from survviz.errors import SurvvizError
from survviz.types import MODALITIES, RESEARCH_USE

if TYPE_CHECKING:
    from survviz.figures.beeswarm import Swarm
    from survviz.figures.shares import ShareRow
    from survviz.pipeline.explanation.attribution import CaseAttribution

JOB = CohortJob("attribution")
SHOWN = 12
NAMES: Mapping[str, str] = {**estimate.NAMES, "none": "No modality"}
SHARE_WORDS = (
    "The share of a modality in a patient is the size of what it adds, whichever way, over the sizes of what all "
    "modalities add, 0 where it was not measured; the bar is the mean over the patients, the whisker its 95 % interval "
    "(bootstrap over patients). "
    "It says on what this model's estimates rest, not what matters in the disease."
)
PUBLISHED = {"LIHC": (0.554, 0.446), "BRCA": (0.822, 0.178), "COADREAD": (0.339, 0.661)}
"""Cohort -> shares of the genomic and of the clinic branch in SurvPGC's Table 3."""
PUBLISHED_WORDS = (
    "These are not the numbers above: they are shares of the absolute attributions of one bin's *logit* over the "
    "*fused embeddings* of the two branches (integrated gradients from zero), not of the risk over what was measured. "
    "The released script also feeds the embeddings in another order than the one in which the head was trained, so "
    "that its two shares may not be those of the branches they are named after."
)


def show(case: OpenCase, choice: Choice) -> None:
    """Choose a cohort, follow the computation, see what came out."""
    if JOB.is_followed():
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        cohort = JOB.choose()
        if st.button("Weigh the whole cohort", icon=":material/play_arrow:", disabled=cohort is None) and cohort:
            JOB.start(cohort, method=choice.method, target=choice.target, baseline=choice.baseline)
    folder = JOB.result("What was computed is no longer on disk. Compute it again.")
    if folder is None:
        st.caption(
            "Every patient is explained by what is chosen above, each only by models that never saw them. It runs in "
            "the background, a second or less for most patients; you may leave this page and come back."
        )
        return
    _results(case, choice, folder)


@st.cache_data(show_spinner="Reading the cohort …", max_entries=8)
def _read(folder: str, stamp: float) -> tuple[dict[str, Any], pd.DataFrame, dict[str, list[dict[str, Any]]]]:
    """Document, table of patients, and the largest features of each level."""
    from survviz.pipeline.cohort.attribution_files import DOCUMENT, DRIVERS, SWARMS

    document = json.loads(Path(folder, DOCUMENT).read_text(encoding="utf-8"))
    drivers = pd.read_csv(Path(folder, DRIVERS), dtype={"case_id": str, "group": str}, keep_default_na=False,
                          na_values={name: [""] for name in ("share", *MODALITIES)})  # fmt: skip
    return document, drivers, json.loads(Path(folder, SWARMS).read_text(encoding="utf-8"))


def _results(case: OpenCase, choice: Choice, folder: Path) -> None:
    from survviz.pipeline.cohort.attribution_files import DOCUMENT

    document, drivers, features = _read(str(folder), (folder / DOCUMENT).stat().st_mtime)
    asked = Choice(document["target_name"], document["baseline"], document["method"])
    own = _own(case, asked)
    _say(document, asked, choice)
    shares, swarm = st.columns([2, 3], gap="large")
    with shares:
        _draw_shares(document, drivers, own)
    with swarm:
        st.subheader("The features that push most", anchor=False)
        _draw_features(document, features, own)
    _patients(document, drivers, case)
    _downloads(document, folder)


def _own(case: OpenCase, asked: Choice) -> CaseAttribution | None:
    """The open case, asked the same as the cohort."""
    try:
        return why_results.attribution_of(case, asked)
    except SurvvizError as error:
        notices.problem(error)
        return None


def _say(document: Mapping[str, Any], asked: Choice, choice: Choice) -> None:
    """What is shown, and whether the controls above ask something else by now."""
    st.markdown(
        f"**{document['checkpoint']}** on **{document['cohort']}**: what pushes the **{document['target']}** of "
        f"{document['n_cases']:,} patients, against the baseline *{document['baseline']}* "
        f"({document['baseline_words']}), by {METHODS[asked.method].lower()}."
    )
    n_left = len(document["left_out"])
    left = f" {n_left} left out; the first, {_first(document['left_out'])}" if n_left else ""
    gap = f"Largest gap in a model {percent(document['largest_gap'])} of the change."
    check = "Removals need not add up." if asked.method == "removal" else gap
    st.caption(f"Each patient is explained only by models that never saw them. {check}{left}")
    unused = choice.method in OF_MODALITIES  # such a method has no baseline to choose
    if asked != (replace(choice, baseline=asked.baseline) if unused else choice):
        st.info(
            "The choices above have changed since. Weigh the cohort again to see them here.", icon=":material/info:"
        )


def _first(left_out: Sequence[Mapping[str, str]]) -> str:
    return f"{left_out[0]['case_id']}: {left_out[0]['reason']}"


# ---- modalities


def _draw_shares(document: Mapping[str, Any], drivers: pd.DataFrame, own: CaseAttribution | None) -> None:
    from survviz.figures.shares import shares_figure

    st.subheader("Share of each modality", anchor=False)
    st.markdown(driven_words(list(drivers["driven_by"])))
    figure = shares_figure(share_rows(document["shares"], own))
    st.plotly_chart(figure, key="cohort-shares", config=_config("shares", document))
    st.caption(f"{'◆ this case. ' if own else ''}{SHARE_WORDS}")
    with st.expander("What was published for SurvPGC"):
        table = {name: [f"{100 * x:.1f} %" for x in pair] for name, pair in PUBLISHED.items()}
        st.table(pd.DataFrame(table, index=pd.Index(["Genomic branch", "Clinic branch"], name="Table 3")))
        st.caption(PUBLISHED_WORDS)


def driven_words(driven_by: Sequence[str]) -> str:
    """For example "Clinical record drives most patients: 231 of 341. Slide: 80; Gene expression: 30."."""
    counts = Counter(driven_by).most_common()
    (first, n), rest = counts[0], counts[1:]
    how_many = "most patients" if 2 * n > len(driven_by) else "the largest group"
    others = "; ".join(f"{NAMES[name]}: {count:,}" for name, count in rest)
    return f"**{NAMES[first]} drives {how_many}: {n:,} of {len(driven_by):,}.** {f'{others}.' if others else ''}"


def share_rows(shares: Sequence[Mapping[str, Any]], own: CaseAttribution | None) -> list[ShareRow]:
    """A row per modality, below it one per cancer type; the first group is of all patients."""
    from survviz.figures.shares import ShareRow

    everybody = shares[0]["group"]
    sizes = {one.modality: abs(one.value) for one in own.of("modality")} if own else {}
    total = sum(sizes.values())
    rows: list[ShareRow] = []
    for modality in MODALITIES:
        for row in (row for row in shares if row["modality"] == modality):
            head = row["group"] == everybody
            label = estimate.NAMES[modality] if head else f"{row['group']} ({row['n_cases']})"
            mine = sizes[modality] / total if head and total and modality in sizes else None
            rows.append(ShareRow(label, row["share"], row["low"], row["high"], mine, head))
    return rows


# ---- features


def _draw_features(
    document: Mapping[str, Any], features: Mapping[str, Sequence[Mapping[str, Any]]], own: CaseAttribution | None
) -> None:
    from survviz.figures.beeswarm import beeswarm_figure
    from survviz.pipeline.explanation.pieces import LEVELS

    there = [level for level in LEVELS if features.get(level)]
    if not there:
        st.caption(NO_FEATURES)
        return
    level = st.pills(
        "Kind of feature", there, default=there[0], format_func=LEVELS.__getitem__, key="cohort_features",
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    swarms = [swarm_of(one, level, own) for one in features[level][:SHOWN]]
    st.plotly_chart(
        beeswarm_figure(swarms, target=document["target"]), key="cohort-swarm", config=_config("beeswarm", document)
    )
    st.caption(
        "A dot is a patient, placed by what the feature adds and coloured by the patient's own value beside those of "
        "the cohort; grey where the value is no number. Largest mean size first." + (" ◆ this case." if own else "")
    )


def swarm_of(one: Mapping[str, Any], level: str, own: CaseAttribution | None) -> Swarm:
    """A feature as the picture takes it; own values in SD from the cohort's mean."""
    from survviz.figures.beeswarm import Swarm

    numbers = np.array(one["own_numbers"], dtype=np.float64)  # None becomes NaN
    known = numbers[np.isfinite(numbers)]
    spread = known.std() if len(known) > 1 else 0.0
    standing = (numbers - known.mean()) / spread if spread > 0 else np.full(len(numbers), np.nan)
    pieces = own.pieces if own else ()
    marked = next((piece.value for piece in pieces if (piece.level, piece.name) == (level, one["name"])), None)
    return Swarm(one["name"], np.array(one["values"]), standing, one["case_ids"], one["own"], marked)


# ---- patients


def _patients(document: Mapping[str, Any], drivers: pd.DataFrame, case: OpenCase) -> None:
    """The patients by the modality that drives them, the open case marked."""
    st.subheader("Which patients are driven by which modality", anchor=False)
    table = patients_table(drivers, document["target"], case.case.case_id)
    numbers = {name: st.column_config.NumberColumn(format="%.2f") for name in table.select_dtypes("number")}
    st.dataframe(table, hide_index=True, width="stretch", column_config=numbers, placeholder="–")
    st.caption("Sort by a column, or search, above the table. – was not measured.")


def patients_table(drivers: pd.DataFrame, target: str, case_id: str) -> pd.DataFrame:
    """For reading: the open case first, then by modality, the largest shares first."""
    ordered = drivers.assign(open=drivers["case_id"] != case_id).sort_values(
        ["open", "driven_by", "share"], ascending=[True, True, False], kind="stable"
    )
    columns: dict[str, Any] = {
        "Patient": [f"{name} ◆" if name == case_id else name for name in ordered["case_id"]],
        "Cancer type": ordered["group"].to_list(),
        "Driven by": [NAMES[name] for name in ordered["driven_by"]],
        "Share": ordered["share"].to_list(),
        target.capitalize(): ordered["output"].to_list(),
    }
    if not any(columns["Cancer type"]):
        del columns["Cancer type"]
    for name in MODALITIES:
        if name in ordered:
            columns[f"{estimate.NAMES[name]} adds"] = ordered[name].to_list()
    return pd.DataFrame(columns)


def _downloads(document: Mapping[str, Any], folder: Path) -> None:
    from survviz.pipeline.cohort.attribution_files import BY_CASE, DRIVERS, FEATURES, SHARES

    names = {"Patients (CSV)": DRIVERS, "Shares (CSV)": SHARES, "Features (CSV)": FEATURES, "Everything (CSV)": BY_CASE}
    with st.container(horizontal=True):
        for words, name in names.items():
            path = folder / name
            if path.stat().st_size:
                st.download_button(
                    words, path.read_bytes, f"{_stem(document)}_{name}", "text/csv", icon=":material/download:",
                    on_click="ignore",
                )  # fmt: skip
    st.caption(RESEARCH_USE)


def _stem(document: Mapping[str, Any]) -> str:
    words = f"{document['checkpoint']}_{document['cohort']}_{document['target_name']}"
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in words)


def _config(what: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """As other figures, with a vector file behind the camera."""
    options = {"format": "svg", "filename": f"{what}_{_stem(document)}"}
    return estimate.PLOT_CONFIG | {"toImageButtonOptions": options}
