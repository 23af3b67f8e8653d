"""Cross-validation: one model per fold, every case scored by the one model that never saw it."""

from __future__ import annotations

import shutil
import time as clock
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from survviz.checkpoint import FoldScore, Reference, save_checkpoint
from survviz.checkpoint.layout import RUN_LOG
from survviz.checkpoint.membership import IN_EVERY_FOLD
from survviz.checkpoint.points import fit_points, members
from survviz.checkpoint.writing import check_target, new_folder
from survviz.data.cohort import Cohort
from survviz.data.genes import shorten
from survviz.data.splits import Split, stratified_kfold
from survviz.errors import InputError
from survviz.models import model_config
from survviz.training.centring import centred
from survviz.training.choosing import EpochScore
from survviz.training.config import TrainConfig
from survviz.training.fold import FoldResult, run_fold
from survviz.training.out_of_fold import against_clinic, curves_of, out_of_fold, reference_of
from survviz.training.processes import World, local_device
from survviz.training.record import identity, without_folders
from survviz.training.run_folder import RunFolder, open_run
from survviz.training.search import Search
from survviz.training.steps import Steps
from survviz.training.tuning import Trial, Tuned, documents, tune_fold
from survviz.types import MODALITIES, Case, Modality, Progress


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What cross-validation found.

    Attributes:
        reference: out-of-fold risks, curves and metrics (pooled and per fold).
        risks: index case_id; columns risk, fold, time, event; every risk comes from the fold that tested the case.
        excluded: cases that have none of the model's modalities.
        folder: the checkpoint that was written, if one was asked for.
        tuned: of each fold, what a search tried and chose.
    """

    reference: Reference
    risks: pd.DataFrame
    excluded: tuple[str, ...]
    seconds: float
    folder: Path | None
    tuned: tuple[Mapping[str, Any], ...] = ()

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
    sections: Mapping[str, str] | None = None,
    beside_clinic: bool = False,
    device: str = "cpu",
    progress: Progress | None = None,
    restart: bool = False,
    tensorboard: str | Path | None = None,
) -> TrainReport:
    """Train one model per fold, tested on disjoint patients, and write them as one checkpoint.

    Per fold, preprocessing and time bins are fitted on the training part, the epoch (and what `config.search` names) is
    chosen on the inner validation part, and the test part is scored once. The cohort's holdout cases are never touched.
    The same cohort, settings and machine give the same weights, also when the run was killed and started again.

    Args:
        out: checkpoint folder to write; None keeps only the report. Until then the run is kept in `OUT.partial`.
        purpose: what the checkpoint is for, in words; it heads the card.
        sections: title -> text of further sections of the card; "Licence" replaces the usual one.
        beside_clinic: also fit Cox on clinic on the same folds, and keep the paired difference.
        device: torch device; "auto" takes a GPU if there is one.
        progress: called after every epoch with (epochs done, epochs of all folds).
        restart: throw away an unfinished run into the same folder.
        tensorboard: folder for TensorBoard's files; needs the package.

    Raises:
        InputError: the cohort cannot be split or prepared this way, the settings do not fit the model, or an unfinished
            run into the same folder depends on something else.
    """
    started, target = clock.perf_counter(), check_target(out) if out is not None else None
    modalities = modalities_read(config)
    cases, excluded = _usable_cases(cohort, modalities)
    splits = fold_splits(cohort, config, cases)
    on = local_device(device)
    known = identity(cohort, config, modalities, splits, on) if target else {}
    with open_run(target, known, restart=restart, board=Path(tensorboard) if tensorboard else None) as run:
        document = without_folders(config)
        kept = {"finished_folds": len(run.finished)} if run.resumed else {}
        run.log.write(
            "resume" if run.resumed else "start",
            **{"cohort": cohort.name, "n_cases": len(cases), "excluded": len(excluded), "config": document},
            **{"processes": World.current().size, "device": str(on), **kept},
        )
        steps = Steps(progress, config, len(splits))
        job = _Job(cohort, config, modalities, cases, on, run, steps)
        folds = [job.fold(index, split) for index, split in enumerate(splits)]
        risks = out_of_fold(cohort, folds)
        clinic = against_clinic(cohort, config, splits, risks, cases=cases, device=on) if beside_clinic else None
        curves, scores = curves_of(folds, list(risks.index)), [fold.score for fold in folds]
        reference = reference_of(cohort, risks, curves, scores, clinic)
        run.log.write("end", metrics=reference.metrics.model_dump(exclude={"folds"}))
        if target is not None and World.current().is_first:
            with new_folder(target) as staging:
                if run.path is not None:
                    shutil.copyfile(run.path / RUN_LOG, staging / RUN_LOG)
                points = _points(folds, cases, set(risks.index[risks["risk"] <= reference.cutoff]))
                _save(staging, target.name, cohort, config, purpose, sections, folds, reference, points)
    folder, tuned = Path(out) if out is not None else None, tuple(fold.tuned for fold in folds if fold.tuned)
    return TrainReport(reference, risks, excluded, clock.perf_counter() - started, folder, tuned)


@dataclass(frozen=True, slots=True)
class _Job:
    """What all folds of a run share."""

    cohort: Cohort
    config: TrainConfig
    modalities: tuple[Modality, ...]
    cases: Mapping[str, Case]
    device: torch.device
    run: RunFolder
    steps: Steps

    def fold(self, index: int, split: Split) -> FoldResult:
        """One fold, or what an earlier process left of it."""
        if index in self.run.finished:
            self.steps.fold(index)
            return self.run.finished[index]
        config, tuned = self.config, None
        if config.search is not None:
            chosen = self._tune(index, split, config.search)
            config, tuned = chosen.config, chosen.summary()
        result = run_fold(
            self.cohort, config, split, **self._shared(index),
            on_epoch=partial(self._epoch, index, self.steps.fits - 1, config), keeper=self.run.keeper(index),
        )  # fmt: skip
        result = replace(centred(result, config.model), tuned=tuned)
        self.run.log.write("fold", fold=index, **result.score.model_dump(), **({"tuned": tuned} if tuned else {}))
        self.run.finish(index, result)
        self.steps.fold(index)
        return result

    def _tune(self, index: int, split: Split, search: Search) -> Tuned:
        def tried(trials: Sequence[Trial]) -> None:
            self.run.log.write("trial", fold=index, trial=len(trials) - 1, **asdict(trials[-1]))
            self.run.keep_trials(index, documents(trials))

        return tune_fold(
            self.cohort, self.config, split, search, **self._shared(index),
            done=self.run.trials_of(index), on_trial=tried,
            on_epoch=lambda fit, scored: self.steps.epoch(index, fit, scored.epoch),
        )  # fmt: skip

    def _epoch(self, fold: int, fit: int, config: TrainConfig, scored: EpochScore) -> None:
        self.run.log.write("epoch", fold=fold, **asdict(scored))
        self.steps.epoch(fold, fit, scored.epoch, config)

    def _shared(self, index: int) -> dict[str, Any]:
        return {
            "modalities": self.modalities,
            "cases": self.cases,
            "seed": self.config.seed * 1000 + index,
            "device": self.device,
        }


def fold_splits(cohort: Cohort, config: TrainConfig, cases: Mapping[str, Case]) -> list[Split]:
    """The folds of the settings.

    Raises:
        InputError: the cases cannot be divided so, or a case is tested by several folds.
    """
    ids = list(cases)
    if config.splits is None:
        return stratified_kfold(
            ids, cohort.event.loc[ids], n_folds=config.n_folds, inner_val=config.inner_val, seed=config.seed
        )
    splits = [named.split for named in config.splits.splits(cohort, ids)]
    tested = Counter(case for split in splits for case in split.test)
    twice = sorted(case for case, count in tested.items() if count > 1)
    if twice:
        raise InputError(
            f"The splits ({config.splits.kind}, {len(splits)} of them) test {len(twice)} cases more than once: "
            f"{shorten(twice)}. A checkpoint needs for every case the one fold that tested it; for repeated splits use "
            "`survviz benchmark`."
        )
    return splits


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


def _save(
    staging: Path,
    name: str,
    cohort: Cohort,
    config: TrainConfig,
    purpose: str,
    sections: Mapping[str, str] | None,
    folds: list[FoldResult],
    reference: Reference,
    points: Sequence[Mapping[str, torch.Tensor]],
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
        test_fold=_membership(folds),
        points=points,
        purpose=purpose,
        sections=sections,
        cohort=cohort.name,
        training={**without_folders(config), **({"tuned": [fold.tuned for fold in folds]} if config.search else {})},
    )


def _points(
    folds: Sequence[FoldResult], cases: Mapping[str, Case], low_risk: set[str]
) -> list[dict[str, torch.Tensor]]:
    """What cases may be compared with, of each fold."""
    membership = _membership(folds)
    return [
        fit_points(fold.preprocess, [cases[name] for name in members(membership, i)], low_risk)
        for i, fold in enumerate(folds)
    ]


def _membership(folds: Sequence[FoldResult]) -> dict[str, int]:
    """Case -> the fold that tested it, or `IN_EVERY_FOLD` where none did."""
    seen = {case: IN_EVERY_FOLD for fold in folds for case in (*fold.split.train, *fold.split.val)}
    return seen | {case: index for index, fold in enumerate(folds) for case in fold.split.test}
