"""Was this patient among those that a survival model was trained on? And what does a release tell of an attribute?

Pure functions over scores; shadow models are trained elsewhere. Members must be exchangeable with the others (a random
split), or a difference between cohorts is measured and called membership.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when first used
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from survviz.errors import PrivacyError
from survviz.privacy.audit import clopper_pearson, two_world_bound
from survviz.privacy.spec import most_detections

LEAST_PROBABILITY = 1e-12
ENOUGH_SHADOWS = 32  # per patient and side, for a variance of their own (Carlini et al. 2022)
FALSE_ALARMS = (0.01, 0.001)


def own_log_likelihood(
    hazard: Float[NDArray, "n K"], time_bin: Int[NDArray, " n"], event: Bool[NDArray, " n"]
) -> Float[NDArray, " n"]:
    """Log-likelihood that a discrete-time model gives to each patient's own outcome.

    A death in bin k: survived all bins before, died in it. Censored in bin k: survived all bins before.
    """
    n, bins = hazard.shape
    if (time_bin < 0).any() or (time_bin >= bins).any():
        raise PrivacyError(f"Time bins must lie in 0 to {bins - 1}.")
    clipped = np.clip(hazard.astype(np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    before = np.concatenate([np.zeros((n, 1)), np.cumsum(np.log1p(-clipped), axis=1)], axis=1)
    rows = np.arange(n)
    return before[rows, time_bin] + np.where(event, np.log(clipped[rows, time_bin]), 0.0)


def confidence(log_likelihood: Float[NDArray, "*shape"]) -> Float[NDArray, "*shape"]:
    """Logit of the probability of one's own outcome, which is close to normal over models."""
    log_p = np.clip(log_likelihood, math.log(LEAST_PROBABILITY), math.log1p(-LEAST_PROBABILITY))
    return log_p - np.log(-np.expm1(log_p))


def likelihood_ratio(
    target: Float[NDArray, " n"], shadows: Float[NDArray, "S n"], member: Bool[NDArray, "S n"]
) -> Float[NDArray, " n"]:
    """LiRA (Carlini et al. 2022): log-likelihood ratio of in against out, by shadow models with and without a patient.

    Args:
        target: confidences under the audited model.
        shadows: confidences under each shadow model.
        member: which shadow model saw whom.

    Raises:
        PrivacyError: a patient has fewer than two shadow models on either side.
    """
    if shadows.shape != member.shape or shadows.shape[1:] != target.shape:
        raise PrivacyError(f"Shadow confidences {shadows.shape} and members {member.shape} must be (models, patients).")
    sides = []
    for seen in (member, ~member):
        count = seen.sum(axis=0)
        if count.min() < 2:
            raise PrivacyError("Every patient must be in at least two shadow models and out of at least two.")
        mean = np.where(seen, shadows, 0.0).sum(axis=0) / count
        squares = np.where(seen, (shadows - mean) ** 2, 0.0)
        own = squares.sum(axis=0) / (count - 1)
        pooled = squares.sum() / (count - 1).sum()
        variance = np.maximum(own if count.min() >= ENOUGH_SHADOWS else pooled, LEAST_PROBABILITY)
        sides.append(scipy.stats.norm.logpdf(target, mean, np.sqrt(variance)))
    return sides[0] - sides[1]


@dataclass(frozen=True, slots=True)
class Membership:
    """How well a membership test does.

    Attributes:
        auc: probability that a member scores above another patient; 0.5 is no knowledge.
        auc_interval: 95 %, DeLong.
        detections: by false alarm rate: share of members found, and its exact 95 % interval.
        bound: epsilon is at least this (threshold chosen on one half of the patients, counted on the other).
    """

    auc: float
    auc_interval: tuple[float, float]
    detections: dict[float, tuple[float, float, float]]
    bound: float
    members: int
    others: int

    def allowed(self, epsilon: float, delta: float) -> dict[float, float]:
        """Largest share of members that (epsilon, delta) lets any test find, by false alarm rate."""
        return {rate: most_detections(rate, epsilon, delta) for rate in self.detections}

    def refutes(self, epsilon: float) -> bool:
        """True if the promise is broken, at 95 % confidence."""
        return self.bound > epsilon


def membership(
    statistic: Float[NDArray, " n"], member: Bool[NDArray, " n"], *, delta: float = 0.0, seed: int = 0
) -> Membership:
    """Area under the curve, detections at few false alarms, and a lower bound on epsilon.

    Args:
        statistic: higher speaks for a member.
        seed: of the halves that the threshold is chosen and counted on.
    """
    inside, outside = statistic[member], statistic[~member]
    if min(len(inside), len(outside)) < 20 or not np.isfinite(statistic).all():
        raise PrivacyError("A membership test needs finite scores of at least 20 members and 20 others.")
    area, error = _area(inside, outside)
    detections = {}
    for rate in FALSE_ALARMS:
        threshold = np.quantile(outside, 1 - rate, method="higher")
        hits = int((inside > threshold).sum())
        detections[rate] = (hits / len(inside), *clopper_pearson(hits, len(inside)))
    bound = _half_and_half(inside, outside, delta, np.random.default_rng(seed))
    interval = (max(0.0, area - 1.96 * error), min(1.0, area + 1.96 * error))
    return Membership(area, interval, detections, bound, len(inside), len(outside))


def memorising(confidences: Float[NDArray, "*shape"], member: Bool[NDArray, "*shape"], gain: float = 4.0) -> NDArray:
    """Positive control: confidences as if the model had learnt its patients by heart. The attack must find them."""
    return confidences + gain * member


@dataclass(frozen=True, slots=True)
class AttributeInference:
    """What a patient's own record adds to guessing an attribute; what can be guessed without it is no privacy loss.

    Attributes:
        with_record, without_record: areas under the curve.
        gain: their difference, with a 95 % interval (DeLong, paired).
    """

    with_record: float
    without_record: float
    gain: float
    interval: tuple[float, float]

    @property
    def found(self) -> bool:
        """True if the record gives the attribute away beyond chance."""
        return self.interval[0] > 0


def attribute_inference(
    truth: Bool[NDArray, " n"], with_record: Float[NDArray, " n"], without_record: Float[NDArray, " n"]
) -> AttributeInference:
    """Compare two attackers that were trained on other patients: one sees the release, one only the population."""
    if min(truth.sum(), (~truth).sum()) < 20:
        raise PrivacyError("Attribute inference needs at least 20 patients with the attribute and 20 without.")
    parts = [_placements(score[truth], score[~truth]) for score in (with_record, without_record)]
    areas = [float(positive.mean()) for positive, _ in parts]
    differences = [parts[0][side] - parts[1][side] for side in (0, 1)]
    error = math.sqrt(sum(difference.var(ddof=1) / len(difference) for difference in differences))
    gain = areas[0] - areas[1]
    return AttributeInference(areas[0], areas[1], gain, (gain - 1.96 * error, gain + 1.96 * error))


def _placements(positive: NDArray, negative: NDArray) -> tuple[NDArray, NDArray]:
    """Share of the other side that each lies above (ties one half): DeLong's components of the area."""
    below = np.searchsorted(np.sort(negative), positive, "left") + np.searchsorted(np.sort(negative), positive, "right")
    above = np.searchsorted(np.sort(positive), negative, "left") + np.searchsorted(np.sort(positive), negative, "right")
    return below / (2 * len(negative)), 1 - above / (2 * len(positive))


def _area(positive: NDArray, negative: NDArray) -> tuple[float, float]:
    ours, theirs = _placements(positive, negative)
    return float(ours.mean()), math.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))


def _half_and_half(inside: NDArray, outside: NDArray, delta: float, random: np.random.Generator) -> float:
    """Bound of the threshold that is best on one half of the patients, counted on the other."""
    inside, outside = random.permutation(inside), random.permutation(outside)
    a, b = len(inside) // 2, len(outside) // 2

    def bound(threshold: float, ours: NDArray, others: NDArray) -> float:
        hits, alarms = int((ours > threshold).sum()), int((others > threshold).sum())
        return two_world_bound(hits, len(ours), alarms, len(others), delta=delta)

    thresholds = np.quantile(np.concatenate([inside[:a], outside[:b]]), np.linspace(0.005, 0.995, 100))
    best = max(thresholds, key=lambda threshold: bound(threshold, inside[:a], outside[:b]))
    return bound(float(best), inside[a:], outside[b:])
