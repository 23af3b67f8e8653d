"""Checkpoint + case -> what each piece of evidence adds to its risk, its survival or a hazard, with names and words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.errors import UnknownNameError
from survviz.explain.gradients import contributions
from survviz.explain.relevance import relevance
from survviz.pipeline.baseline_points import BASELINES, TRAINING_MEAN, reference
from survviz.pipeline.maps import part
from survviz.pipeline.pieces import Level, Piece, Reading, pieces
from survviz.pipeline.target_names import TargetName
from survviz.types import Case, Modality, PatchScores, Progress

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

Method: TypeAlias = Literal["integrated-gradients", "relevance", "shapley", "removal"]
METHODS: tuple[Method, ...] = ("integrated-gradients", "relevance", "shapley", "removal")

GAP = 0.01
"""A larger completeness error than this share of the change is not shown as if it were exact."""


@dataclass(frozen=True, slots=True)
class CaseAttribution:
    """What the evidence of a case adds to a target, against a baseline.

    Attributes:
        target: "risk", "survival:36", "logit:2"; `target_words` say it.
        baseline: its name; `baseline_words` say what it is.
        output, reference: target of the case and of the baseline, mean over folds.
        output_per_fold, reference_per_fold: (F,)
        pieces: every level, in the model's order.
        patches: one map per slide, () where they were not asked for or the case has none.
        gap: largest completeness error of a fold, as a share of the change.
        folds: those that did not train on the case, where there are any.
        seconds: how long it took.
        rest: what the method gives to no input, mean over folds; other than 0 under relevance propagation alone.
    """

    case_id: str
    checkpoint: str
    method: Method
    target: str
    target_words: str
    baseline: str
    baseline_words: str
    output: float
    reference: float
    output_per_fold: NDArray[np.float64]
    reference_per_fold: NDArray[np.float64]
    pieces: tuple[Piece, ...]
    patches: tuple[PatchScores, ...]
    gap: float
    folds: tuple[int, ...]
    seconds: float
    rest: float = 0.0

    def of(self, level: Level) -> tuple[Piece, ...]:
        """Pieces of a level, largest |value| first."""
        return tuple(sorted((one for one in self.pieces if one.level == level), key=lambda one: -abs(one.value)))

    @property
    def change(self) -> float:
        """Target of the case minus target of the baseline, mean over folds."""
        return self.output - self.reference


def attribute(
    predictor: Predictor,
    case: Case,
    *,
    method: Method = "integrated-gradients",
    target: str = "risk",
    baseline: str = TRAINING_MEAN,
    patches: bool = False,
    progress: Progress | None = None,
) -> CaseAttribution:
    """What every piece of a case's evidence adds to the target, mean over the folds that may score it.

    Args:
        target: "risk", "survival:MONTHS" or "logit:BIN" (bins count from 1).
        baseline: "training mean", "zero" or "median of the low-risk group".
        patches: also a map of the patches.
        progress: it may raise `CancelledError`.

    Raises:
        UnknownNameError: no such method or baseline.
        InputError: no such target, or the checkpoint does not hold the baseline.
        CancelledError: `progress` raised it.
    """
    started = time.perf_counter()
    checkpoint = predictor.checkpoint
    if method not in METHODS:
        raise UnknownNameError("method of attribution", method, METHODS)
    named = TargetName.parse(target)
    target_words = named.words(checkpoint)
    folds, _ = predictor.folds_for(case)
    readings, ends = [], []
    for i, fold in enumerate(folds):
        model, inputs, aim = predictor.model(fold), predictor.inputs(fold, case), named.of(checkpoint, fold)
        start, step = reference(checkpoint, fold, baseline), part(progress, i, folds)
        if method == "relevance":
            found = relevance(model, inputs, target=aim, baseline=start)
        else:
            found = contributions(model, inputs, target=aim, baseline=start, progress=step)
        with torch.inference_mode():
            ends.append(float(aim(model(inputs))))
        readings.append(Reading(model, checkpoint.preprocess(fold), inputs, found))
    output, change = np.array(ends), np.array([one.found.change for one in readings])
    return CaseAttribution(
        case_id=case.case_id,
        checkpoint=checkpoint.name,
        method=method,
        target=str(named),
        target_words=target_words,
        baseline=baseline,
        baseline_words=BASELINES[baseline],
        output=float(output.mean()),
        reference=float((output - change).mean()),
        output_per_fold=output,
        reference_per_fold=output - change,
        pieces=pieces(readings, case, predictor.present(case)),
        patches=(),
        gap=max(one.found.gap for one in readings),
        folds=folds,
        seconds=time.perf_counter() - started,
        rest=float(np.mean([one.found.rest for one in readings])),
    )


def over_time(
    predictor: Predictor,
    case: Case,
    *,
    method: Method = "integrated-gradients",
    baseline: str = TRAINING_MEAN,
    progress: Progress | None = None,
) -> tuple[CaseAttribution, ...]:
    """The same for the hazard logit of each time bin: which evidence matters early, which late."""
    n_bins = len(predictor.checkpoint.preprocess(0).bins)
    return tuple(
        attribute(
            predictor,
            case,
            method=method,
            target=f"logit:{k + 1}",
            baseline=baseline,
            progress=part(progress, k, range(n_bins)),
        )
        for k in range(n_bins)
    )


def modality_subsets(predictor: Predictor, case: Case) -> Mapping[frozenset[Modality], NDArray[np.float64]]:
    """Risk per fold with each subset of the modalities that the case has, the empty one included.

    A modality that is left out is missing, as the model itself handles it.

    Returns:
        modalities that are there -> (F,)
    """
    raise NotImplementedError
