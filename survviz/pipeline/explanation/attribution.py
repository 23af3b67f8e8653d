"""Checkpoint + case -> what each piece of evidence adds to its risk, its survival or a hazard, with names and words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.errors import UnknownNameError
from survviz.explain.attention import ALL_TOKENS, PATCHES
from survviz.explain.embeddings import embedding_contributions
from survviz.explain.gradients import TOLERANCE, InputContributions, contributions
from survviz.explain.relevance import relevance
from survviz.explain.shapley import shapley
from survviz.explain.slides import Story, split_by_slide
from survviz.explain.targets import Target
from survviz.explain.words import of_folds
from survviz.pipeline.explanation.baseline_points import BASELINES, TRAINING_MEAN, reference
from survviz.pipeline.explanation.maps import RISK, STEPS, part
from survviz.pipeline.explanation.modality_subsets import modality_subsets, removals
from survviz.pipeline.explanation.pieces import Level, Piece, Reading, pieces
from survviz.pipeline.explanation.target_names import TargetName
from survviz.types import Case, PatchScores, Progress

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

Method: TypeAlias = Literal["integrated-gradients", "relevance", "shapley", "removal"]
METHODS: tuple[Method, ...] = ("integrated-gradients", "relevance", "shapley", "removal")

NO_MODALITY = "no modality"
WITHOUT_ANY = "the case with every modality missing, as the model itself handles that"
"""What Shapley values and removals are counted from."""

__all__ = ["METHODS", "CaseAttribution", "Level", "Method", "Piece", "attribute", "modality_subsets", "over_time"]


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
    def levels(self) -> tuple[Level, ...]:
        """Those that have pieces."""
        return tuple(dict.fromkeys(piece.level for piece in self.pieces))

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
    embeddings: bool = True,
    tolerance: float = TOLERANCE,
    progress: Progress | None = None,
) -> CaseAttribution:
    """What every piece of a case's evidence adds to the target, mean over the folds that may score it.

    Args:
        target: "risk", "survival:MONTHS" or "logit:BIN" (bins count from 1).
        baseline: "training mean", "zero" or "median of the low-risk group".
        patches: also a map of the patches.
        embeddings: also over the model's fused embeddings, where it has some.
        tolerance: share of the change by which the parts of integrated gradients may miss it.
        progress: it may raise `CancelledError`.

    Raises:
        UnknownNameError: no such method or baseline.
        InputError: no such target, or the checkpoint does not hold the baseline.
        CancelledError: `progress` raised it.
    """
    started = time.perf_counter()
    if method not in METHODS:
        raise UnknownNameError("method of attribution", method, METHODS)
    named = TargetName.parse(target)
    of_modalities = method in ("shapley", "removal")
    folds = predictor.folds_for(case)[0]
    asked = _Asked(predictor, case, method, named, named.words(predictor.checkpoint), folds, embeddings, tolerance)
    found = asked.of_modalities(progress) if of_modalities else asked.of_inputs(baseline, progress)
    change = np.array([one.change for one in found.contributions])
    return CaseAttribution(
        case_id=case.case_id,
        checkpoint=predictor.checkpoint.name,
        method=method,
        target=str(named),
        target_words=asked.words,
        baseline=NO_MODALITY if of_modalities else baseline,
        baseline_words=WITHOUT_ANY if of_modalities else BASELINES[baseline],
        output=float(found.output.mean()),
        reference=float((found.output - change).mean()),
        output_per_fold=found.output,
        reference_per_fold=found.output - change,
        pieces=found.pieces,
        patches=asked.maps(found.contributions, baseline) if patches and case.bags and not of_modalities else (),
        gap=max(one.gap for one in found.contributions),
        folds=asked.folds,
        seconds=time.perf_counter() - started,
        rest=float(np.mean([one.rest for one in found.contributions])),
    )


def over_time(
    predictor: Predictor,
    case: Case,
    *,
    method: Method = "integrated-gradients",
    baseline: str = TRAINING_MEAN,
    progress: Progress | None = None,
) -> tuple[CaseAttribution, ...]:
    """The same for the hazard logit of each time bin: which evidence matters early, which late.

    Raises:
        InputError: the model has one log-hazard for all times, or as `attribute`.
    """
    n_bins = len(predictor.checkpoint.preprocess(0).bins)
    return tuple(
        attribute(
            predictor, case, method=method, target=f"logit:{k + 1}", baseline=baseline,
            progress=_stage(progress, k, n_bins),
        )
        for k in range(n_bins)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """What every fold said.

    Attributes:
        output: (F,) target of the case.
    """

    output: NDArray[np.float64]
    contributions: Sequence[InputContributions]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question, over the folds that may answer it."""

    predictor: Predictor
    case: Case
    method: Method
    target: TargetName
    words: str
    folds: tuple[int, ...]
    embeddings: bool
    tolerance: float

    def of_inputs(self, baseline: str, progress: Progress | None) -> _Found:
        """By a method that sees every input."""
        readings, output = [], []
        for i, fold in enumerate(self.folds):
            model, inputs = self.predictor.model(fold), self.predictor.inputs(fold, self.case)
            aim, start = self._target(fold), reference(self.predictor.checkpoint, fold, baseline)
            if self.method == "relevance":
                found, fused = relevance(model, inputs, target=aim, baseline=start), {}
            else:
                found = contributions(
                    model, inputs, target=aim, baseline=start, tolerance=self.tolerance,
                    progress=part(progress, i, self.folds),
                )  # fmt: skip
                fused = embedding_contributions(model, inputs, target=aim, baseline=start) if self.embeddings else {}
            with torch.inference_mode():
                output.append(float(aim(model(inputs))))
            readings.append(Reading(model, self.predictor.checkpoint.preprocess(fold), inputs, found, fused))
        if progress:
            progress(len(self.folds), len(self.folds))
        named = pieces(readings, self.case, self.predictor.present(self.case))
        return _Found(np.array(output), [one.found for one in readings], named)

    def of_modalities(self, progress: Progress | None) -> _Found:
        """By leaving out modalities."""
        subsets = modality_subsets(
            self.predictor, self.case, [self._target(fold) for fold in self.folds], progress=progress
        )
        everyone = max(subsets, key=len)
        values = shapley(subsets) if self.method == "shapley" else removals(subsets)
        change = subsets[everyone] - subsets[frozenset()]
        found = [
            InputContributions(
                np.zeros(0), {}, {name: per_fold[[i]] for name, per_fold in values.items()}, float(change[i]), 0
            )
            for i in range(len(self.folds))
        ]
        named = tuple(Piece.of((name, "modality", name), values[name], "") for name in values)
        return _Found(subsets[everyone], found, named)

    def maps(self, found: Sequence[InputContributions], baseline: str) -> tuple[PatchScores, ...]:
        """What each patch adds, one map per slide."""
        how = "relevance propagation" if self.method == "relevance" else "integrated gradients"
        text = (
            f"Contribution of each patch to the {self.words}: {how} over everything that the model reads, of which "
            f"these are the patches. Baseline: {baseline}, {BASELINES[baseline]}. Above 0 the patch pushes it up, "
            f"below 0 down. All inputs together miss the change by {max(one.gap for one in found):.2%}; "
            f"{of_folds(len(found))}."
        )
        story = Story("contribution", RISK, PATCHES, ALL_TOKENS, text, "risk")
        return split_by_slide(np.stack([one.patches for one in found]), self.case.bags, story)

    def _target(self, fold: int) -> Target:
        return self.target.of(self.predictor.checkpoint, fold)


def _stage(progress: Progress | None, index: int, count: int) -> Progress | None:
    """Progress of one attribution among several."""
    if progress is None:
        return None
    return lambda done, total: progress(index * STEPS + round(STEPS * done / max(total, 1)), count * STEPS)
