"""Scores every case of a cohort that may be scored, in batches; a case that cannot be read does not stop the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from survviz.checkpoint import Checkpoint
from survviz.data.barcodes import tcga_case
from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline.predictor import Predictor
from survviz.types import Case, Notice, Prediction, Progress

CASES_AT_ONCE = 32
PATCHES_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class NotScored:
    """A case without a score.

    Attributes:
        kind: "training" (seen in training), "outside" (not in the training cohort, where that was asked for), "unlike"
            (a notice says stop), "error" (its data cannot be read).
    """

    case_id: str
    kind: Literal["training", "outside", "unlike", "error"]
    reason: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Predictions and refusals, both by case id."""

    predictions: tuple[Prediction, ...]
    not_scored: tuple[NotScored, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """A case to score: the folds that may, what to know of it, and its id in the cohort."""

    case_id: str
    case: Case
    folds: tuple[int, ...]
    notices: tuple[Notice, ...]

    @property
    def n_patches(self) -> int:
        """Patches of all slides, at least one."""
        return max(1, sum(len(bag) for bag in self.case.bags))


def score_cohort(
    predictor: Predictor,
    cohort: Cohort,
    *,
    training_cases: bool = False,
    anyway: bool = False,
    batch_size: int = CASES_AT_ONCE,
    progress: Progress | None = None,
) -> Scores:
    """Predictions for the cases that the checkpoint never saw.

    Args:
        training_cases: for the cases of the training cohort instead, each by the folds that never saw it.
        anyway: also for cases that are unlike the training cohort.
        batch_size: cases in one forward pass, at most.
    """
    predictions: list[Prediction] = []
    not_scored: list[NotScored] = []
    ready: dict[tuple[int, ...], list[Ready]] = {}
    for done, case_id in enumerate(sorted(cohort.case_ids), start=1):
        found = prepare(predictor, cohort, case_id, training_cases, anyway)
        if isinstance(found, NotScored):
            not_scored.append(found)
        else:
            waiting = ready.setdefault(found.folds, [])
            if waiting and _is_full([*waiting, found], batch_size):
                _collect(predictor, waiting, predictions, not_scored)
                waiting.clear()
            waiting.append(found)
        if progress:
            progress(done, len(cohort))
    for waiting in ready.values():
        _collect(predictor, waiting, predictions, not_scored)
    return Scores(
        tuple(sorted(predictions, key=lambda one: one.case_id)), tuple(sorted(not_scored, key=lambda one: one.case_id))
    )


def known_as(checkpoint: Checkpoint, case_id: str) -> str | None:
    """The id under which a case is in the training cohort: its own, or its TCGA patient's; None if it is not."""
    names = dict.fromkeys([case_id, tcga_case(case_id) or case_id])
    return next((name for name in names if checkpoint.membership.tested_in(name) is not None), None)


def prepare(
    predictor: Predictor, cohort: Cohort, case_id: str, training_cases: bool, anyway: bool
) -> Ready | NotScored:
    """Read a case, or say why it is not scored; the arguments are those of `score_cohort`."""
    member = known_as(predictor.checkpoint, case_id)
    if member is not None and not training_cases:
        return NotScored(case_id, "training", "It is in the training cohort of the checkpoint.")
    if member is None and training_cases:
        return NotScored(case_id, "outside", "It is not in the training cohort of the checkpoint.")
    if member is not None and len(predictor.checkpoint.trained_on(member)) == predictor.checkpoint.n_folds:
        return NotScored(case_id, "training", "Every model of the checkpoint trained on it.")
    try:
        case = cohort.case(case_id)
        if member is not None:
            case = replace(case, case_id=member)
        if not predictor.present(case):
            return NotScored(case_id, "error", "It has none of the modalities that the model reads.")
        folds, notices = predictor.folds_for(case)[0], predictor.check(case)
    except InputError as error:
        return NotScored(case_id, "error", str(error))
    stops = [notice.text for notice in notices if notice.level == "stop"]
    if stops and not anyway:
        return NotScored(case_id, "unlike", " ".join(stops))
    return Ready(case_id, case, folds, notices)


def _is_full(batch: list[Ready], most: int) -> bool:
    return len(batch) > most or len(batch) * max(one.n_patches for one in batch) > PATCHES_AT_ONCE


def _collect(
    predictor: Predictor, batch: list[Ready], predictions: list[Prediction], not_scored: list[NotScored]
) -> None:
    """Score a batch; where it fails, case by case, so that only those that cannot be read are lost."""
    try:
        predictions.extend(_scored(predictor, batch))
    except InputError as error:
        if len(batch) == 1:
            not_scored.append(NotScored(batch[0].case_id, "error", str(error)))
            return
        for one in batch:
            _collect(predictor, [one], predictions, not_scored)


def _scored(predictor: Predictor, batch: list[Ready]) -> Iterator[Prediction]:
    found = predictor.predict_batch([one.case for one in batch], [one.notices for one in batch])
    return (replace(prediction, case_id=one.case_id) for one, prediction in zip(batch, found, strict=True))
