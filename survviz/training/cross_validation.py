"""Cross-validation: one model per fold, every case scored by the one model that never saw it."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError

from survviz.checkpoint import FoldScore, Reference, save_checkpoint
from survviz.checkpoint.layout import RUN_LOG
from survviz.checkpoint.writing import new_folder
from survviz.data.cohort import Cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.data.splits import Split, stratified_kfold
from survviz.errors import InputError
from survviz.evaluation import BreslowBaseline, UndefinedMetricError, concordance_index
from survviz.models import Model, create_model, model_class, model_config
from survviz.training.batches import Part
from survviz.training.config import TrainConfig
from survviz.training.convex import fit_path
from survviz.training.fitting import EpochScore, Fitted, fit, risks, score, start_at_base_rate
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


@dataclass(frozen=True, slots=True)
class _Fold:
    settings: dict[str, Any]
    preprocess: Preprocess
    fitted: Fitted
    baseline: BreslowBaseline | None
    score: FoldScore
    risks: dict[str, float]


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
    modalities = _modalities(config)
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
            run = _FoldRun(cohort, config, modalities, cases, index, split, _device(device), log, progress)
            folds.append(run.result())
        risks = _out_of_fold(cohort, folds)
        time, event = risks["time"].to_numpy(), risks["event"].to_numpy()
        reference = Reference.of(risks["risk"].to_numpy(), time, event, tuple(fold.score for fold in folds))
        log.write("end", metrics=reference.metrics.model_dump(exclude={"folds"}))
        if staging is not None and out is not None:
            _save(staging, Path(out).resolve().name, cohort, config, purpose, folds, reference, risks)
    folder = Path(out) if out is not None else None
    return TrainReport(reference, risks, excluded, clock.perf_counter() - started, folder)


@dataclass(frozen=True, slots=True)
class _FoldRun:
    cohort: Cohort
    config: TrainConfig
    modalities: tuple[Modality, ...]
    cases: Mapping[str, Case]
    index: int
    split: Split
    device: torch.device
    log: RunLog
    progress: Progress | None

    def result(self) -> _Fold:
        """Fit on the training part, choose on the validation part, score the test part once."""
        config = self.config
        preprocess = self._fit_preprocess()
        settings = model_settings(config, preprocess)
        parts = [self._part(preprocess, ids) for ids in (self.split.train, self.split.val, self.split.test)]
        seed = config.seed * 1000 + self.index
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = create_model(config.model, **settings)
            start_at_base_rate(model, parts[0])
            fitted = self._fit(model.to(self.device), parts, preprocess, seed)
        model.load_state_dict(fitted.state)
        baseline = self._baseline(model, parts[0], preprocess)
        test_score, test_risks = self._test(model, parts[2], preprocess, fitted.epoch)
        return _Fold(model.config.model_dump(mode="json"), preprocess, fitted, baseline, test_score, test_risks)

    def _fit(self, model: Model, parts: list[Part], preprocess: Preprocess, seed: int) -> Fitted:
        train, validation, _ = parts
        if model.convex:
            return fit_path(model, train, validation, preprocess.collate, self.config, on_epoch=self._after_epoch)
        random = torch.Generator().manual_seed(seed)
        return fit(model, train, validation, preprocess.collate, self.config, random=random, on_epoch=self._after_epoch)

    def _baseline(self, model: Model, train: Part, preprocess: Preprocess) -> BreslowBaseline | None:
        """What turns a log-hazard into a survival curve; a discrete-time model needs none."""
        if model.config.output == "discrete-hazard":
            return None
        log_hazard = risks(score(model, train, preprocess.collate))
        return BreslowBaseline.fit(log_hazard, train.time, train.event.numpy())

    def _fit_preprocess(self) -> Preprocess:
        fields = {"modalities": self.modalities, "n_bins": self.config.n_bins, **self.config.preprocess}
        try:
            settings = PreprocessConfig(**fields)
        except ValidationError as error:
            raise InputError(f"The preprocessing settings cannot be used: {error.errors()[0]['msg']}.") from error
        return Preprocess.fit(self.cohort, self.split.train, settings)

    def _part(self, preprocess: Preprocess, case_ids: tuple[str, ...]) -> Part:
        ids = list(case_ids)
        time = self.cohort.time.loc[ids].to_numpy(dtype=np.float64)
        return Part(
            case_ids=case_ids,
            samples=[preprocess.transform(self.cases[case_id]) for case_id in ids],
            bin=torch.as_tensor(preprocess.bins.labels(time), dtype=torch.int64),
            event=torch.as_tensor(self.cohort.event.loc[ids].to_numpy(dtype=bool)),
            time=time,
        )

    def _after_epoch(self, scored: EpochScore) -> None:
        self.log.write("epoch", fold=self.index, **asdict(scored))
        if self.progress:
            steps = len(self.config.ridges) if model_class(self.config.model).convex else self.config.epochs
            self.progress(self.index * steps + scored.epoch, self.config.n_folds * steps)

    def _test(self, model: Model, part: Part, preprocess: Preprocess, epoch: int) -> tuple[FoldScore, dict[str, float]]:
        risk = risks(score(model, part, preprocess.collate))
        c_index, reason = None, ""
        try:
            c_index = concordance_index(risk, part.time, part.event.numpy())
        except UndefinedMetricError as error:
            reason = str(error)
        scored = FoldScore(
            n_train=len(self.split.train),
            n_validation=len(self.split.val),
            n_test=len(part),
            n_events_test=int(part.event.sum()),
            epoch=epoch,
            c_index=c_index,
            reason=reason,
        )
        self.log.write("fold", fold=self.index, **scored.model_dump())
        return scored, dict(zip(part.case_ids, risk.tolist(), strict=True))


def model_settings(config: TrainConfig, preprocess: Preprocess) -> dict[str, Any]:
    """The model's configuration: sizes and names from the data, the rest from the training settings; JSON values."""
    known = model_config(config.model).model_fields
    offered = {**preprocess.sizes, "n_bins": config.n_bins, "modalities": preprocess.modalities}
    if "genomic" in preprocess.modalities:  # one form of it, whatever the published default reads
        offered = {"programmes": None, "n_genes": None, **offered}
    fields = {name: value for name, value in offered.items() if name in known}
    return {**fields, **config.model_settings}


def _modalities(config: TrainConfig) -> tuple[Modality, ...]:
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


def _out_of_fold(cohort: Cohort, folds: list[_Fold]) -> pd.DataFrame:
    risk = pd.concat([pd.Series(fold.risks, dtype=np.float64) for fold in folds]).rename_axis("case_id").sort_index()
    fold_of = pd.Series({case_id: index for index, fold in enumerate(folds) for case_id in fold.risks})
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
    folds: list[_Fold],
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
