"""Value of each test: the risk of a case with every subset of its modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.explain.targets import Target, risk
from survviz.types import Case, Inputs, Modality, Progress

if TYPE_CHECKING:
    from survviz.models import Model
    from survviz.pipeline.predictor import Predictor

Subsets = Mapping[frozenset[Modality], NDArray[np.float64]]


def modality_subsets(
    predictor: Predictor,
    case: Case,
    targets: Sequence[Target] | None = None,
    *,
    progress: Progress | None = None,
) -> Subsets:
    """Risk per fold with each subset of the modalities that the case has, the empty one included.

    A modality that is left out is missing, as the model itself handles it.

    Args:
        targets: of each fold that may score the case, what is wanted instead of the risk.
        progress: it may raise `CancelledError`.

    Returns:
        modalities that are there -> (F,)
    """
    folds, _ = predictor.folds_for(case)
    present = predictor.present(case)
    subsets = [frozenset(one) for one in chain.from_iterable(combinations(present, n) for n in range(len(present) + 1))]
    rows = []
    for fold, target in zip(folds, targets or [risk] * len(folds), strict=True):
        inputs = predictor.inputs(fold, case)
        rows.append([_answer(predictor.model(fold), inputs, subset, target) for subset in subsets])
        if progress:
            progress(len(rows), len(folds))
    return dict(zip(subsets, np.array(rows).T, strict=True))


def removals(subsets: Subsets) -> dict[Modality, NDArray[np.float64]]:
    """Modality -> (F,) by how much the target falls when it alone is missing; the values need not add up."""
    everyone = max(subsets, key=len)
    return {name: subsets[everyone] - subsets[everyone - {name}] for name in sorted(everyone)}


def with_modalities(inputs: Inputs, kept: frozenset[Modality]) -> Inputs:
    """A batch in which the other modalities are absent; without pathology no patch is kept."""
    present = {name: here & (name in kept) for name, here in inputs.present.items()}
    if "pathology" in kept:
        return replace(inputs, present=present)
    return replace(inputs, patches=inputs.patches[:, :0], patch_mask=inputs.patch_mask[:, :0], present=present)


def _answer(model: Model, inputs: Inputs, kept: frozenset[Modality], target: Target) -> float:
    with torch.inference_mode():
        return float(target(model(with_modalities(inputs, kept))))
