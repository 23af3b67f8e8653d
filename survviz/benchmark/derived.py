"""Lines that train nothing: the mean of other lines' risks, and the truth of a synthetic cohort."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survviz.benchmark.predictions import FoldPredictions
from survviz.data.splits import NamedSplit
from survviz.errors import InputError

NO_TIMES: NDArray[np.float64] = np.zeros(0)
WORST_FIRST = ("last-epoch", "nested", "truth")
"""Protocols; of several, the first of these that is among them is stated."""


def mean_of_risks(members: Sequence[FoldPredictions]) -> FoldPredictions:
    """Each member's risks as z-scores among its own training patients, then their mean; a case that a member does not
    know is the mean of the others. It states no survival curve.

    Args:
        members: one per line, of the same fold.
    """
    first = members[0]
    test_ids, risk = _mean([(one.case_ids, one.z_score(one.risk)) for one in members])
    seen_ids, seen_risk = _mean([(one.seen_ids, one.z_score(one.seen_risk)) for one in members])
    return FoldPredictions(
        repeat=first.repeat,
        fold=first.fold,
        case_ids=test_ids,
        risk=risk,
        times=NO_TIMES,
        survival=np.zeros((len(test_ids), 0)),
        seen_ids=seen_ids,
        seen_risk=seen_risk,
        seconds=sum(one.seconds for one in members),
        epoch=0,
        protocol=min((one.protocol for one in members), key=WORST_FIRST.index),
    )


class Oracle:
    """The true log-hazard of every case of a cohort with planted truth (`survviz sample`), and its true curve."""

    def __init__(self, path: Path) -> None:
        """Read `truth/hazard.json`.

        Raises:
            InputError: it is missing, or not such a file.
        """
        try:
            truth = json.loads(path.read_text(encoding="utf-8"))
            self.log_hazard = {case: float(known["log_hazard"]) for case, known in truth["cases"].items()}
            self.shape, self.scale = float(truth["weibull"]["shape"]), float(truth["weibull"]["scale_months"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"The oracle {path} cannot be read ({error!r}); expected the truth/hazard.json of a sample cohort."
            ) from error

    def predict(self, planned: NamedSplit, times: NDArray[np.float64]) -> FoldPredictions:
        """What a model that knows the truth would say: S(t) = exp(-(t / scale)^shape exp(log_hazard)).

        Raises:
            InputError: a case has no known truth.
        """
        split = planned.split
        seen = (*split.train, *split.val)
        lost = [case for case in (*seen, *split.test) if case not in self.log_hazard]
        if lost:
            raise InputError(f"The oracle knows no hazard of {len(lost)} cases (first {lost[0]}).")
        risk = np.array([self.log_hazard[case] for case in split.test])
        cumulative = (times / self.scale) ** self.shape
        return FoldPredictions(
            repeat=planned.repeat,
            fold=planned.fold,
            case_ids=split.test,
            risk=risk,
            times=times,
            survival=np.exp(-np.exp(risk)[:, None] * cumulative),
            seen_ids=seen,
            seen_risk=np.array([self.log_hazard[case] for case in seen]),
            seconds=0.0,
            epoch=0,
            protocol="truth",
        )


def _mean(
    members: Sequence[tuple[tuple[str, ...], NDArray[np.float64]]],
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    known: dict[str, list[float]] = {}
    for ids, scores in members:
        for case, value in zip(ids, scores.tolist(), strict=True):
            known.setdefault(case, []).append(value)
    ids = tuple(sorted(known))
    return ids, np.array([np.mean(known[case]) for case in ids], dtype=np.float64)
