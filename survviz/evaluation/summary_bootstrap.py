"""The bootstrap of a summary: every statistic on the same resamples of patients, as counts, without refitting weights.

The censoring distribution belongs to the training patients and stays as it is; the patients of the test are drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from survviz.evaluation.brier import squared_errors
from survviz.evaluation.calibration import log_log, until
from survviz.evaluation.dynamic_auc import resampled_auc
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.partial_likelihood import cox_coefficients
from survviz.evaluation.per_time import weights_at
from survviz.evaluation.resampling import draw_counts, resampled_concordance, resampled_survival
from survviz.evaluation.scored import CALIBRATED_AT, HORIZONS, Scored
from survviz.evaluation.uno_concordance import uno_weights

Counts = NDArray[np.float32]
Values = NDArray[np.float64]

PAIRS_COMPARED = 2e11
FEWEST_RESAMPLES = 100
NUMBERS_AT_ONCE = 2_000_000


def affordable(n: int, n_events: int, n_resamples: int) -> int:
    """Resamples to draw: as many as asked, unless patients x events x resamples exceeds 2e11 (about a minute)."""
    return min(n_resamples, max(FEWEST_RESAMPLES, int(PAIRS_COMPARED / max(1, n * n_events))))


def resample(scored: Scored, n_resamples: int, seed: int) -> dict[str, Values]:
    """Statistic -> (R,) its value in every resample, NaN where it has none; undefined statistics are left out."""
    n = len(scored.time)
    if n == 0 or n_resamples == 0:
        return {}
    counts = draw_counts(n, affordable(n, int(scored.event.sum()), n_resamples), seed)
    rows: dict[str, Callable[[], Values]] = {
        "harrell_c": lambda: resampled_concordance(scored.risk, scored.time, scored.event, counts),
        "uno_c": lambda: _uno(scored, counts),
        "iauc": lambda: _blocks(counts, lambda part: _iauc(scored, part)),
        "ibs": lambda: _ibs(scored, counts),
        "calibration": lambda: _blocks(counts, _slope(scored)),
        "observed_expected": lambda: _blocks(counts, _observed_expected(scored)),
    }
    for months in HORIZONS:
        rows[f"auc_{months:.0f}"] = lambda at=months: _blocks(counts, lambda part: _auc(scored, at, part))
        rows[f"brier_{months:.0f}"] = lambda at=months: counts @ patient_errors(scored, np.array([at]))[:, 0] / n
    if scored.strata is not None:
        labels = scored.strata
        rows["within_c"] = lambda: resampled_concordance(scored.risk, scored.time, scored.event, counts, labels=labels)
    return {name: values for name, row in rows.items() if (values := _defined(row)) is not None}


def _defined(row: Callable[[], Values]) -> Values | None:
    try:
        return row()
    except UndefinedMetricError:
        return None


def _blocks(counts: Counts, values: Callable[[Counts], Values]) -> Values:
    """The values of all resamples, some at a time, so that memory stays flat."""
    parts = np.array_split(counts, max(1, counts.size // NUMBERS_AT_ONCE))
    return np.concatenate([values(part) for part in parts])


def _uno(scored: Scored, counts: Counts) -> Values:
    weights = uno_weights(scored.time, scored.event, scored.censoring, scored.tau)
    return resampled_concordance(scored.risk, scored.time, scored.event, counts, weights=weights)


def _auc(scored: Scored, months: float, counts: Counts) -> Values:
    return resampled_auc(scored.risk, *weights_at(scored.time, scored.event, scored.censoring, months), counts)


def _iauc(scored: Scored, counts: Counts) -> Values:
    months = scored.months
    if not len(months):
        return np.full(len(counts), np.nan)
    survival = resampled_survival(scored.time, scored.event, counts, months)
    fall = -np.diff(survival, prepend=1.0, axis=1)  # (R, M)
    total = np.zeros(len(counts))
    for index, month in enumerate(months):
        aucs = _auc(scored, float(month), counts)
        total += np.where(fall[:, index] == 0, 0.0, fall[:, index] * aucs)
    dead = fall.sum(axis=1)
    return np.divide(total, dead, out=np.full(len(counts), np.nan), where=dead > 0)


def patient_errors(scored: Scored, months: Values) -> Values:
    """(n, M) every patient's part in the Brier score."""
    stated = scored.survival_on(months)
    columns = [
        squared_errors(stated[:, index], scored.time, scored.event, scored.censoring, float(month))
        for index, month in enumerate(months)
    ]
    return np.column_stack(columns)


def _ibs(scored: Scored, counts: Counts) -> Values:
    months = scored.curve_months
    if len(months) < 2:
        return np.full(len(counts), np.nan)
    integral = np.trapezoid(patient_errors(scored, months), months, axis=1) / (months[-1] - months[0])
    return counts @ integral / len(integral)


def _slope(scored: Scored) -> Callable[[Counts], Values]:
    x = log_log(scored.stated_at(CALIBRATED_AT))[:, None]
    outcomes = until(scored.time, scored.event, CALIBRATED_AT)
    return lambda counts: cox_coefficients(x, *outcomes, counts)[:, 0]


def _observed_expected(scored: Scored) -> Callable[[Counts], Values]:
    dead = 1 - scored.stated_at(CALIBRATED_AT)
    at = np.array([CALIBRATED_AT])

    def values(counts: Counts) -> Values:
        expected = counts @ dead / len(dead)
        observed = 1 - resampled_survival(scored.time, scored.event, counts, at)[:, 0]
        return np.divide(observed, expected, out=np.full(len(counts), np.nan), where=expected > 0)

    return values
