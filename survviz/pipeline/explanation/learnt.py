"""Do the shares of the modalities show what a model has learnt? The same model with its weights shuffled tells.

A model that knows nothing still has shares, and they look like any others. If its weights are random, shuffling them
changes nothing but chance: how far it moves along a case is then one draw among those of its shuffled copies, which
is an exact test (a permutation test over the entries of every tensor of weights). What a trained model has learnt
moves it further than that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.pipeline.explanation.attribution import Method, attribute
from survviz.pipeline.explanation.baseline_points import TRAINING_MEAN
from survviz.types import MODALITIES, Case, Modality, Progress

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

N_SHUFFLED = 19
"""Shuffled models: as few as can give p = .05."""
LARGEST_P = 0.05
TOLERANCE = 0.1
"""Of integrated gradients: what is compared differs by factors, and every model is measured alike."""


@dataclass(frozen=True, slots=True)
class LearntShares:
    """How far each modality moves the estimate, beside models that have learnt nothing.

    Attributes:
        modalities: those that a case has, and the model reads.
        own: (M,) sum over cases of the absolute contribution, in units of the target.
        shuffled: (R, M) the same of each shuffled model.
        n_cases: how many cases were explained.
    """

    modalities: tuple[Modality, ...]
    own: NDArray[np.float64]
    shuffled: NDArray[np.float64]
    n_cases: int

    @property
    def shares(self) -> dict[Modality, float]:
        """Of the whole movement."""
        total = max(float(self.own.sum()), np.finfo(float).tiny)
        return {name: float(one / total) for name, one in zip(self.modalities, self.own, strict=True)}

    @property
    def p(self) -> float:
        """Share of models, this one and the shuffled, that move at least as far over all modalities."""
        return float((1 + np.sum(self.shuffled.sum(axis=1) >= self.own.sum())) / (1 + len(self.shuffled)))

    @property
    def fold(self) -> float:
        """How many times as far the model moves as the median shuffled one; infinite where those do not move."""
        usual = float(np.median(self.shuffled.sum(axis=1)))
        return float(self.own.sum()) / usual if usual else float("inf")

    @property
    def learnt(self) -> bool:
        """Whether the model moves further than chance."""
        return self.p <= LARGEST_P

    @property
    def words(self) -> str:
        """The verdict in a sentence or two."""
        over = "this case" if self.n_cases == 1 else f"{self.n_cases} cases"
        if self.learnt:
            return (
                f"Learnt: over {over} the evidence moves the estimate {self.fold:.1f} times as far as in the same "
                f"model with shuffled weights (p = {self.p:.2f}, {len(self.shuffled)} shufflings)."
            )
        also = " One case may lie near the baseline; look at a cohort." if self.n_cases == 1 else ""
        return (
            f"Not distinguishable from chance: over {over} the evidence moves the estimate no further than in the "
            f"same model with shuffled weights (p = {self.p:.2f}, {len(self.shuffled)} shufflings). "
            f"Do not read these shares as something that was learnt.{also}"
        )


def learnt_shares(
    predictor: Predictor,
    cases: Sequence[Case],
    *,
    method: Method = "integrated-gradients",
    target: str = "risk",
    baseline: str = TRAINING_MEAN,
    n_shuffled: int = N_SHUFFLED,
    progress: Progress | None = None,
) -> LearntShares:
    """Compare a checkpoint's modality contributions with those of its shuffled copies, by the folds that may score.

    Args:
        method, target, baseline: as of `attribute`.
        progress: called with (models done, all); it may raise `CancelledError`.

    Raises:
        InputError: no case or no shuffling was asked for, or as `attribute`.
    """
    if not cases or n_shuffled < 1:
        raise InputError(f"{len(cases)} cases and {n_shuffled} shufflings were given; expected one or more of each.")
    rows: list[dict[str, float]] = []
    for number in range(n_shuffled + 1):
        if progress:
            progress(number, n_shuffled + 1)
        model = predictor if number == 0 else predictor.shuffled(number)
        moved: dict[str, float] = defaultdict(float)
        for case in cases:
            found = attribute(
                model, case, method=method, target=target, baseline=baseline, embeddings=False, tolerance=TOLERANCE
            )
            for piece in found.of("modality"):
                moved[piece.modality] += abs(piece.value)
        rows.append(moved)
    names: tuple[Modality, ...] = tuple(name for name in MODALITIES if name in rows[0])
    table = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
    return LearntShares(names, table[0], table[1:], len(cases))
