"""The leaderboard of the benchmark: ours on shared splits, and under their own heading the numbers of others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.components import session

RESULTS = session.ROOT / "benchmarks" / "results"
SCORES = {
    "harrell_c": "C (95 % CI)", "uno_c": "Uno C", "iauc": "iAUC", "auc_36": "AUC 3 y", "ibs": "IBS",
}  # fmt: skip


@st.cache_data(show_spinner="Reading the benchmark …")
def boards() -> dict[str, dict[str, Any]]:
    """Suite -> its results; none where the app runs without the benchmark's folder."""
    found = {}
    for path in sorted(RESULTS.glob("*.json")) if RESULTS.is_dir() else ():
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and {"suite", "cohorts"} <= document.keys():
            found[document["suite"]] = document
    return found


def show() -> None:
    """Choose a cohort of the benchmark, see who did how on it."""
    found = {f"{one['title']} ({suite})": (board, one) for suite, board in boards().items() for one in board["cohorts"]}
    if not found:
        st.info("The results of the benchmark are not beside this installation.", icon=":material/info:")
        return
    label = st.selectbox("Cohort of the benchmark", list(found), key="board", width=420)
    _, cohort = found[label]
    st.markdown(f"**{cohort['n']:,} patients, {cohort['n_events']:,} events.** {cohort['plan']}.")
    wide = {"Entry": st.column_config.TextColumn(width=240)}
    st.dataframe(ours(cohort["rows"]), hide_index=True, width="stretch", column_config=wide)
    st.caption(
        "Mean of the test folds; interval by the corrected resampled variance (Nadeau and Bengio). Protocol *nested*: "
        "epoch and penalty were chosen on inner validation patients, never on tested ones. Δ: difference in fold C to "
        "Cox on clinic, p by Holm over the models."
    )
    if cohort["published"]:
        st.markdown("##### Published; other patients, other splits: not comparable with ours")
        st.dataframe(published(cohort["published"]), hide_index=True, width="stretch")
        st.caption("*Test-selected*: the epoch that is best on the test patients was reported; such numbers are high.")


def ours(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per entry, the best C first."""
    done = [row for row in rows if row["status"] == "done"]
    done.sort(key=lambda row: -(row["scores"].get("harrell_c", {}).get("value") or 0))
    columns: dict[str, list[str]] = {"Entry": [row["name"] for row in done]}
    columns["Protocol"] = [row["protocol"] for row in done]
    for name, words in SCORES.items():
        columns[words] = [_score(row["scores"].get(name), name == "harrell_c") for row in done]
    columns["Δ to clinic"] = [_gap((row["against"] or {}).get("clinic")) for row in done]
    columns["CPU s per fold"] = [f"{row['seconds']:.1f}" for row in done]
    return pd.DataFrame(columns)


def published(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per number, as printed, with how it was selected and where it stands."""
    return pd.DataFrame({
        "System": [row["system"] for row in rows],
        "Value": [_printed(row) for row in rows],
        "Metric": [row["metric"] for row in rows],
        "Protocol": [row["protocol"] for row in rows],
        "Splits": [row["splits"] for row in rows],
        "Source": [row["source"] for row in rows],
    })  # fmt: skip


def _printed(row: Mapping[str, Any]) -> str:
    spread = "" if row["spread"] is None else f" ± {row['spread']:.3f} ({row['spread_kind']})"
    return f"{row['value']:.3f}{spread}"


def _score(one: Mapping[str, Any] | None, with_limits: bool) -> str:
    if not one or one.get("value") is None:
        return "–"
    ends = f" ({one['low']:.3f} to {one['high']:.3f})" if with_limits and one.get("low") is not None else ""
    return f"{one['value']:.3f}{ends}"


def _gap(one: Mapping[str, Any] | None) -> str:
    if not one or one.get("difference") is None:
        return "–"
    p = one["p_holm"] if one["p_holm"] is not None else one["p"]
    return f"{one['difference']:+.3f}" + ("" if p is None else f", p {'< 0.001' if p < 0.001 else f'{p:.3f}'}")
