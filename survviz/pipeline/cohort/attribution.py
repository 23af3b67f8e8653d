"""Attributions of a whole cohort: on which modality and features the estimates rest, with intervals over patients.

A case of the training cohort is explained only by models that did not train on it. The share of a modality in a case is
the size of what it adds, over the sizes of what all modalities add; the share in a cohort is the mean over its cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.evaluation.resampling import Interval, draw_counts, percentile_interval
from survviz.pipeline.cohort.evaluation import strata_of
from survviz.pipeline.cohort.scoring import NotScored, known_as, prepare
from survviz.pipeline.explanation.attribution import CaseAttribution, Method, attribute
from survviz.pipeline.explanation.baseline_points import TRAINING_MEAN
from survviz.pipeline.explanation.pieces import Level, Piece
from survviz.pipeline.predictor import Predictor
from survviz.types import MODALITIES, Modality, Progress

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class ModalityShare:
    """What a modality adds over the cases that have it.

    Attributes:
        n_cases: cases that have it.
        share: mean over all cases of its share of the sizes; 0 in a case that lacks it.
        interval: bootstrap over patients; None for one patient.
        mean: mean signed value over the cases that have it, in the target's unit.
        n_driven: cases in which it adds most, whichever way.
    """

    modality: Modality
    n_cases: int
    share: float
    interval: Interval | None
    mean: float
    n_driven: int


@dataclass(frozen=True, slots=True)
class FeatureOverCases:
    """One named piece of evidence over the cases that have it.

    Attributes:
        size: mean size over these cases; `interval` is its bootstrap over patients, None for one patient.
        case_ids, values, own: per case, its value and what the patient's own was.
        own_numbers: (n,) the own values as numbers, NaN where one is none.
    """

    modality: Modality
    level: Level
    name: str
    size: float
    interval: Interval | None
    case_ids: tuple[str, ...]
    values: NDArray[np.float64]
    own: tuple[str, ...]
    own_numbers: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CohortAttribution:
    """Attributions of every case that could be read.

    Attributes:
        cases: in the order of their ids.
        strata: cancer type of each; () where the cohort has none.
        left_out: cases that were not explained, and why.
    """

    cohort: str
    cases: tuple[CaseAttribution, ...]
    strata: tuple[str, ...]
    left_out: tuple[NotScored, ...]

    def by_stratum(self) -> dict[str, tuple[CaseAttribution, ...]]:
        """Cancer type -> its cases, most cases first."""
        names = [name for name, _ in Counter(self.strata).most_common()]
        return {
            name: tuple(case for case, own in zip(self.cases, self.strata, strict=True) if own == name)
            for name in names
        }


def attribute_cohort(
    predictor: Predictor,
    cohort: Cohort,
    *,
    method: Method = "integrated-gradients",
    target: str = "risk",
    baseline: str = TRAINING_MEAN,
    anyway: bool = False,
    progress: Progress | None = None,
) -> CohortAttribution:
    """Explain every case of a cohort that may be scored; one that cannot be read does not stop the rest.

    Args:
        anyway: also cases that are unlike the training cohort.

    Raises:
        InputError: none can be read.
        UnknownNameError: no such method or baseline.
        CancelledError: `progress` raised it.
    """
    found: dict[str, CaseAttribution] = {}
    left_out: list[NotScored] = []
    for done, case_id in enumerate(sorted(cohort.case_ids), start=1):
        seen = known_as(predictor.checkpoint, case_id) is not None
        ready = prepare(predictor, cohort, case_id, seen, anyway)
        if isinstance(ready, NotScored):
            left_out.append(ready)
        else:
            found[case_id] = attribute(predictor, ready.case, method=method, target=target, baseline=baseline)
        if progress:
            progress(done, len(cohort))
    if not found:
        reason = f" The first, {left_out[0].case_id}: {left_out[0].reason}" if left_out else ""
        raise InputError(f"No case of cohort {cohort.name} can be explained by {predictor.checkpoint.name}.{reason}")
    strata = strata_of(cohort.clinical, list(found))
    names = () if strata is None else tuple(str(name) for name in strata)
    return CohortAttribution(cohort.name, tuple(found.values()), names, tuple(left_out))


def modality_shares(
    cases: Sequence[CaseAttribution], *, n_resamples: int = 1000, seed: int = 0
) -> tuple[ModalityShare, ...]:
    """Share of each modality over some cases, in the order of `MODALITIES`; cases to which nothing adds count as 0."""
    values = np.array([[_modality(case, name) for name in MODALITIES] for case in cases])  # (n, M), NaN = lacks it
    sizes = np.nan_to_num(np.abs(values))
    total = sizes.sum(axis=1, keepdims=True)
    shares = np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0)
    driven = np.bincount(sizes.argmax(axis=1)[total[:, 0] > 0], minlength=len(MODALITIES))
    counts = draw_counts(len(cases), n_resamples, seed)
    return tuple(
        ModalityShare(
            name,
            int(here.sum()),
            float(shares[:, column].mean()),
            _interval(shares[:, column], counts),
            float(values[here, column].mean()),
            int(driven[column]),
        )
        for column, name in enumerate(MODALITIES)
        if (here := ~np.isnan(values[:, column])).any()
    )


def features_over(
    cases: Sequence[CaseAttribution], level: Level, *, n_resamples: int = 1000, seed: int = 0
) -> tuple[FeatureOverCases, ...]:
    """Pieces of one level over some cases, largest mean size first."""
    rows: dict[tuple[Modality, str], list[tuple[str, Piece]]] = {}
    for case in cases:
        for piece in case.of(level):
            rows.setdefault((piece.modality, piece.name), []).append((case.case_id, piece))
    counts = {n: draw_counts(n, n_resamples, seed) for n in {len(one) for one in rows.values()}}
    found = []
    for (modality, name), of_case in rows.items():
        ids, pieces = zip(*of_case, strict=True)
        values = np.array([piece.value for piece in pieces])
        numbers = np.array([np.nan if piece.own_number is None else piece.own_number for piece in pieces])
        sizes = np.abs(values)
        interval = _interval(sizes, counts[len(ids)])
        own = tuple(piece.own for piece in pieces)
        found.append(FeatureOverCases(modality, level, name, float(sizes.mean()), interval, ids, values, own, numbers))
    return tuple(sorted(found, key=lambda one: -one.size))


def _modality(case: CaseAttribution, name: Modality) -> float:
    return next((piece.value for piece in case.of("modality") if piece.modality == name), np.nan)


def _interval(values: NDArray[np.float64], counts: NDArray[np.float32]) -> Interval | None:
    if len(values) < 2:
        return None
    return percentile_interval((counts @ values).astype(np.float64) / len(values), LEVEL)
