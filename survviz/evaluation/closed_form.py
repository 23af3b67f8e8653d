"""Intervals without a bootstrap: at once, also for ten thousand patients. Weights against censoring count as known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.evaluation.calibration import log_log, observed_over_expected, until
from survviz.evaluation.concordance import checked_predictions, pair_shares
from survviz.evaluation.cox import cox
from survviz.evaluation.kaplan_meier import kaplan_meier
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.per_time import weights_at
from survviz.evaluation.scored import CALIBRATED_AT, HORIZONS, Scored
from survviz.evaluation.summary_bootstrap import patient_errors

Limits = tuple[float, float]


def intervals(scored: Scored, level: float = 0.95) -> dict[str, Limits]:
    """Statistic of `summarise` -> its interval; those without a closed form, or without a value, are left out."""
    z = float(special.ndtri((1 + level) / 2))
    rows: dict[str, Callable[[], Limits]] = {
        "harrell_c": lambda: _around(*concordance_error(scored.risk, scored.time, scored.event), z),
        "ibs": lambda: _ibs(scored, z),
        "calibration": lambda: _slope(scored, level),
        "observed_expected": lambda: _observed_expected(scored, level),
    }
    for months in HORIZONS:
        rows[f"auc_{months:.0f}"] = lambda at=months: _around(*_auc_error(scored, at), z)
        rows[f"brier_{months:.0f}"] = lambda at=months: _mean(patient_errors(scored, np.array([at]))[:, 0], z)
    found = {}
    for name, row in rows.items():
        try:
            found[name] = row()
        except UndefinedMetricError:
            continue
    return found


def concordance_error(risk: ArrayLike, time: ArrayLike, event: ArrayLike) -> tuple[float, float]:
    """Concordance index and its standard error by the infinitesimal jackknife, as R's `survival::concordance`.

    Raises:
        UndefinedMetricError: no pair is comparable.
        InputError: NaN, negative times, different lengths.
    """
    risks, times, events = checked_predictions(risk, time, event)
    won, pairs = pair_shares(risks, times, events)
    total = pairs.sum() / 2
    value = float(won.sum() / 2 / total)
    return value, float(np.sqrt((((won - value * pairs) / total) ** 2).sum()))


def auc_error(
    risk: NDArray[np.float64], weights: NDArray[np.float64], controls: NDArray[np.bool_]
) -> tuple[float, float]:
    """AUC at one time and its standard error by the infinitesimal jackknife (DeLong's with weighted cases).

    Args:
        weights: (n,) 1 / G of those who died by the time, else 0.
        controls: (n,) who lived beyond it.

    Raises:
        UndefinedMetricError: there is no case, or no control.
    """
    cases = weights > 0
    if not cases.any() or not controls.any():
        raise UndefinedMetricError("The AUC is undefined: nobody has died by then, or nobody lived beyond.")
    rivals, own, share = risk[controls], risk[cases], weights[cases] / weights.sum()
    beaten = _share_below(np.sort(rivals), np.ones(len(rivals)) / len(rivals), own)  # per case
    order = np.argsort(own, kind="stable")
    above = 1 - _share_below(own[order], share[order], rivals)  # per control
    value = float(share @ beaten)
    return value, float(np.sqrt(((share * (beaten - value)) ** 2).sum() + (((above - value) / len(rivals)) ** 2).sum()))


def _share_below(
    knots: NDArray[np.float64], weights: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weight of the sorted knots below each value, half of that of equal ones."""
    passed = np.concatenate([[0.0], np.cumsum(weights)])
    sides = [passed[np.searchsorted(knots, values, side=side)] for side in ("left", "right")]
    return (sides[0] + sides[1]) / 2


def _around(value: float, error: float, z: float) -> Limits:
    return max(0.0, value - z * error), min(1.0, value + z * error)


def _auc_error(scored: Scored, months: float) -> tuple[float, float]:
    return auc_error(scored.risk, *weights_at(scored.time, scored.event, scored.censoring, months))


def _mean(values: NDArray[np.float64], z: float) -> Limits:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
    if np.isnan(error):
        raise UndefinedMetricError("One patient has no spread.")
    return max(0.0, float(values.mean()) - z * error), float(values.mean()) + z * error


def _ibs(scored: Scored, z: float) -> Limits:
    months = scored.curve_months
    if len(months) < 2:
        raise UndefinedMetricError("Fewer than two months are covered.")
    integral = np.trapezoid(patient_errors(scored, months), months, axis=1) / (months[-1] - months[0])
    return _mean(integral, z)


def _slope(scored: Scored, level: float) -> Limits:
    stated = scored.stated_at(CALIBRATED_AT)
    outcomes = until(scored.time, scored.event, CALIBRATED_AT)
    fitted = cox(log_log(stated)[:, None], *outcomes, terms=["stated survival"], level=level)
    reach = float(special.ndtri((1 + level) / 2) * fitted.errors[0])
    return float(fitted.coefficients[0]) - reach, float(fitted.coefficients[0]) + reach


def _observed_expected(scored: Scored, level: float) -> Limits:
    """Kaplan-Meier's own limits at the horizon over what was stated, which counts as known."""
    stated = scored.stated_at(CALIBRATED_AT)
    observed_over_expected(stated, scored.time, scored.event, CALIBRATED_AT)
    low, high = kaplan_meier(scored.time, scored.event, level=level).limits_at(CALIBRATED_AT)
    if np.isnan(low) or np.isnan(high):
        raise UndefinedMetricError("Kaplan-Meier has no limits there.")
    expected = 1 - float(stated.mean())
    return (1 - float(high)) / expected, (1 - float(low)) / expected
