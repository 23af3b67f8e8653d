"""Is one model better than another, on the same patients?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.errors import InputError
from survviz.evaluation.concordance import checked_predictions, concordance_index, within_strata_concordance
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_same_length
from survviz.evaluation.resampling import draw_counts, percentile_interval, resampled_concordance


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """C of the first model minus C of the second, on the same patients.

    Attributes:
        low: lower limit of its bootstrap interval over patients.
        p_value: two-sided, twice the smaller share of resamples on one side of 0 (with one added to both counts).
        n_resamples: on which both are defined.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n: int
    n_events: int
    n_resamples: int


def paired_bootstrap(
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """Bootstrap of a difference in concordance; each resample draws the same patients for both models.

    It speaks of these two sets of predictions, not of training again: for that, see `corrected_resampled_t`.

    Args:
        risk_a: (n,) of the first model.
        risk_b: (n,) of the second, for the same patients in the same order.
        strata: (n,) labels; only pairs of the same stratum are then compared.

    Raises:
        UndefinedMetricError: no pair is comparable.
        InputError: NaN, negative times, different lengths.
    """
    first, times, events = checked_predictions(risk_a, time, event)
    second, _, _ = checked_predictions(risk_b, time, event)
    labels = np.zeros(len(first), dtype=int) if strata is None else np.unique(strata, return_inverse=True)[1]
    check_same_length(risk=first, strata=labels)
    if strata is None:
        observed = concordance_index(first, times, events) - concordance_index(second, times, events)
    else:
        values = [within_strata_concordance(risk, times, events, labels).value for risk in (first, second)]
        observed = values[0] - values[1]
    counts = draw_counts(len(first), n_resamples, seed)
    drawn_a, drawn_b = (resampled_concordance(risk, times, events, counts, labels=labels) for risk in (first, second))
    drawn = drawn_a - drawn_b
    interval = percentile_interval(drawn, level)
    defined = drawn[~np.isnan(drawn)]
    side = min((defined <= 0).sum(), (defined >= 0).sum())
    p_value = min(1.0, 2 * float(side + 1) / (len(defined) + 1))
    n_events = int(events.sum())
    return PairedDifference(observed, interval.low, interval.high, p_value, len(first), n_events, len(defined))


@dataclass(frozen=True, slots=True)
class ResampledT:
    """A mean difference over splits, or over cohorts, and its test.

    Attributes:
        mean: mean difference, first minus second.
        variance: of that mean.
        degrees: of freedom of the t distribution.
        p_value: two-sided.
        n: splits, or cohorts.
    """

    mean: float
    variance: float
    low: float
    high: float
    statistic: float
    degrees: float
    p_value: float
    n: int


def corrected_resampled_t(differences: ArrayLike, *, n_train: float, n_test: float, level: float = 0.95) -> ResampledT:
    """Test of a mean difference over overlapping splits of one cohort (Nadeau and Bengio 2003, section 3.2).

    Splits share patients, so their differences are not independent: the variance of the mean of J of them is taken as
    (1/J + n_test/n_train) s^2, with J - 1 degrees of freedom. For r times k-fold cross-validation J = rk (Bouckaert and
    Frank 2004).

    Args:
        differences: (J,) per split, first model minus second, on the same test patients.
        n_train: patients in the training part of a split (with its inner validation part), on average.
        n_test: patients in its test part, on average.

    Raises:
        UndefinedMetricError: fewer than two splits, or all differences are the same.
        InputError: NaN, or sizes that are not above 0.
    """
    values = check_numbers("differences", differences)
    if n_train <= 0 or n_test <= 0:
        raise InputError(f"Splits of {n_train:g} training and {n_test:g} test patients were given; expected above 0.")
    if len(values) < 2:
        raise UndefinedMetricError(f"The corrected resampled t-test needs at least two splits; {len(values)} given.")
    spread = float(values.var(ddof=1))
    if np.ptp(values) == 0:
        raise UndefinedMetricError(f"All {len(values)} splits differ by {values[0]:g}: the t-test is undefined.")
    return _t(float(values.mean()), (1 / len(values) + n_test / n_train) * spread, len(values) - 1, len(values), level)


def over_cohorts(tests: Sequence[ResampledT], *, level: float = 0.95) -> ResampledT:
    """One test over several cohorts: the mean of the cohorts' mean differences, each cohort counting the same.

    Cohorts share no patient, so the variance is the sum of theirs over C^2, with Welch and Satterthwaite's degrees of
    freedom. It speaks of these cohorts; what another cohort would show is a wider question.

    Raises:
        UndefinedMetricError: no cohort was given.
    """
    if not tests:
        raise UndefinedMetricError("A test over cohorts needs at least one cohort; none given.")
    shares = np.array([test.variance for test in tests]) / len(tests) ** 2
    degrees = float(shares.sum() ** 2 / (shares**2 / np.array([test.degrees for test in tests])).sum())
    return _t(float(np.mean([test.mean for test in tests])), float(shares.sum()), degrees, len(tests), level)


def _t(mean: float, variance: float, degrees: float, n: int, level: float) -> ResampledT:
    error = float(np.sqrt(variance))
    reach = float(special.stdtrit(degrees, (1 + level) / 2)) * error
    p_value = 2 * float(special.stdtr(degrees, -abs(mean) / error))
    return ResampledT(mean, variance, mean - reach, mean + reach, mean / error, degrees, p_value, n)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """(m,) adjusted p-values that keep the chance of any false finding (Holm 1979), in the order given.

    Raises:
        InputError: NaN, or values outside 0 to 1. Leave out undefined tests.
    """
    given = check_numbers("p_values", p_values)
    if len(given) and (given.min() < 0 or given.max() > 1):
        raise InputError(f"p-values lie between {given.min():g} and {given.max():g}; expected 0 to 1.")
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
