"""Every number that a table of results needs for one set of predictions, with its interval or the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survviz.evaluation import closed_form, summary_bootstrap
from survviz.evaluation.brier import brier_score, integrated_brier_score
from survviz.evaluation.calibration import calibration_slope, observed_over_expected
from survviz.evaluation.concordance import concordance_index, within_strata_concordance
from survviz.evaluation.d_calibration import d_calibration, survival_at_own_time
from survviz.evaluation.dynamic_auc import cumulative_dynamic_auc
from survviz.evaluation.logrank import logrank
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.resampling import percentile_interval
from survviz.evaluation.scored import CALIBRATED_AT, HORIZONS, MONTHS, NO_CURVES, Scored
from survviz.evaluation.uno_concordance import uno_concordance


@dataclass(frozen=True, slots=True)
class Estimate:
    """One statistic.

    Attributes:
        value: None where it is undefined; `reason` then says why.
        low: lower limit of its bootstrap interval over patients; None where there is none.
        high: upper limit.
        n: patients that it rests on.
        n_events: events among them.
        reason: why the value is undefined, or how far it reaches; else empty.
        n_resamples: bootstrap resamples in which it is defined.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_events: int
    reason: str = ""
    n_resamples: int = 0


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
    n_resamples: int | None = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """All statistics of one set of predictions; one that is undefined stands there with its reason.

    Uno's C counts events before 60 months; `iauc` and `ibs` integrate over months 1 to 60. Where the follow-up of
    these or of the training patients, or the curves, end earlier, so do they, and `reason` says where. Intervals are
    bootstrap percentiles over patients, the training outcomes staying as they are; p-values have none. With many
    patients fewer resamples are drawn (see `summary_bootstrap.affordable`).

    Args:
        risk: (n,) higher = worse.
        time: (n,) months.
        survival: (n, T) S(t) at `times`; NaN beyond the end of a patient's curve. None: only what rests on the risk.
        times: (T,) months, increasing.
        train_time: (m,) months; outcomes of the training patients, from which the censoring distribution is taken.
        cutoff: of the risk, fixed in training; above it is the high group. None: no log-rank test.
        strata: (n,) for example the cancer type; None: no `within_c`.
        n_resamples: of the bootstrap. None: intervals in closed form, at once, for those statistics that have one.

    Returns:
        harrell_c, uno_c, auc_12, auc_36, auc_60, iauc; brier_12, brier_36, brier_60, ibs; calibration (slope at 36
        months), observed_expected (deaths by 36 months), d_calibration_p; logrank_p; and with strata within_c.

    Raises:
        InputError: missing values, negative times, different lengths.
    """
    scored = Scored.of(
        risk, time, event, survival=survival, times=times, train_time=train_time, train_event=train_event, strata=strata
    )
    outcomes = (scored.time, scored.event, CALIBRATED_AT)
    rows: dict[str, Callable[[], tuple[float, str]]] = {
        "harrell_c": lambda: (concordance_index(scored.risk, scored.time, scored.event), ""),
        "uno_c": lambda: _uno(scored),
        **{f"auc_{months:.0f}": lambda at=months: (_auc(scored, at), "") for months in HORIZONS},
        "iauc": lambda: _iauc(scored),
        **{f"brier_{months:.0f}": lambda at=months: (_brier(scored, at), "") for months in HORIZONS},
        "ibs": lambda: _ibs(scored),
        "calibration": lambda: (calibration_slope(scored.stated_at(CALIBRATED_AT), *outcomes), ""),
        "observed_expected": lambda: (observed_over_expected(scored.stated_at(CALIBRATED_AT), *outcomes), ""),
        "d_calibration_p": lambda: (_d_calibration_p(scored), ""),
        "logrank_p": lambda: (_logrank_p(scored, cutoff), ""),
    }
    if scored.strata is not None:
        labels = scored.strata
        rows["within_c"] = lambda: (
            within_strata_concordance(scored.risk, scored.time, scored.event, labels).value,
            "",
        )
    found = {name: _estimate(row, scored) for name, row in rows.items()}
    if n_resamples is None:
        limits = closed_form.intervals(scored, level)
        return {name: _with_limits(one, limits.get(name)) for name, one in found.items()}
    drawn = summary_bootstrap.resample(scored, n_resamples, seed)
    return {name: _with_interval(one, drawn.get(name), level) for name, one in found.items()}


def _estimate(row: Callable[[], tuple[float, str]], scored: Scored) -> Estimate:
    n, n_events = len(scored.time), int(scored.event.sum())
    try:
        value, reason = row()
    except UndefinedMetricError as error:
        return Estimate(None, None, None, n, n_events, str(error))
    return Estimate(value, None, None, n, n_events, reason)


def _with_limits(estimate: Estimate, limits: tuple[float, float] | None) -> Estimate:
    return estimate if estimate.value is None or limits is None else replace(estimate, low=limits[0], high=limits[1])


def _with_interval(estimate: Estimate, drawn: NDArray[np.float64] | None, level: float) -> Estimate:
    if estimate.value is None or drawn is None or np.isnan(drawn).all():
        return estimate
    interval = percentile_interval(drawn, level)
    return replace(estimate, low=interval.low, high=interval.high, n_resamples=interval.n_resamples)


def _reach(months: NDArray[np.float64]) -> str:
    if not len(months):
        raise UndefinedMetricError("Undefined: not even one month is covered by follow-up and curves.")
    return "" if len(months) == len(MONTHS) else f"Up to {months[-1]:.0f} months, where follow-up or curves end."


def _uno(scored: Scored) -> tuple[float, str]:
    value = uno_concordance(scored.risk, scored.time, scored.event, tau=scored.tau, **_train(scored))
    reached = (
        ""
        if scored.tau == MONTHS[-1]
        else f"Up to {scored.tau:.1f} months, where the follow-up known for censoring ends."
    )
    return value, reached


def _train(scored: Scored) -> dict[str, ArrayLike]:
    return {"train_time": scored.train_time, "train_event": scored.train_event}


def _auc(scored: Scored, months: float) -> float:
    return cumulative_dynamic_auc(scored.risk, scored.time, scored.event, [months], **_train(scored)).value()


def _iauc(scored: Scored) -> tuple[float, str]:
    months = scored.months
    reached = _reach(months)
    return cumulative_dynamic_auc(scored.risk, scored.time, scored.event, months, **_train(scored)).mean, reached


def _brier(scored: Scored, months: float) -> float:
    at = scored.survival_on(months)
    return brier_score(at, scored.time, scored.event, [months], **_train(scored)).value()


def _ibs(scored: Scored) -> tuple[float, str]:
    months = scored.curve_months
    reached = _reach(months)
    scores = brier_score(scored.survival_on(months), scored.time, scored.event, months, **_train(scored))
    return integrated_brier_score(scores), reached


def _d_calibration_p(scored: Scored) -> float:
    if scored.survival is None:
        raise UndefinedMetricError(NO_CURVES)
    return d_calibration(*survival_at_own_time(scored.survival, scored.times, scored.time, scored.event)).p_value


def _logrank_p(scored: Scored, cutoff: float | None) -> float:
    if cutoff is None:
        raise UndefinedMetricError("No cut-off was given, so there is no high and no low group.")
    return logrank(scored.time, scored.event, scored.risk > cutoff).p_value
