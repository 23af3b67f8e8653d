"""The mechanisms of a release on many records at once, for experiments over a cohort.

The same exact distributions as `draw_all`, from the same generator, and independent for every record; what is missing
is the filter that counts what a record costs. So this is for records whose noise is studied. A record that is to be
protected goes through a `ReleasePlan`, a session and its ledger.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from survviz.errors import PrivacyError
from survviz.privacy.bernoulli import Enclosure, Probability, bernoulli_many, exponential
from survviz.privacy.draw import Mechanism
from survviz.privacy.gaussian import analytic_sigma
from survviz.privacy.gaussian_vector import SCALE, rounded_gaussian
from survviz.privacy.noise import truth_probability

RARE = 45  # scales of the noise beyond which less than one draw in 2^64 lies


def draw_records(codes: Int[NDArray, "n d"], mechanisms: Sequence[Mechanism], steps: int) -> Int[NDArray, "n d"]:
    """Noised codes of many records, each at what the mechanisms cost together.

    Args:
        codes: integers in [0, steps], or places in a list of values; one row per record.
        mechanisms: one per column.

    Raises:
        PrivacyError: a code lies outside of its range.
    """
    if codes.ndim != 2 or codes.shape[1] != len(mechanisms):
        raise PrivacyError(f"Codes of shape {codes.shape} were given for {len(mechanisms)} mechanisms.")
    highest = np.array([m.categories - 1 if m.categories else steps for m in mechanisms])
    if (codes < 0).any() or (codes > highest).any():
        raise PrivacyError(f"Codes lie in 0 to {steps}, those of categories among their values; encode records first.")
    columns = [_noised(column, mechanism, steps) for column, mechanism in zip(codes.T, mechanisms, strict=True)]
    return np.stack(columns, axis=1)


def discrete_laplace(scale: float, count: int) -> Int[NDArray, " count"]:
    """Exact noise P(k) proportional to e^(-|k| / scale), for the scale's exact binary value.

    OpenDP takes 6 us a draw; this, half of one. A geometric number and a sign, drawn again where they are minus zero.
    """
    size = _geometric(Fraction(scale), count)
    minus = bernoulli_many(lambda _: Enclosure(Fraction(1, 2), Fraction(1, 2)), count)
    signed = np.where(minus, -size, size)
    again = np.flatnonzero(minus & (size == 0))
    if len(again):
        signed[again] = discrete_laplace(scale, len(again))
    return signed


def gaussian_sigmas(
    squared: Sequence[float], epsilon: float, delta: float, *, weights: Sequence[float] | None = None
) -> Float[NDArray, " b"]:
    """Standard deviations, in widths of the columns, of Gaussian noise on blocks of columns at (epsilon, delta).

    Any two records differ in block b by at most sqrt(squared[b]) widths in L2: 1 for a number, 2 for a category as one
    column per value. With s_b the deviation, the whole moves by at most sqrt(sum squared_b / s_b^2) deviations, which
    the analytic formula turns into delta (Balle and Wang 2018).

    Args:
        weights: relevance of the blocks; variances are then dealt as 1 / relevance (Proposition 3), equally without.
    """
    moves = np.asarray(squared, dtype=np.float64)
    relevance = np.ones(len(moves)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(relevance) != len(moves) or min(relevance.min(), moves.min()) <= 0:
        raise PrivacyError("Every block needs a relevance and a largest move above 0; without them noise is infinite.")
    return (1 + 1e-9) * analytic_sigma(epsilon, delta) * np.sqrt((moves * relevance).sum() / relevance)


def draw_gaussian(values: Float[NDArray, "n p"], sigmas: Float[NDArray, " p"]) -> Float[NDArray, "n p"]:
    """Numbers in [0, 1] with Gaussian noise: whole lattice steps plus `rounded_gaussian`, scaled back.

    A column of deviation s has floor(`SCALE` / s) steps, so no two records are further apart than the guarantee says.

    Raises:
        PrivacyError: a number lies outside of [0, 1], or the noise is so large that no lattice is left.
    """
    steps = np.floor(SCALE / sigmas)
    if steps.min() < 1 or not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise PrivacyError(f"Values are scaled to [0, 1] and noise is at most {SCALE} of their widths.")
    codes = np.floor(values * steps).astype(np.int64)
    return (codes + rounded_gaussian(codes.size).reshape(codes.shape)) / steps


def _geometric(scale: Fraction, count: int) -> Int[NDArray, " count"]:
    """P(g) proportional to e^(-g / scale), g = 0, 1, ...: its binary digits are independent coins.

    Digit j is 1 with probability 1 / (1 + e^(2^j / scale)), and what lies above the first J digits is 2^J times a
    geometric number of its own, which is 0 but for one draw in 2^64; that one is drawn too.
    """
    digits = math.ceil(math.log2(RARE * scale))
    found = np.zeros(count, dtype=np.int64)
    for place in range(max(1, digits)):
        found += bernoulli_many(_digit(2**place / scale), count).astype(np.int64) << place
    more = np.arange(count)
    while len(more := more[bernoulli_many(partial(exponential, -(2 ** max(1, digits)) / scale), len(more))]):
        found[more] += 2 ** max(1, digits)
    return found


def _digit(exponent: Fraction) -> Probability:
    """1 / (1 + e^exponent)."""
    return lambda digits: Enclosure(Fraction(1), Fraction(1)) / (exponential(exponent, digits) + 1)


def _noised(column: Int[NDArray, " n"], mechanism: Mechanism, steps: int) -> Int[NDArray, " n"]:
    if mechanism.categories:
        return _responses(column, mechanism.categories, mechanism.promised)
    return column + discrete_laplace(mechanism.scale(steps), len(column))


def _responses(column: Int[NDArray, " n"], k: int, epsilon: Fraction) -> Int[NDArray, " n"]:
    """Randomised response of many."""
    honest = bernoulli_many(truth_probability(epsilon, k), len(column))
    answers = column.astype(np.int64)
    answers[~honest] = [secrets.randbelow(k) for _ in range(int((~honest).sum()))]
    return answers
