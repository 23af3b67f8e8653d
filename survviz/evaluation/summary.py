"""Every number that a table of results needs for one set of predictions, each with its interval or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from survviz.evaluation.concordance import bootstrap_ci, concordance_index
from survviz.evaluation.outcomes import UndefinedMetricError, check_outcomes

HORIZONS = (12.0, 36.0, 60.0)
"""Months at which AUC and Brier score are stated."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One statistic.

    Attributes:
        value: None where it is undefined; `reason` then says why.
        low: lower limit of its bootstrap interval over patients; None where there is none.
        high: upper limit.
        n: patients that it rests on.
        n_events: events among them.
        reason: why the value, or only its interval, is undefined; else empty.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_events: int
    reason: str = ""


def summarise(
    risk: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    survival: ArrayLike | None = None,
    times: ArrayLike | None = None,
    train_time: ArrayLike,
    train_event: ArrayLike,
    cutoff: float | None = None,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Mapping[str, Estimate]:
    """All statistics of one set of predictions.

    Args:
        risk: (n,) higher = worse.
        time: (n,) months.
        survival: (n, T) S(t) at `times`; NaN where the model states none. None: only what rests on the risk.
        times: (T,) months, ascending.
        train_time: (m,) months; outcomes of the training patients, from which the censoring distribution is taken.
        cutoff: of the risk, fixed in training; above it is the high group. None: no log-rank test.
        strata: (n,) for example the cancer type; None: no `within_c`.

    Returns:
        harrell_c, uno_c, auc_12, auc_36, auc_60, iauc; brier_12, brier_36, brier_60, ibs, calibration,
        d_calibration_p; logrank_p; and with strata within_c. Times are months.

    Raises:
        InputError: missing values, different lengths.
    """
    times_, events = check_outcomes(time, event)
    n, n_events = len(times_), int(events.sum())
    try:
        value = concordance_index(risk, times_, events)
        interval = bootstrap_ci(risk, times_, events, level=level, n_resamples=n_resamples, seed=seed)
    except UndefinedMetricError as error:
        return {"harrell_c": Estimate(None, None, None, n, n_events, str(error))}
    return {"harrell_c": Estimate(value, interval.low, interval.high, n, n_events)}
