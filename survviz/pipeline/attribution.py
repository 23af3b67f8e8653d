"""Checkpoint + case -> what each piece of evidence adds to its risk, its survival or a hazard, with names and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from survviz.types import Case, Modality, PatchScores, Progress

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

Method: TypeAlias = Literal["integrated-gradients", "relevance", "shapley", "removal"]
METHODS: tuple[Method, ...] = ("integrated-gradients", "relevance", "shapley", "removal")

Level: TypeAlias = Literal[
    "modality", "sentence", "clinical", "programme", "gene", "token", "mirna", "cnv", "embedding"
]


@dataclass(frozen=True, slots=True)
class Piece:
    """One named piece of evidence.

    Attributes:
        level: what kind of piece: a modality, a clinical sentence or column, a gene programme, ...
        name: "age", "CDKN2A", "Hypoxia".
        value: mean over folds, in the target's unit; above 0 it pushes the target up.
        sd: over folds (ddof 1); None with one fold.
        per_fold: (F,)
        own: the patient's own value in words: "71 years", "z = +2.1".
    """

    modality: Modality
    level: Level
    name: str
    value: float
    sd: float | None
    per_fold: NDArray[np.float64]
    own: str

    @classmethod
    def of(cls, modality: Modality, level: Level, name: str, per_fold: NDArray[np.float64], own: str) -> Piece:
        """Mean and spread of the folds' values."""
        sd = float(per_fold.std(ddof=1)) if len(per_fold) > 1 else None
        return cls(modality, level, name, float(per_fold.mean()), sd, per_fold, own)


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
    baseline: str = "training mean",
    patches: bool = False,
    progress: Progress | None = None,
) -> CaseAttribution:
    """What every piece of a case's evidence adds to the target, mean over the folds that may score it.

    Args:
        target: "risk", "survival:MONTHS" or "logit:BIN" (bins count from 1).
        baseline: "training mean", "zero" or "median of the low-risk group".
        patches: also a map of the patches.
        progress: it may raise `CancelledError`.
    """
    raise NotImplementedError


def over_time(
    predictor: Predictor,
    case: Case,
    *,
    method: Method = "integrated-gradients",
    baseline: str = "training mean",
    progress: Progress | None = None,
) -> tuple[CaseAttribution, ...]:
    """The same for the hazard logit of each time bin: which evidence matters early, which late."""
    raise NotImplementedError


def modality_subsets(predictor: Predictor, case: Case) -> Mapping[frozenset[Modality], NDArray[np.float64]]:
    """Risk per fold with each subset of the modalities that the case has, the empty one included.

    A modality that is left out is missing, as the model itself handles it.

    Returns:
        modalities that are there -> (F,)
    """
    raise NotImplementedError
