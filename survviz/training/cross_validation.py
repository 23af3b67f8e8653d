"""Cross-validation: one model per fold, every case scored by the one model that never saw it."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from survviz.checkpoint import FoldScore, Reference, save_checkpoint
from survviz.checkpoint.layout import RUN_LOG
from survviz.checkpoint.writing import new_folder
from survviz.data.cohort import Cohort
from survviz.data.splits import stratified_kfold
from survviz.errors import InputError
from survviz.models import model_class, model_config
from survviz.training.config import TrainConfig
from survviz.training.fitting import EpochScore
from survviz.training.fold import FoldResult, run_fold
from survviz.training.run_log import RunLog
from survviz.types import MODALITIES, Case, Modality, Progress

PATHS = ("text_weights", "templates", "programmes")


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What cross-validation found.

    Attributes:
        reference: out-of-fold risks, curves and metrics (pooled and per fold).
        risks: index case_id; columns risk, fold, time, event; every risk comes from the fold that tested the case.
        excluded: cases that have none of the model's modalities.
        folder: the checkpoint that was written, if one was asked for.
    """

    reference: Reference
    risks: pd.DataFrame
    excluded: tuple[str, ...]
    seconds: float
    folder: Path | None

    @property
    def c_index(self) -> float | None:
        """Pooled out-of-fold C-index; None where it is undefined."""
        return self.reference.metrics.c_index

    @property
    def folds(self) -> tuple[FoldScore, ...]:
        """Each fold's own result."""
        return self.reference.metrics.folds


def cross_validate(
    cohort: Cohort,
    config: TrainConfig,
    out: str | Path | None = None,
    *,
    purpose: str = "research",
    device: str = "cpu",
    progress: Progress | None = None,
) -> TrainReport:
    """Train `config.n_folds` models on disjoint patients, and write them as one checkpoint.

    Per fold, preprocessing and time bins are fitted on the training part, the epoch is chosen on the inner validation
    part, and the test part is scored once. The cohort's holdout cases are never touched. The same cohort, settings and
    machine give the same weights.

    Args:
        out: checkpoint folder to write; None keeps only the report.
        purpose: what the checkpoint is for, in words; it heads the card.
        device: torch device; "auto" takes a GPU if there is one.
        progress: called after every epoch with (epochs done, epochs of all folds).

    Raises:
        InputError: the cohort cannot be split or prepared this way, or the settings do not fit the model.
    """
    started = clock.perf_counter()
    modalities = modalities_read(config)
    cases, excluded = _usable_cases(cohort, modalities)
    splits = stratified_kfold(
        list(cases), cohort.event.loc[list(cases)], n_folds=config.n_folds, inner_val=config.inner_val, seed=config.seed
    )
    with ExitStack() as stack:
        staging = stack.enter_context(new_folder(out)) if out is not None else None
        log = stack.enter_context(RunLog(staging / RUN_LOG if staging else None))
        log.write(
            "start", cohort=cohort.name, n_cases=len(cases), excluded=len(excluded), config=without_folders(config)
        )
        folds = []
        for index, split in enumerate(splits):
            result = run_fold(
                cohort,
                config,
                split,
                modalities=modalities,
                cases=cases,
                seed=config.seed * 1000 + index,
                device=_device(device),
                on_epoch=_after_epoch(log, config, index, progress),
            )
            log.write("fold", fold=index, **result.score.model_dump())
            folds.append(result)
        risks = _out_of_fold(cohort, folds)
        time, event = risks["time"].to_numpy(), risks["event"].to_numpy()
        reference = Reference.of(risks["risk"].to_numpy(), time, event, tuple(fold.score for fold in folds))
        log.write("end", metrics=reference.metrics.model_dump(exclude={"folds"}))
        if staging is not None and out is not None:
            _save(staging, Path(out).resolve().name, cohort, config, purpose, folds, reference, risks)
    folder = Path(out) if out is not None else None
    return TrainReport(reference, risks, excluded, clock.perf_counter() - started, folder)


def modalities_read(config: TrainConfig) -> tuple[Modality, ...]:
    """What the model will read, checked before anything is loaded."""
    settings = model_config(config.model)
    taken: tuple[Modality, ...] = settings.model_fields["modalities"].default
    if config.modalities is not None:
        unknown = [name for name in config.modalities if name not in settings.takes()]
        if unknown:
            raise InputError(f"Model {config.model!r} reads {', '.join(settings.takes())}, not {', '.join(unknown)}.")
        taken = tuple(name for name in MODALITIES if name in config.modalities)
    if config.beta and not {"clinical", "genomic"} <= set(taken):
        raise InputError("The cosine term (beta above 0) needs both clinical and genomic data; set beta to 0.")
    return taken


def _usable_cases(cohort: Cohort, modalities: tuple[Modality, ...]) -> tuple[dict[str, Case], tuple[str, ...]]:
    """Cases outside the holdout that have something for the model to read; each is read once and kept in memory."""
    cases, excluded = {}, []
    for case_id in cohort.case_ids:
        if case_id in cohort.holdout:
            continue
        case = cohort.case(case_id, bags="pathology" in modalities)
        has = {
            "pathology": any(len(bag) for bag in case.bags) or case.regions is not None,
            "clinical": case.clinical is not None,
            "genomic": case.rna is not None or case.genomic_tokens is not None,
            "mirna": case.mirna is not None,
            "cnv": case.cnv is not None,
        }
        if any(has[name] for name in modalities):
            cases[case_id] = case
        else:
            excluded.append(case_id)
    if not cases:
        raise InputError(f"No case of cohort {cohort.name!r} has {' or '.join(modalities)} data to train on.")
    return cases, tuple(excluded)


def _after_epoch(
    log: RunLog, config: TrainConfig, fold: int, progress: Progress | None
) -> Callable[[EpochScore], None]:
    steps = len(config.ridges) if model_class(config.model).convex else config.epochs

    def report(scored: EpochScore) -> None:
        log.write("epoch", fold=fold, **asdict(scored))
        if progress:
            progress(fold * steps + scored.epoch, config.n_folds * steps)

    return report


def _out_of_fold(cohort: Cohort, folds: list[FoldResult]) -> pd.DataFrame:
    tests = [fold.test for fold in folds]
    risk = (
        pd.concat([pd.Series(one.risk, index=list(one.case_ids)) for one in tests]).rename_axis("case_id").sort_index()
    )
    fold_of = pd.Series({case_id: index for index, one in enumerate(tests) for case_id in one.case_ids})
    return pd.DataFrame(
        {
            "risk": risk,
            "fold": fold_of.loc[risk.index],
            "time": cohort.time.loc[risk.index].astype(float),
            "event": cohort.event.loc[risk.index].astype(bool),
        }
    )


def _save(
    staging: Path,
    name: str,
    cohort: Cohort,
    config: TrainConfig,
    purpose: str,
    folds: list[FoldResult],
    reference: Reference,
    risks: pd.DataFrame,
) -> None:
    save_checkpoint(
        staging,
        name=name,
        model=config.model,
        settings=[fold.settings for fold in folds],
        states=[fold.fitted.state for fold in folds],
        baselines=[fold.baseline for fold in folds],
        preprocesses=[fold.preprocess for fold in folds],
        reference=reference,
        test_fold={str(case_id): int(fold) for case_id, fold in risks["fold"].items()},
        purpose=purpose,
        cohort=cohort.name,
        training=without_folders(config),
    )


def without_folders(config: TrainConfig) -> dict[str, Any]:
    """The settings for the record; of a file only its name, since folders say more about the machine than the run."""
    document = config.model_dump(mode="json")
    files = {name: Path(str(document["preprocess"][name])).name for name in PATHS if name in document["preprocess"]}
    return {**document, "preprocess": {**document["preprocess"], **files}}


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
