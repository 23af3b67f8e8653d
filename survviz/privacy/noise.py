"""Exact noise: discrete Laplace and Gaussian through OpenDP, randomised response, and coarser copies of both.

Everything is drawn on integers from the operating system's generator; nothing private comes from numpy or torch.

Coarsening (the exact form of gradual release, Koufogiannis, Han, Pappas 2015): a value with fine noise becomes one
with exactly the coarse noise by keeping it with a public probability and adding fresh coarse noise otherwise. The
coarse copy is made from the fine one alone, so both together cost no more than the fine one.
"""

from __future__ import annotations

import math
import secrets
from fractions import Fraction

from opendp.domains import atom_domain
from opendp.measurements import make_gaussian, make_laplace
from opendp.metrics import absolute_distance
from opendp.mod import Measurement, enable_features

from survviz.errors import PrivacyError
from survviz.privacy.bernoulli import Bits, Enclosure, Probability, bernoulli, exponential

enable_features("contrib", "honest-but-curious")  # the latter: Python callbacks that pick a coordinate (`draw.py`)

# Scales are floats and sums are rounded up by OpenDP; so each part is promised this much less than its share.
SLACK = 1 - Fraction(1, 2**46)


def laplace_scale(epsilon: Fraction, sensitivity: int) -> float:
    """Scale, in lattice steps, at which an integer of this sensitivity costs just under epsilon."""
    return float(sensitivity / (epsilon * SLACK))


def laplace_mechanism(scale: float) -> Measurement:
    """OpenDP's discrete Laplace: P(k) proportional to e^(-|k| / scale), for the scale's exact binary value."""
    _check_scale(scale)
    return make_laplace(atom_domain(T="i64"), absolute_distance(T="i64"), scale)


def gaussian_mechanism(scale: float) -> Measurement:
    """OpenDP's discrete Gaussian: P(k) proportional to e^(-k^2 / (2 scale^2))."""
    _check_scale(scale)
    return make_gaussian(atom_domain(T="i64"), absolute_distance(T="i64"), scale)


def laplace_log_probability(noise: int, scale: float) -> float:
    """Log-probability of one value of the discrete Laplace."""
    return math.log(math.tanh(0.5 / scale)) - abs(noise) / scale


def keep_probability(fine: float, coarse: float) -> Probability:
    """Probability of keeping a value with noise of scale `fine` on its way to scale `coarse`.

    With a = e^(-1/scale) it is (a_fine / a_coarse) ((1 - a_coarse) / (1 - a_fine))^2: the ratio of the two
    characteristic functions is this constant, plus its complement times that of the coarse noise.

    Raises:
        PrivacyError: coarse is not the larger scale.
    """
    if not 0 < fine < coarse:
        raise PrivacyError(f"Noise of scale {fine:g} cannot be coarsened to scale {coarse:g}.")
    fine_rate, coarse_rate = 1 / Fraction(fine), 1 / Fraction(coarse)

    def enclose(digits: int) -> Enclosure:
        ratio = (1 - exponential(-coarse_rate, digits)) / (1 - exponential(-fine_rate, digits))
        return exponential(coarse_rate - fine_rate, digits) * ratio * ratio

    return enclose


def coarsen_laplace(value: int, fine: float, coarse: float, bits: Bits = secrets.randbits) -> int:
    """A value whose noise has exactly the coarse scale, made from one whose noise has the fine scale."""
    if bernoulli(keep_probability(fine, coarse), bits):
        return value
    return value + laplace_mechanism(coarse)(0)


def truth_probability(epsilon: Fraction, k: int) -> Probability:
    """Probability of answering with the truth and not with one of k values at random, in k-ary randomised response.

    It is (e^epsilon - 1) / (e^epsilon + k - 1), so the truth is said with e^epsilon / (e^epsilon + k - 1) in all.
    """
    if epsilon <= 0 or k < 2:
        raise PrivacyError(f"epsilon {float(epsilon):g} and {k} values were given; both must be larger.")

    def enclose(digits: int) -> Enclosure:
        power = exponential(epsilon, digits)
        return (power + -1) / (power + (k - 1))

    return enclose


def randomised_response(code: int, k: int, epsilon: Fraction, bits: Bits = secrets.randbits) -> int:
    """One of k codes: the truth e^epsilon times as likely as any other."""
    return code if bernoulli(truth_probability(epsilon, k), bits) else secrets.randbelow(k)


def coarsen_response(code: int, k: int, fine: Fraction, coarse: Fraction, bits: Bits = secrets.randbits) -> int:
    """A randomised response of exactly the smaller epsilon `coarse`, made from one of epsilon `fine`.

    Raises:
        PrivacyError: coarse is not the smaller epsilon.
    """
    return code if bernoulli(keep_response(fine, coarse, k), bits) else secrets.randbelow(k)


def keep_response(fine: Fraction, coarse: Fraction, k: int) -> Probability:
    """Probability of keeping a response: the ratio of the two truth probabilities."""
    if not 0 < coarse < fine:
        raise PrivacyError(f"A response at epsilon {float(fine):g} cannot be coarsened to epsilon {float(coarse):g}.")
    to, of = truth_probability(coarse, k), truth_probability(fine, k)
    return lambda digits: to(digits) / of(digits)


def _check_scale(scale: float) -> None:
    if not (math.isfinite(scale) and scale > 0):
        raise PrivacyError(f"A noise scale of {scale} was given; it must be a finite number above 0.")
