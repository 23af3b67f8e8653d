"""What to train: a model that the open cohort can feed, a protocol, and how long that will take here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.components import estimate, session, train_runs
from pages.components.cohort_list import CohortEntry, read_cohort
from pages.components.owner import current_owner
from survviz.errors import InputError, SurvvizError
from survviz.server.folders import own_checkpoints
from survviz.types import MODALITIES, Modality

if TYPE_CHECKING:
    from survviz.data.cohort import Cohort

PREFERRED = "survpgc"
BY_PATIENT, BY_SITE, BY_FILE = "k-fold", "site", "file"
PROTOCOLS = {BY_PATIENT: "k-fold by patient", BY_SITE: "Whole sites left out", BY_FILE: "Published split file"}
CHOOSE = {
    "loss": "Lowest loss on the inner validation part",
    "c-index": "Highest C-index on the inner validation part",
    "last": "The last one, fixed beforehand",
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
TIMES = session.ROOT / "benchmarks" / "results" / "models.json"
"""Milliseconds per case, one CPU thread, bags of about a hundred patches."""
SLOW_S = 600


@st.cache_data(show_spinner="Listing the models …")
def models() -> dict[str, dict[str, Any]]:
    """Name -> what the registry says of it."""
    from survviz.models.describe import describe_all

    return {one["name"]: one for one in describe_all()}


def available(cohort: Cohort) -> tuple[Modality, ...]:
    """What any case of a cohort has."""
    has = {
        "pathology": bool(cohort.features) or cohort.regions is not None,
        "clinical": bool(cohort.fields),
        "genomic": cohort.rna is not None or bool(cohort.token_files),
        "mirna": cohort.mirna is not None,
        "cnv": cohort.cnv is not None,
    }
    return tuple(name for name in MODALITIES if has[name])


def show(entry: CohortEntry) -> None:
    """The form, the estimate, and the button."""
    cohort = read_cohort(entry)
    there = available(cohort)
    usable = [name for name, one in models().items() if reads(one) & set(there)]
    if not usable:
        st.info("This cohort has nothing that a model reads: no slides, fields or tables.", icon=":material/info:")
        return
    first, second = st.columns(2, gap="large")
    with first:
        model = st.selectbox(
            "Model", usable, index=usable.index(PREFERRED) if PREFERRED in usable else 0, key="train_model",
            format_func=lambda name: f"{models()[name]['title']} ({name})",
        )  # fmt: skip
        one = models()[model]
        st.caption(f"{one['paper']}. {one['parameters']:,} parameters at published sizes. Licence: {one['licence']}.")
        offered = [name for name in there if name in reads(one)]
        chosen = st.pills(
            "Reads", offered, selection_mode="multi", default=offered, key=f"train_reads_{model}_{entry.id}",
            format_func=lambda name: estimate.NAMES[name],
        )  # fmt: skip
        name = st.text_input("Name of the checkpoint", f"{entry.id}-{model}"[:60], key=f"train_name_{model}_{entry.id}")
        purpose = st.text_input("What it is for", f"research: survival in {entry.name}", key=f"train_for_{entry.id}")
    with second:
        settings = {"model": model, "modalities": list(chosen), **protocol(entry, cohort)}
    _say_time(cohort, settings)
    if st.button("Train", type="primary", icon=":material/model_training:", key="train", disabled=not chosen):
        try:
            train_runs.start(entry, name.strip(), _checked(name.strip(), settings), purpose.strip() or "research")
        except SurvvizError as error:
            st.error(str(error), icon=":material/error:")


def reads(model: Mapping[str, Any]) -> set[str]:
    """Modalities that a model takes."""
    return {one["modality"] for one in model["inputs"]}


def protocol(entry: CohortEntry, cohort: Cohort) -> dict[str, Any]:
    """Folds, how the epoch is chosen, and what may be tuned; as of `TrainConfig`."""
    files = split_files(entry.folder)
    kinds = [BY_PATIENT, *([BY_SITE] if has_sites(cohort) else []), *([BY_FILE] if files else [])]
    kind = st.selectbox("Folds", kinds, format_func=PROTOCOLS.__getitem__, key=f"train_kind_{entry.id}")
    splits: dict[str, Any] = {"kind": kind}
    with st.container(horizontal=True):
        if kind == BY_FILE:
            splits["file"] = st.selectbox("File", files, key=f"train_file_{entry.id}")
        else:
            splits["n_folds"] = int(st.number_input("Number of folds", 2, 20, 5, key="train_folds"))
        epochs = int(st.number_input("Epochs, at most", 1, 500, 40, key="train_epochs"))
        seed = int(st.number_input("Seed", 0, 10**6, 0, key="train_seed"))
    choose = st.selectbox("Epoch that is kept", list(CHOOSE), format_func=CHOOSE.__getitem__, key="train_choose")
    trials = int(st.number_input(
        "Settings tried in each fold", 0, 100, 0, key="train_trials",
        help="A seeded random search over learning rate and weight decay, inside the training part; 0 = none.",
    ))  # fmt: skip
    chosen = "is fixed beforehand" if choose == "last" else "is chosen inside the training patients"
    st.caption(f"Each fold is tested once, on patients who chose nothing. The epoch {chosen}.")
    found = {"splits": {**splits, "seed": seed}, "epochs": epochs, "seed": seed, "choose_by": choose}
    return found | ({"search": {"trials": trials}} if trials > 1 else {})


def split_files(folder: Path) -> list[str]:
    """Split files of a cohort, relative to its folder."""
    root = folder / "splits"
    return sorted(f"splits/{path.name}" for path in root.iterdir() if path.name[0] != ".") if root.is_dir() else []


def has_sites(cohort: Cohort) -> bool:
    """Whether sites can be told: TCGA barcodes of more than two."""
    from survviz.data.barcodes import tcga_site

    return len({tcga_site(case) for case in cohort.case_ids} - {None}) > 2


def _checked(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that training takes, for a name that is free.

    Raises:
        InputError: the name is none, or taken; or a setting is not allowed.
    """
    from survviz.cli.training import train_config

    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a checkpoint; use letters, digits, points, underscores and hyphens.")
    if name in session.checkpoint_folders() or (own_checkpoints(current_owner()) / f"{name}.partial").exists():
        raise InputError(f"There is a checkpoint {name!r} already, or one in the making. Choose another name.")
    train_config(dict(settings))
    return settings


# ---- time


def seconds(cohort: Cohort, settings: Mapping[str, Any]) -> float | None:
    """About how long a run takes on one CPU thread, by what was measured of its model; None where it was not."""
    if not TIMES.is_file():
        return None
    measured = {one["name"]: one for one in json.loads(TIMES.read_text(encoding="utf-8"))["models"]}
    one = measured.get(settings["model"])
    if one is None:
        return None
    times = 1.0
    if one["patches"] and "pathology" in settings["modalities"]:
        times = max(1.0, min(_patches(cohort), 4096) / one["patches"])
    fits = settings["splits"].get("n_folds", 5) * (1 + settings.get("search", {}).get("trials", 0))
    cases = len(cohort) - len(cohort.holdout)
    return fits * settings["epochs"] * cases * times * (0.7 * one["ms_train"] + 0.15 * one["ms_score"]) / 1000


def _patches(cohort: Cohort) -> float:
    """Patches of a case, by the first few that have some."""
    some = [case for case in cohort.case_ids[:40] if any(slide in cohort.features for slide in cohort.slide_ids(case))]
    counts = [sum(map(len, cohort.bags(case))) for case in some[:5]]
    return sum(counts) / len(counts) if counts else 0.0


def _say_time(cohort: Cohort, settings: Mapping[str, Any]) -> None:
    try:
        expected = seconds(cohort, settings)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return
    where = session.device_name()
    if where.startswith("GPU"):
        st.caption(f":material/memory: Trains on the {where}.")
    elif expected is None:
        st.caption(":material/memory: CPU only. How long it takes shows after the first epochs.")
    else:
        words = f"CPU only: estimated {train_runs.duration(expected)}, by one thread of another machine."
        (st.warning if expected > SLOW_S else st.caption)(f":material/schedule: {words}")
