"""How well a scored cohort was told: discrimination, calibration, use of a decision, for everybody and in subgroups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.evaluation import (
    Calibration,
    DCalibration,
    DecisionCurve,
    Estimate,
    PerTime,
    Recalibration,
    UndefinedMetricError,
    brier_score,
    calibration_at,
    concordance_error,
    cumulative_dynamic_auc,
    d_calibration,
    decision_curve,
    kaplan_meier,
    recalibrate,
    summarise,
    survival_at_own_time,
)
from survviz.pipeline.cohort.evaluation import strata_of
from survviz.pipeline.cohort.observation import Observation, Observed, observed
from survviz.pipeline.cohort.patient_groups import by_clinical
from survviz.pipeline.cohort.results import CohortResults
from survviz.pipeline.cohort.stratification import FEWEST_EVENTS, FEWEST_PATIENTS

HORIZONS = (12.0, 36.0, 60.0)
THRESHOLDS = np.arange(1, 100) / 100
Z95 = 1.959963984540054
CENSORING = "Weights against censoring are from the follow-up of these patients."


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions beside outcomes.

    Attributes:
        survival: (n, T) as stated, at `times`.
        n_out_of_fold: patients of the training cohort among them.
    """

    seen: Observed
    risk: NDArray[np.float64]
    survival: NDArray[np.float64]
    times: NDArray[np.float64]
    n_out_of_fold: int

    def at(self, months: float) -> NDArray[np.float64]:
        """(n,) stated S at one time; NaN beyond the end of a curve."""
        right = np.clip(np.searchsorted(self.times, months), 1, len(self.times) - 1)
        share = (months - self.times[right - 1]) / (self.times[right] - self.times[right - 1])
        values = self.survival[:, right - 1] * (1 - share) + self.survival[:, right] * share
        return values if months <= self.times[-1] else np.full(len(self.risk), np.nan)


@dataclass(frozen=True, slots=True)
class Validation:
    """A checkpoint on a cohort.

    Attributes:
        estimates: as `survviz.evaluation.summarise`.
        bootstrap: intervals are from resamples of patients; else in closed form.
        over_time: "AUC", "Brier score" -> by month.
        calibration: months -> calibration, or why it is undefined.
        d: D-calibration, or why it is undefined.
    """

    endpoint: str
    n: int
    n_events: int
    n_out_of_fold: int
    estimates: Mapping[str, Estimate]
    bootstrap: bool
    over_time: Mapping[str, PerTime]
    calibration: Mapping[float, Calibration | str]
    d: DCalibration | str


@dataclass(frozen=True, slots=True)
class Subgroup:
    """The estimates among some of the patients.

    Attributes:
        c_index: with a closed-form interval, or the reason why there is none.
        observed_expected: events by the horizon over what was stated.
    """

    variable: str
    name: str
    c_index: Estimate
    observed_expected: Estimate


def scored(results: CohortResults, asked: Observation) -> Scored:
    """Predictions and outcomes of everybody whose outcome is known, from time 0.

    Raises:
        InputError: a landmark or late entry was asked: what the model states holds from time 0 on.
    """
    if asked.landmark or asked.entry_column:
        raise InputError(
            "The model states survival from time 0, so its validation has neither landmark nor late entry. Set the "
            "landmark to 0 and 'At risk from' to time 0 above."
        )
    seen = observed(results, asked)
    rows = results.table.index.get_indexer(seen.cases)
    return Scored(
        seen, results.table["risk"].to_numpy(dtype=np.float64)[rows], results.survival[rows], results.times,
        int((results.table["standing"].to_numpy()[rows] == "out of fold").sum()),
    )  # fmt: skip


def validate(results: CohortResults, asked: Observation, *, n_resamples: int | None = None) -> Validation:
    """All statistics of the scored patients.

    Args:
        n_resamples: of a bootstrap over patients; None: intervals in closed form, at once.

    Raises:
        InputError: as `scored`.
    """
    found = scored(results, asked)
    seen, train = found.seen, {"train_time": found.seen.time, "train_event": found.seen.event}
    outcomes = seen.time, seen.event
    estimates = summarise(
        found.risk, *outcomes, survival=found.survival, times=found.times, **train, cutoff=results.cutoff,
        strata=strata_of(results.clinical, list(seen.cases)), n_resamples=n_resamples,
    )  # fmt: skip
    months = np.arange(3.0, min(120.0, float(np.quantile(seen.time, 0.95))) + 1e-9, 3.0)
    over_time: dict[str, PerTime] = {}
    if len(months):
        over_time["AUC"] = cumulative_dynamic_auc(found.risk, *outcomes, months, **train)
        stated = np.column_stack([found.at(month) for month in months])
        over_time["Brier score"] = brier_score(stated, *outcomes, months, **train)
    return Validation(
        seen.endpoint, len(seen.cases), int(seen.event.sum()), found.n_out_of_fold, estimates,
        n_resamples is not None, over_time, {at: _calibration(found, at) for at in HORIZONS}, _d(found),
    )  # fmt: skip


def decide(results: CohortResults, asked: Observation, horizon: float) -> DecisionCurve:
    """Net benefit of acting on the stated risk of an event by the horizon.

    Raises:
        UndefinedMetricError: the curves end before the horizon, or nobody is followed so long.
    """
    found = scored(results, asked)
    return decision_curve(stated_at(found, horizon), found.seen.time, found.seen.event, horizon, thresholds=THRESHOLDS)


def recalibrated(results: CohortResults, asked: Observation, horizon: float) -> tuple[Recalibration, pd.DataFrame]:
    """What these patients say about the stated survival; and per patient what was stated and the corrected survival.

    Raises:
        UndefinedMetricError: the curves end before the horizon, or nobody dies by then.
    """
    found = scored(results, asked)
    stated, seen = stated_at(found, horizon), found.seen
    own, _ = survival_at_own_time(found.survival, found.times, np.minimum(seen.time, horizon), seen.event)
    made = recalibrate(stated, seen.time, seen.event, horizon, at_own_time=own)
    if made.baseline.times[-1] < horizon:
        raise UndefinedMetricError(
            f"Nobody is followed until {horizon:g} months, so nothing can be recalibrated there."
        )
    corrected = made.survival(stated, [horizon])[:, 0]
    return made, pd.DataFrame({"stated": stated, "recalibrated": corrected}, index=seen.cases)


def subgroups(
    results: CohortResults, asked: Observation, columns: tuple[str, ...], horizon: float
) -> tuple[Subgroup, ...]:
    """Discrimination and level among the patients of each value of some clinical variables; everybody first.

    Raises:
        InputError: as `scored`, or there is no such column.
    """
    found = scored(results, asked)
    rows = [("", "All patients", found.seen.cases)]
    for column in columns:
        made = by_clinical(results, found.seen.cases, column)
        labels = made.labels.to_numpy(dtype=str)
        rows += [(column, name, pd.Index(np.asarray(made.labels.index)[labels == name])) for name in made.order]
    return tuple(_subgroup(found, variable, name, cases, horizon) for variable, name, cases in rows)


def stated_at(found: Scored, horizon: float) -> NDArray[np.float64]:
    """(n,) S(horizon).

    Raises:
        UndefinedMetricError: a curve ends before.
    """
    stated = found.at(horizon)
    if np.isnan(stated).any():
        raise UndefinedMetricError(
            f"The model states no survival at {horizon:g} months: its training cohort was not followed so long."
        )
    return np.clip(stated, 0, 1)


def _calibration(found: Scored, horizon: float) -> Calibration | str:
    n_groups = min(10, max(2, len(found.risk) // 40))
    try:
        return calibration_at(stated_at(found, horizon), found.seen.time, found.seen.event, horizon, n_groups=n_groups)
    except UndefinedMetricError as error:
        return str(error)


def _d(found: Scored) -> DCalibration | str:
    try:
        own = survival_at_own_time(found.survival, found.times, found.seen.time, found.seen.event)
        return d_calibration(np.clip(own[0], 0, 1), own[1])
    except UndefinedMetricError as error:
        return str(error)


def _subgroup(found: Scored, variable: str, name: str, cases: pd.Index, horizon: float) -> Subgroup:
    rows = found.seen.cases.isin(cases)
    time, event = found.seen.time[rows], found.seen.event[rows]
    n, n_events = len(time), int(event.sum())
    if n < FEWEST_PATIENTS or n_events < FEWEST_EVENTS:
        too_few = f"Hidden: fewer than {FEWEST_PATIENTS} patients or {FEWEST_EVENTS} events."
        hidden = Estimate(None, None, None, n, n_events, too_few)
        return Subgroup(variable, name, hidden, hidden)
    try:
        value, error = concordance_error(found.risk[rows], time, event)
        c_index = Estimate(value, max(0.0, value - Z95 * error), min(1.0, value + Z95 * error), n, n_events)
    except UndefinedMetricError as reason:
        c_index = Estimate(None, None, None, n, n_events, str(reason))
    return Subgroup(variable, name, c_index, _level(found, rows, time, event, horizon))


def _level(
    found: Scored, rows: NDArray[np.bool_], time: NDArray[np.float64], event: NDArray[np.bool_], horizon: float
) -> Estimate:
    n, n_events = len(time), int(event.sum())
    try:
        expected = float(1 - stated_at(found, horizon)[rows].mean())
        curve = kaplan_meier(time, event)
        lived, (low, high) = float(curve.at(horizon)), map(float, curve.limits_at(horizon))
        if np.isnan([lived, low, high]).any() or expected <= 0:
            raise UndefinedMetricError(f"None of these {n} is followed until {horizon:g} months, or all have died.")
        return Estimate((1 - lived) / expected, (1 - high) / expected, (1 - low) / expected, n, n_events)
    except UndefinedMetricError as reason:
        return Estimate(None, None, None, n, n_events, str(reason))
