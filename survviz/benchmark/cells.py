"""A cell: one entry, fitted and tested on one fold of one cohort. Its key says all that it depends on."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from survviz.benchmark.content import Known, digest, file_digest
from survviz.benchmark.predictions import FoldPredictions
from survviz.data.cohort import Cohort, load_cohort
from survviz.data.remote_cohort import at_worker
from survviz.data.split_plans import protocol_of
from survviz.data.splits import NamedSplit
from survviz.models import model_class
from survviz.models.blocks.linear import LinearModel
from survviz.training import TrainConfig
from survviz.training.fold import run_fold
from survviz.training.record import PATHS
from survviz.training.tuning import tune_fold
from survviz.types import Case, Modality

TRAINING_VERSION = 2
"""Counted up by whoever changes preprocessing, training or a model in a way that changes results: old cells expire."""

NOT_OF_A_FOLD = ("n_folds", "inner_val", "seed", "splits", "threads")
"""Training settings that the suite's plan decides."""

OF_LINEAR_MODELS = {
    "model", "model_settings", "modalities", "preprocess", "n_bins", "loss", "ties", "alpha", "ridges", "choose_by",
    "search",
}  # fmt: skip
"""What the fit of a linear model depends on; the settings of the optimiser are for networks."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a worker needs to make one.

    Attributes:
        key: SHA-256 of everything that the result depends on.
        cohort_digest: content of the cohort's files.
        seed: of weights, order, patches and dropout.
        address: where the cohort's folder was copied from, for machines that do not see the copy.
    """

    key: str
    folder: Path
    cohort_digest: str
    config: TrainConfig
    modalities: tuple[Modality, ...]
    planned: NamedSplit
    seed: int
    address: str | None = None


def make_cell(
    folder: Path,
    cohort_digest: str,
    config: TrainConfig,
    modalities: tuple[Modality, ...],
    planned: NamedSplit,
    *,
    suite_seed: int,
    known: Known,
) -> Cell:
    """A cell and its key.

    Args:
        known: hashes of files; the settings may name some (gene sets, templates, text encoders).
    """
    seed = (suite_seed * 1000 + planned.repeat) * 1000 + planned.fold
    split = planned.split
    key = digest(
        {
            "version": TRAINING_VERSION,
            "cohort": cohort_digest,
            "settings": _settings(config, known),
            "modalities": modalities,
            "train": sorted(split.train),
            "val": sorted(split.val),
            "test": sorted(split.test),
            "seed": seed,
        }
    )
    return Cell(key, folder, cohort_digest, config, modalities, planned, seed)


def run_cell(cell: Cell) -> FoldPredictions:
    """Fit and test, after the search of the settings if there is one; the only place where a benchmark trains."""
    started = clock.process_time()
    cohort, cases = _cohort(cell.folder, cell.address, cell.cohort_digest, "pathology" in cell.modalities)
    split = cell.planned.split
    ids = (*split.train, *split.val, *split.test)
    for case_id in ids:
        if case_id not in cases:
            cases[case_id] = cohort.case(case_id, bags="pathology" in cell.modalities)
    shared = {"modalities": cell.modalities, "cases": cases, "seed": cell.seed}
    config = cell.config if cell.config.search is None else tune_fold(cohort, cell.config, split, **shared).config
    result = run_fold(cohort, config, split, **shared)
    return FoldPredictions(
        repeat=cell.planned.repeat,
        fold=cell.planned.fold,
        case_ids=result.test.case_ids,
        risk=result.test.risk,
        times=result.test.times,
        survival=result.test.survival,
        seen_ids=tuple(result.seen_risk),
        seen_risk=np.array(list(result.seen_risk.values()), dtype=np.float64),
        seconds=clock.process_time() - started,
        epoch=result.score.epoch,
        protocol=protocol_of(cell.config.choose_by, len(split.val) / len(result.seen_risk)),
    )


@lru_cache(maxsize=2)
def _cohort(folder: Path, address: str | None, _digest: str, _bags: bool) -> tuple[Cohort, dict[str, Case]]:
    """A cohort and the cases of it that this worker has read."""
    return load_cohort(at_worker(folder, address)), {}


def _settings(config: TrainConfig, known: Known) -> dict[str, Any]:
    """The settings that matter to a fold, with the content of every file that they name in place of its path."""
    linear = issubclass(model_class(config.model), LinearModel)
    document = config.model_dump(mode="json", exclude=set(NOT_OF_A_FOLD), include=OF_LINEAR_MODELS if linear else None)
    files = {
        name: _content(Path(document["preprocess"][name]), known) for name in PATHS if document["preprocess"].get(name)
    }
    return {**document, "preprocess": {**document["preprocess"], **files}}


def _content(path: Path, known: Known) -> str:
    if path.is_dir():
        return digest({one.name: file_digest(one, known) for one in path.rglob("*") if one.is_file()})
    return file_digest(path, known)
