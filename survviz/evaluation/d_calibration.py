"""D-calibration (Haider et al. 2020, JMLR): if the curves are right, S(own time of death) is uniform over patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from survviz.errors import InputError
from survviz.evaluation.outcomes import UndefinedMetricError, check_numbers, check_outcomes, check_same_length


@dataclass(frozen=True, slots=True)
class DCalibration:
    """Test of the whole distribution that a model states.

    Attributes:
        statistic: chi-squared, with bins - 1 degrees of freedom.
        p_value: small = the stated curves are wrong; large only means that so many patients do not show it.
        mass: (bins,) patients per bin of S(own time), from 0 to 1; a censored patient is spread over several.
    """

    statistic: float
    p_value: float
    mass: NDArray[np.float64]


def d_calibration(survival: ArrayLike, event: ArrayLike, *, n_bins: int = 10) -> DCalibration:
    """Chi-squared test of equal mass in equal bins of S.

    A death with S counts in the bin of S. A patient censored at S = s would die at some S below: 1 / s of the density
    goes to every S in [0, s].

    Args:
        survival: (n,) each patient's own S at his own time of death or censoring; see `survival_at_own_time`.

    Raises:
        UndefinedMetricError: there is no patient, or no death.
        InputError: NaN, survival outside 0 to 1, different lengths.
    """
    stated = check_numbers("survival", survival)
    events = check_outcomes(np.zeros(len(stated)), event)[1]
    if not events.any():
        raise UndefinedMetricError(f"D-calibration is undefined: none of the {len(events)} patients has an event.")
    if stated.min() < 0 or stated.max() > 1:
        raise InputError(f"survival lies between {stated.min():g} and {stated.max():g}; expected 0 to 1.")
    edges = np.linspace(0, 1, n_bins + 1)
    bin_of = np.minimum(np.searchsorted(edges, stated, side="right") - 1, n_bins - 1)
    mass = np.bincount(bin_of[events], minlength=n_bins).astype(np.float64)
    censored = stated[~events][:, None]
    overlap = np.clip(censored - edges[:-1], 0, 1 / n_bins)
    share = np.divide(overlap, censored, out=np.zeros_like(overlap), where=censored > 0)
    share[censored[:, 0] == 0, 0] = 1.0
    mass += share.sum(axis=0)
    expected = len(stated) / n_bins
    statistic = float(((mass - expected) ** 2).sum() / expected)
    return DCalibration(statistic, float(special.chdtrc(n_bins - 1, statistic)), mass)


def survival_at_own_time(
    survival: NDArray[np.float64], times: NDArray[np.float64], time: ArrayLike, event: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n,) every patient's S at his own time, linear between the times from S(0) = 1, and whether he died there.

    Whoever lives beyond the end of his curve counts as censored at its end.

    Args:
        survival: (n, T) S(t); NaN beyond the end of a curve.
        times: (T,) increasing.

    Raises:
        UndefinedMetricError: a curve has no value at all, or a gap.
        InputError: negative or missing times, different lengths.
    """
    durations, events = check_outcomes(time, event)
    check_same_length(survival=survival, time=durations)
    n_stated = (~np.isnan(survival)).sum(axis=1)
    gap = np.isnan(survival) & (np.arange(len(times)) < n_stated[:, None])
    if (n_stated == 0).any() or gap.any():
        raise UndefinedMetricError(
            f"D-calibration needs a curve of every patient; {int(((n_stated == 0) | gap.any(axis=1)).sum())} of "
            f"{len(durations)} have none, or one with gaps."
        )
    ends = times[n_stated - 1]
    own = np.minimum(durations, ends)
    starts_at_zero = times[0] == 0
    knots = times if starts_at_zero else np.concatenate([[0.0], times])
    curves = survival if starts_at_zero else np.column_stack([np.ones(len(survival)), survival])
    right = np.clip(np.searchsorted(knots, own, side="left"), 1, max(1, len(knots) - 1))
    rows = np.arange(len(own))
    if len(knots) == 1:
        return curves[:, 0], events & (durations <= ends)
    share = (own - knots[right - 1]) / (knots[right] - knots[right - 1])
    after = np.where(share > 0, curves[rows, right], 0.0)  # at a knot the next value, perhaps NaN, has no part
    return curves[rows, right - 1] * (1 - share) + after * share, events & (durations <= ends)
