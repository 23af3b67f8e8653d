"""Where a patient's own values stand among the training cases, in SD from their mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from survviz.pipeline.explanation.pieces import OMICS, Level
from survviz.pipeline.explanation.what_if import programme_levels
from survviz.types import Case

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

Standing: TypeAlias = Mapping[tuple[Level, str], float]
"""(level, name) of a piece of evidence -> SD from the training mean. Of a programme the mean over its genes."""


def standing(predictor: Predictor, case: Case) -> Standing:
    """Every own value that has a place on a scale; a category, a sentence of words and a slide have none.

    The statistics are those of the first model that may score the case.
    """
    preprocess = predictor.checkpoint.preprocess(predictor.folds_for(case)[0][0])
    found: dict[tuple[Level, str], float] = {}
    for name, value in preprocess.templates.codes(case.clinical or {}).items():
        mean, sd = preprocess.clinical.moments.get(name, (0.0, 0.0))
        if isinstance(value, float) and sd > 0:
            found["clinical", name] = found["sentence", name] = (value - mean) / sd
    for name, reference in preprocess.ood.omics.items():
        vector = reference.vector(case)
        if vector is not None:
            level = OMICS[name]
            found |= {(level, gene): float(z) for gene, z in zip(reference.scaler.genes, vector, strict=True)}
    for name, mean_z in programme_levels(predictor, case).items():
        found["programme", name] = mean_z
    return found
