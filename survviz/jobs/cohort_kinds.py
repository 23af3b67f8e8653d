"""Jobs over a whole cohort: scoring it with a checkpoint, training on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from survviz.errors import CancelledError, SurvvizError
from survviz.types import Progress


class InferenceArguments(BaseModel):
    """A cohort to score.

    Attributes:
        checkpoint, cohort: their folders.
        anyway: also score cases that are unlike the training cohort.
        device: "auto" takes a GPU where there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str
    cohort: str
    anyway: bool = False
    device: str = "auto"


def infer(arguments: InferenceArguments, progress: Progress) -> dict[str, Any]:
    """Score every case of a cohort, or go on with what an earlier job left.

    Returns:
        folder (for `CohortResults.load`), n_scored, n_not_scored.
    """
    from survviz.pipeline.cohort import inference as cohort_inference

    progress(0, 0)
    found = cohort_inference.infer(
        arguments.checkpoint, arguments.cohort, device=arguments.device, anyway=arguments.anyway, progress=progress
    )
    return {"folder": str(found.folder), "n_scored": len(found), "n_not_scored": len(found.not_scored)}


class TrainingArguments(BaseModel):
    """A model to train.

    Attributes:
        cohort: its folder.
        out: checkpoint folder to write; an unfinished run beside it is gone on with.
        settings: of `survviz.training.TrainConfig`.
        purpose: what the checkpoint is for; it heads the card.
        restart: throw away an unfinished run instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cohort: str
    out: str
    settings: dict[str, Any]
    purpose: str = "research"
    device: str = "auto"
    restart: bool = False


class _StoppedError(SurvvizError):
    """A person stopped the training; what is done of it stays."""


def train(arguments: TrainingArguments, progress: Progress) -> dict[str, Any]:
    """Cross-validate a model and write its checkpoint; stopped, the run stays on disk and can be gone on with.

    Returns:
        folder (of the checkpoint), c_index (out of fold, None where undefined).
    """
    from survviz.data.cohort import load_cohort
    from survviz.training import TrainConfig, cross_validate

    def or_stop(done: int, total: int) -> None:
        try:
            progress(done, total)
        except CancelledError as error:  # which would make the run throw away what it has
            raise _StoppedError("Stopped.") from error

    progress(0, 0)
    try:
        report = cross_validate(
            load_cohort(arguments.cohort), TrainConfig.model_validate(arguments.settings), Path(arguments.out),
            purpose=arguments.purpose, beside_clinic=True, device=arguments.device, progress=or_stop,
            restart=arguments.restart,
        )  # fmt: skip
    except _StoppedError as stop:
        raise CancelledError("Stopped; what is done is kept.") from stop
    return {"folder": arguments.out, "c_index": report.c_index}
