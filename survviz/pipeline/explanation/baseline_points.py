"""Baselines by name: what a case is compared with, as each fold's model reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from survviz.checkpoint import points
from survviz.data.cohort import Cohort
from survviz.errors import InputError, UnknownNameError
from survviz.explain.baselines import ZERO, Reference
from survviz.types import Case, Progress

if TYPE_CHECKING:
    from survviz.checkpoint import Checkpoint
    from survviz.pipeline.predictor import Predictor

TRAINING_MEAN = "training mean"
LOW_RISK = "median of the low-risk group"
STORED: Mapping[str, str] = {TRAINING_MEAN: points.MEAN, LOW_RISK: points.LOW_RISK}
BASELINES: Mapping[str, str] = {
    TRAINING_MEAN: "the mean of the training cases, in everything that the model reads",
    "zero": "zero everywhere: the training mean of every standardised number, but no sentence and no category at all",
    LOW_RISK: "the median of the training cases whose out-of-fold risk is at most the cut-off",
}
"""Name -> what it is, in words."""


def reference(checkpoint: Checkpoint, fold: int, name: str) -> Reference:
    """A baseline of one fold.

    Raises:
        UnknownNameError: there is no such baseline.
        InputError: the checkpoint does not hold it.
    """
    if name not in BASELINES:
        raise UnknownNameError("baseline", name, BASELINES)
    if name not in STORED:
        return ZERO
    if not checkpoint.points:
        if name == TRAINING_MEAN and not _reads_raw(checkpoint, fold):
            return ZERO
        raise InputError(
            f"Checkpoint {checkpoint.name} was written without baselines, so the {name} is not known. Run "
            f"`survviz baselines {checkpoint.folder} COHORT` with its training cohort, or take the baseline zero."
        )
    prefix = STORED[name] + "."
    own = {key.removeprefix(prefix): value for key, value in checkpoint.points[fold].items() if key.startswith(prefix)}
    return Reference(own.get("patches"), _under("tokens.", own), _under("vectors.", own))


def why_no_baseline(checkpoint: Checkpoint, name: str) -> str | None:
    """Why a checkpoint cannot be explained against a baseline, in words; None where it can."""
    try:
        reference(checkpoint, 0, name)
    except InputError as error:
        return str(error)
    return None


def fit_baselines(
    predictor: Predictor, cohort: Cohort, progress: Progress | None = None
) -> tuple[Mapping[str, Tensor], ...]:
    """Baselines of every fold of a checkpoint, from the cohort that it was trained on.

    Raises:
        InputError: cases of the training cohort are missing.
    """
    checkpoint = predictor.checkpoint
    test_fold = {name: fold for name in cohort.case_ids if (fold := checkpoint.membership.tested_in(name)) is not None}
    expected = len(checkpoint.membership.test_fold)
    if len(test_fold) != expected:
        raise InputError(
            f"Checkpoint {checkpoint.name} was trained on {expected} cases; {len(test_fold)} of them are in cohort "
            f"{cohort.name!r}. Give the cohort that it was trained on."
        )
    reads_slides = "pathology" in predictor.modalities
    cases = {name: cohort.case(name, bags=reads_slides) for name in test_fold}
    low = _low_risk(predictor, [cases[name] for name, fold in test_fold.items() if fold >= 0])
    found = []
    for fold in range(checkpoint.n_folds):
        own = [cases[name] for name in points.members(test_fold, fold)]
        found.append(points.fit_points(checkpoint.preprocess(fold), own, low))
        if progress:
            progress(fold + 1, checkpoint.n_folds)
    return tuple(found)


def _low_risk(predictor: Predictor, cases: Sequence[Case]) -> set[str]:
    """Ids of cases in the low-risk group, each scored by the fold that tested it."""
    risks = {case.case_id: predictor.predict(case, allow_unlike=True).risk for case in cases}
    return {name for name, risk in risks.items() if risk <= predictor.checkpoint.reference.cutoff}


def _reads_raw(checkpoint: Checkpoint, fold: int) -> bool:
    """Whether a model reads sentences, categories or precomputed tokens, whose training mean is not 0."""
    reads = checkpoint.model(fold).config.reads
    return any(read.form == "tokens" or (read.form, read.name) == ("vector", "clinical") for read in reads)


def _under(prefix: str, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in own.items() if name.startswith(prefix)}
