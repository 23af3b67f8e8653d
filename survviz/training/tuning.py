"""Chooses settings for one fold without its test part: a random search judged on validation cases."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from survviz.data.cohort import Cohort
from survviz.data.splits import Split, stratified_kfold
from survviz.data.words import explain_validation
from survviz.errors import InputError
from survviz.evaluation import UndefinedMetricError, concordance_index
from survviz.models import model_class
from survviz.models.blocks.linear import LinearModel
from survviz.training.choosing import EpochScore
from survviz.training.config import TrainConfig
from survviz.training.fold import FoldResult, run_fold
from survviz.training.processes import World
from survviz.training.search import Search, changed
from survviz.types import Case, Modality


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried.

    Attributes:
        values: setting -> value, where it differs from the given ones.
        merit: mean over inner folds of what the search judges by; higher is better; None where it is undefined.
        seconds: of this trial.
    """

    values: Mapping[str, Any]
    merit: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search chose.

    Attributes:
        config: the chosen settings; they hold no search, so that a fold can be run with them.
        trials: all that were tried, in order; the first are the given settings.
        chosen: which of them.
    """

    config: TrainConfig
    trials: tuple[Trial, ...]
    chosen: int

    @property
    def seconds(self) -> float:
        """Of all trials."""
        return sum(trial.seconds for trial in self.trials)

    def summary(self) -> dict[str, Any]:
        """The budget that was spent and what came of it, for the record."""
        trial = self.trials[self.chosen]
        return {
            "trials": len(self.trials), "seconds": round(self.seconds, 1), "chosen": self.chosen,
            "values": dict(trial.values), "merit": trial.merit,
        }  # fmt: skip


def tune_fold(
    cohort: Cohort,
    config: TrainConfig,
    split: Split,
    search: Search | None = None,
    *,
    modalities: tuple[Modality, ...],
    cases: Mapping[str, Case] | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    done: Sequence[Mapping[str, Any]] = (),
    on_trial: Callable[[Sequence[Trial]], None] | None = None,
    on_epoch: Callable[[int, EpochScore], None] | None = None,
) -> Tuned:
    """Choose settings for one fold by its training and validation part; its test cases are not even handed on.

    Args:
        search: what to try; None takes `config.search`.
        seed: of weights, order, patches and dropout of every trial, so that trials differ in their settings only.
        done: trials of an interrupted search, as `dataclasses.asdict` gives them; they are not run again.
        on_trial: called after every trial with all so far.
        on_epoch: called after every epoch with the number of the fit, counted over trials and inner folds.

    Raises:
        InputError: a drawn value is not allowed, the fold cannot be divided further, or no trial could be judged.
    """
    search = search or config.search
    if search is None:
        raise InputError("Nothing says what to tune. Give a search, or set search.space in the training settings.")
    seen = (*split.train, *split.val)
    known, base = cohort.subset(seen), config.model_copy(update={"search": None})
    splits = _inner_splits(known, split, search, config, seed)
    trials = [Trial(**one) for one in done]
    while len(trials) < search.trials and not _out_of_time(search, trials, device):
        started, values, merits = clock.perf_counter(), search.draw(len(trials)), []
        for index, inner in enumerate(splits):
            scores: list[EpochScore] = []
            fit = len(trials) * len(splits) + index
            result = run_fold(
                known,
                tried(base, values),
                inner,
                modalities=modalities,
                cases=cases and {case: cases[case] for case in seen},
                seed=seed,
                device=device,
                on_epoch=_both(scores.append, on_epoch, fit),
            )
            merits.append(_merit(known, inner, result, scores, search))
        defined = [merit for merit in merits if merit is not None]
        merit = float(np.mean(defined)) if len(defined) == len(merits) else None
        trials.append(Trial(values, merit, clock.perf_counter() - started))
        if on_trial:
            on_trial(trials)
    return _choose(base, trials)


def tried(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """Settings with other values, checked.

    Raises:
        InputError: a value is not allowed.
    """
    try:
        return TrainConfig(**changed(config.model_dump(), values))
    except ValidationError as error:
        raise InputError(explain_validation(error, f"The trial {dict(values)}", TrainConfig)) from error


def documents(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Trials as JSON values."""
    return [asdict(trial) for trial in trials]


def _inner_splits(cohort: Cohort, split: Split, search: Search, config: TrainConfig, seed: int) -> list[Split]:
    """What a trial is fitted and judged on: the fold's own validation part, or an inner cross-validation.

    A linear model fits on training and validation part, so the cases that judge it are an inner test part.
    """
    if search.folds > 1:
        ids = list(cohort.case_ids)
        return stratified_kfold(ids, cohort.event, n_folds=search.folds, inner_val=config.validation_share, seed=seed)
    if not split.val:
        raise InputError("The fold has no validation part to judge trials on. Set search.folds to 2 or more.")
    if issubclass(model_class(config.model), LinearModel):
        return [Split(split.train, (), split.val)]
    return [Split(split.train, split.val, ())]


def _merit(
    cohort: Cohort, inner: Split, result: FoldResult, scores: Sequence[EpochScore], search: Search
) -> float | None:
    """C-index (or minus the loss) of the cases that judge a trial."""
    if search.metric == "loss":
        losses = {one.epoch: one.validation_loss for one in scores}
        loss = losses.get(result.fitted.epoch)
        return None if loss is None else -loss
    if inner.test:
        return result.score.c_index
    ids = list(inner.val)
    risk = np.array([result.seen_risk[case] for case in ids])
    try:
        return concordance_index(risk, cohort.time.loc[ids].to_numpy(float), cohort.event.loc[ids].to_numpy(bool))
    except UndefinedMetricError:
        return None


def _choose(config: TrainConfig, trials: Sequence[Trial]) -> Tuned:
    """The trial of the highest merit; ties go to the earlier one."""
    merits = [-np.inf if trial.merit is None else trial.merit for trial in trials]
    chosen = int(np.argmax(merits))
    if not np.isfinite(merits[chosen]):
        raise InputError(
            "No trial could be judged: among the validation cases no pair can be compared. Raise inner_val or "
            "search.folds."
        )
    return Tuned(tried(config, trials[chosen].values), tuple(trials), chosen)


def _out_of_time(search: Search, trials: Sequence[Trial], device: torch.device | None) -> bool:
    """Whether the next trial may not start; the first one always may. All processes decide alike."""
    if search.seconds is None or not trials:
        return False
    (spent,) = World.current().agreed(sum(trial.seconds for trial in trials), device=device or torch.device("cpu"))
    return spent >= search.seconds


def _both(
    keep: Callable[[EpochScore], None], tell: Callable[[int, EpochScore], None] | None, fit: int
) -> Callable[[EpochScore], None]:
    def report(scored: EpochScore) -> None:
        keep(scored)
        if tell:
            tell(fit, scored)

    return report
