"""A checkpoint on a cohort folder: who may be scored, what the models say of them, and how well that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.checkpoint.curves import HORIZONS_MONTHS
from survviz.data.cohort import Cohort, load_cohort, read_cohort_toml
from survviz.data.genes import shorten
from survviz.data.omics_units import in_units_of
from survviz.errors import InputError
from survviz.evaluation import Calibration, Estimate, UndefinedMetricError, bootstrap_ci, calibration_at, summarise
from survviz.evaluation import concordance_index as c_index
from survviz.pipeline.cohort.scoring import NotScored, Scores, score_cohort
from survviz.pipeline.predictor import Predictor
from survviz.types import Modality, Prediction, Progress

CALIBRATED_AT = 36.0
STRATUM = "Cancer type"
NOT_RECORDED = "not recorded"
MOST_TIMES = 600
CENSORING = ("auto", "training", "cohort")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a checkpoint did on a cohort.

    Attributes:
        protocol: who was scored, by which models, in one sentence; it belongs on every number.
        censoring: whose follow-up the weights are made of, "training" or "cohort".
        predictions: of the scored cases, by case id.
        time: (n,) months, in the same order.
        event: (n,)
        estimates: the statistics of `survviz.evaluation.summarise`.
        calibration: at 36 months; None where it is undefined.
        by_stratum: cancer type -> C-index within it; empty where the cohort has one type, or none recorded.
        not_scored: the other cases of the cohort, each with its reason.
        missing: modality of the model -> scored cases without it.
        warnings: code -> (cases, the first one's text).
        converted: (table, declared unit, the model's unit) of tables that were put into the model's unit.
    """

    checkpoint: str
    model: str
    cohort: str
    protocol: str
    censoring: str
    n_cohort: int
    predictions: tuple[Prediction, ...]
    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    estimates: Mapping[str, Estimate]
    calibration: Calibration | None
    by_stratum: Mapping[str, Estimate]
    not_scored: tuple[NotScored, ...]
    missing: Mapping[Modality, int]
    warnings: Mapping[str, tuple[int, str]]
    converted: tuple[tuple[str, str, str], ...] = ()


def load_for_evaluation(folder: str | Path, endpoint: str | None = None) -> Cohort:
    """A cohort folder, read tolerantly: rows of the outcome table that cannot be used are left out and counted.

    Args:
        endpoint: NAME of another outcome than `cohort.toml` names, in the columns NAME and NAME.time (TCGA's form: PFI
            and PFI.time), with the same unit and coding.

    Raises:
        InputError: the folder is no cohort, the endpoint has no such columns, or no row can be used.
    """
    section = read_cohort_toml(Path(folder)).clinical.model_copy(update={"bad_rows": "leave out"})
    if endpoint is not None:
        section = section.model_copy(update={"event": endpoint, "time": f"{endpoint}.time"})
    return load_cohort(folder, clinical=section)


def evaluate(
    predictor: Predictor,
    cohort: Cohort,
    *,
    training_cases: bool = False,
    anyway: bool = False,
    censoring: str = "auto",
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Score every case that the checkpoint never saw, and compare with the outcomes.

    Weights against censoring are right only for patients who are followed alike. For the training cohort and its
    held-out cases they come from the training patients; another cohort has a follow-up of its own, and gives its own.
    What lies beyond the follow-up of those patients is undefined. The cut-off is the training cohort's.

    Args:
        training_cases: score the cases of the training cohort instead, each by the model that never saw it.
        anyway: also score cases that are unlike the training cohort.
        censoring: "auto" as above; "training" or "cohort" to insist.

    Raises:
        InputError: `censoring` is neither; no case can be scored; the reasons are counted.
    """
    if censoring not in CENSORING:
        raise InputError(f"Censoring weights from {censoring!r} were asked; expected {', '.join(CENSORING)}.")
    cohort, converted = in_units_of(cohort, predictor.checkpoint.preprocess(0).ood.omics)
    scores = score_cohort(predictor, cohort, training_cases=training_cases, anyway=anyway, progress=progress)
    if not scores.predictions:
        raise InputError(_why_nothing(cohort, scores.not_scored, training_cases))
    ids = [one.case_id for one in scores.predictions]
    time, event = cohort.time.loc[ids].to_numpy(dtype=float), cohort.event.loc[ids].to_numpy(dtype=bool)
    risk = np.array([one.risk for one in scores.predictions])
    times, survival = common_curves(scores.predictions)
    strata = strata_of(cohort.clinical, ids)
    reference = predictor.checkpoint.reference
    followed = _followed(scores, training_cases) if censoring == "auto" else censoring
    train_time, train_event = reference.curves["all"].outcomes() if followed == "training" else (time, event)
    estimates = summarise(
        risk, time, event, survival=survival, times=times, train_time=train_time, train_event=train_event,
        cutoff=reference.cutoff, strata=strata, level=level, n_resamples=n_resamples, seed=seed,
    )  # fmt: skip
    return Evaluation(
        checkpoint=predictor.checkpoint.name,
        model=predictor.checkpoint.config.model,
        cohort=cohort.name,
        protocol=_protocol(predictor, scores, training_cases),
        censoring=followed,
        n_cohort=len(cohort),
        predictions=scores.predictions,
        time=time,
        event=event,
        estimates=estimates,
        calibration=_calibration(scores.predictions, time, event),
        by_stratum={} if strata is None else _by_stratum(risk, time, event, strata, level, n_resamples, seed),
        not_scored=scores.not_scored,
        missing=_missing(predictor, scores.predictions),
        warnings=_warnings(scores.predictions),
        converted=converted,
    )


def common_curves(predictions: Sequence[Prediction]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (T,) of all curves together, and (n, T) S, linear in between; NaN beyond the end of a curve.

    Very many times (those of baseline hazards) are thinned evenly; 1, 3 and 5 years stay.
    """
    times = thinned(np.unique(np.concatenate([one.times for one in predictions])))
    curves = [np.interp(times, one.times, one.survival, right=np.nan) for one in predictions]
    return times, np.array(curves)


def thinned(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most 600 or so of sorted times, evenly; 1, 3 and 5 years stay."""
    if len(times) <= MOST_TIMES:
        return times
    kept = np.linspace(0, len(times) - 1, MOST_TIMES).round().astype(int)
    return np.union1d(times[kept], [months for months in HORIZONS_MONTHS if months <= times[-1]])


def strata_of(clinical: pd.DataFrame, ids: list[str]) -> NDArray[np.str_] | None:
    """Cancer type of each case; None where there is one type only."""
    if STRATUM not in clinical.columns:
        return None
    values = clinical.loc[ids, STRATUM]
    labels = np.array([NOT_RECORDED if value is None or value != value else str(value) for value in values])
    return labels if len(np.unique(labels)) > 1 else None


def _by_stratum(
    risk: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    strata: NDArray[np.str_],
    level: float,
    n_resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    found = {}
    for name in np.unique(strata):
        rows = strata == name
        n, n_events = int(rows.sum()), int(event[rows].sum())
        part = risk[rows], time[rows], event[rows]
        try:
            value, interval = c_index(*part), bootstrap_ci(*part, level=level, n_resamples=n_resamples, seed=seed)
            found[str(name)] = Estimate(value, interval.low, interval.high, n, n_events, "", interval.n_resamples)
        except UndefinedMetricError as error:
            found[str(name)] = Estimate(None, None, None, n, n_events, str(error))
    return found


def _calibration(
    predictions: Sequence[Prediction], time: NDArray[np.float64], event: NDArray[np.bool_]
) -> Calibration | None:
    stated = [next(at.survival for at in one.horizons if at.months == CALIBRATED_AT) for one in predictions]
    known = [value for value in stated if value is not None]
    n_groups = min(5, max(2, len(known) // 20))
    try:
        return (
            calibration_at(known, time, event, CALIBRATED_AT, n_groups=n_groups) if len(known) == len(stated) else None
        )
    except UndefinedMetricError:
        return None


def _followed(scores: Scores, training_cases: bool) -> str:
    """Whose follow-up is that of the scored cases: the training patients', where they are of the same cohort."""
    same = training_cases or any(one.kind == "training" for one in scores.not_scored)
    return "training" if same else "cohort"


def _protocol(predictor: Predictor, scores: Scores, training_cases: bool) -> str:
    name, n_folds = predictor.checkpoint.name, predictor.checkpoint.n_folds
    n_training = sum(one.kind == "training" for one in scores.not_scored)
    if training_cases:
        return f"Out of fold: cases of the training cohort of {name}, each scored only by the model that never saw it."
    models = f"mean of its {n_folds} models" if n_folds > 1 else "its one model"
    if n_training:
        return (
            f"Held-out cases of a cohort that {name} was trained on, {models}; the {n_training} training cases in the "
            "folder are left out."
        )
    if predictor.checkpoint.config.guarantee is not None:
        return (
            f"External validation only as far as the folder holds none of the patients that {name} was trained on: a "
            f"checkpoint with a privacy guarantee cannot tell; {models}."
        )
    return f"External validation: no case of the folder is in the training cohort of {name} (by case id); {models}."


def _missing(predictor: Predictor, predictions: Sequence[Prediction]) -> dict[Modality, int]:
    taken = predictor.checkpoint.preprocess(0).modalities
    return {name: sum(name not in one.present for one in predictions) for name in taken}


def _warnings(predictions: Sequence[Prediction]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for one in predictions:
        for code, text in {notice.code: notice.text for notice in one.notices if notice.level != "info"}.items():
            n, first = found.get(code, (0, f"{one.case_id}: {text}"))
            found[code] = (n + 1, first)
    return found


def _why_nothing(cohort: Cohort, not_scored: Sequence[NotScored], training_cases: bool) -> str:
    kinds = {
        kind: [one for one in not_scored if one.kind == kind] for kind in ("training", "outside", "unlike", "error")
    }
    parts = []
    if kinds["training"]:
        parts.append(f"{len(kinds['training'])} are in the training cohort (--training-cases scores them out of fold)")
    if kinds["outside"]:
        parts.append(f"{len(kinds['outside'])} are not in the training cohort, which --training-cases asks for")
    if kinds["unlike"]:
        first = kinds["unlike"][0]
        parts.append(
            f"{len(kinds['unlike'])} are unlike the training cohort (--anyway scores them; {first.case_id}: "
            f"{first.reason})"
        )
    if kinds["error"]:
        texts = list(dict.fromkeys(one.reason for one in kinds["error"]))
        parts.append(f"{len(kinds['error'])} cannot be read ({shorten(texts, 2)})")
    return f"None of the {len(cohort)} cases of {cohort.name!r} was scored: {'; '.join(parts)}."
