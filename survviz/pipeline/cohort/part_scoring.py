"""Scores a part of a cohort: the same rows, whichever process does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survviz.checkpoint.curves import HORIZONS_MONTHS, curve_knots
from survviz.data.cohort import Cohort
from survviz.pipeline.cohort.evaluation import thinned
from survviz.pipeline.cohort.parts import Part
from survviz.pipeline.cohort.results import HAS, SURVIVAL_AT
from survviz.pipeline.cohort.scoring import NotScored, score_cohort
from survviz.pipeline.predictor import Predictor
from survviz.types import MODALITIES, Prediction, Progress


def curve_times(predictor: Predictor) -> NDArray[np.float64]:
    """Months (T,) at which the curves of all cases are kept: every bend of every fold's curves; very many are thinned.

    A case that only some folds may score has NaN beyond the follow-up of those folds.
    """
    checkpoint = predictor.checkpoint
    knots = [
        curve_knots(checkpoint.preprocess(fold).bins, checkpoint.baselines[fold]) for fold in range(checkpoint.n_folds)
    ]
    end = max(one[-1] for one in knots)
    times = np.unique(np.concatenate([[0.0], *knots, HORIZONS_MONTHS]))
    return thinned(times[(times >= 0) & (times <= end)])


@dataclass(frozen=True, slots=True)
class PartScorer:
    """What all parts share.

    Attributes:
        cohort: its tables in the units of the checkpoint.
    """

    predictor: Predictor
    cohort: Cohort
    anyway: bool
    batch_size: int
    times: NDArray[np.float64]

    def score(self, ids: Sequence[str], progress: Progress | None = None) -> Part:
        """These cases, each by the models that never saw it.

        Args:
            progress: called with (cases done, cases of the part).
        """
        some = self.cohort.subset(ids)
        options: dict[str, Any] = {"anyway": self.anyway, "batch_size": self.batch_size}
        unseen = score_cohort(self.predictor, some, progress=progress, **options)
        members = [one.case_id for one in unseen.not_scored if one.kind == "training"]
        own = score_cohort(self.predictor, some.subset(members), training_cases=True, **options) if members else None
        predictions = [*unseen.predictions, *(own.predictions if own else ())]
        refused = [one for one in unseen.not_scored if one.kind != "training"] + list(own.not_scored if own else ())
        predictions.sort(key=lambda one: one.case_id)
        known = set(members)
        return Part(
            [self._row(one, "out of fold" if one.case_id in known else "unseen") for one in predictions],
            np.array([self._curve(one) for one in predictions], dtype=np.float32).reshape(-1, len(self.times)),
            [refusal(one) for one in refused],
        )

    def _row(self, one: Prediction, standing: str) -> dict[str, Any]:
        taken = self.predictor.modalities
        several = len(one.risk_per_fold) > 1
        warned = [notice.text for notice in one.notices if notice.level != "info"]
        return {
            "case_id": one.case_id,
            "risk": one.risk,
            "risk_sd": float(one.risk_per_fold.std(ddof=1)) if several else None,
            "percentile": one.percentile,
            "group": one.group,
            **{SURVIVAL_AT[at.months]: at.survival for at in one.horizons},
            **{HAS[name]: name in one.present for name in MODALITIES if name in taken},
            "n_slides": len(self.cohort.slide_ids(one.case_id)),
            "standing": standing,
            "folds": " ".join(str(fold + 1) for fold in one.folds),
            "notices": " ".join([*warned, *self._unencoded(one)]),
        }

    def _unencoded(self, one: Prediction) -> list[str]:
        """Slides that a model of slides could not read, for they have no features yet."""
        if "pathology" not in self.predictor.modalities:
            return []
        slides = self.cohort.slide_ids(one.case_id)
        n = sum(slide not in self.cohort.features for slide in slides)
        return [f"{n} of {len(slides)} slides are not encoded (`survviz extract --cohort`)."] if n else []

    def _curve(self, one: Prediction) -> NDArray[np.float64]:
        return np.interp(self.times, one.times, one.survival, right=np.nan)


def refusal(one: NotScored) -> dict[str, str]:
    """A row of `not_scored`."""
    return {"case_id": one.case_id, "kind": one.kind, "reason": one.reason}
