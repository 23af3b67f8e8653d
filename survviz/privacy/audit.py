"""Audits: what an attack really finds out, as a lower bound on epsilon that holds with a stated confidence.

An audit can refute a guarantee, never prove one: passing it is no evidence for a smaller epsilon. And an audit that
cannot catch a broken mechanism is none, so each runs beside a positive control, whose noise is deliberately divided by
`BROKEN`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when first used
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from survviz.errors import PrivacyError
from survviz.privacy.accountant import Training
from survviz.privacy.draw import Mechanism, draw_all
from survviz.privacy.noise import laplace_log_probability
from survviz.privacy.release import ReleasePlan

BROKEN = 20.0
MOST_EPSILON = 60.0


@dataclass(frozen=True, slots=True)
class Audit:
    """Result of one audit.

    Attributes:
        claimed: epsilon that the mechanism promises.
        bound: epsilon is at least this, at `confidence`.
        guesses, correct: what the bound stands on.
        ceiling: the bound had every guess been right; a larger claim could not be refuted.
    """

    claimed: float
    delta: float
    bound: float
    confidence: float
    guesses: int
    correct: int
    ceiling: float

    @property
    def refuted(self) -> bool:
        """True if the promise is broken."""
        return self.bound > self.claimed

    @property
    def words(self) -> str:
        told = f"{self.correct} of {self.guesses} guesses were right"
        if self.refuted:
            return f"REFUTED: {told}, so epsilon is at least {self.bound:.2f}; {self.claimed:g} was promised."
        return (
            f"Not refuted: {told}, which any epsilon from {self.bound:.2f} allows ({self.claimed:g} was promised). "
            "That is no proof of a smaller epsilon."
            + (f" This audit could refute no claim above {self.ceiling:.2f}." if self.ceiling <= self.claimed else "")
        )


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact two-sided interval of a probability.

    Raises:
        PrivacyError: there are no trials.
    """
    if not 0 <= hits <= trials or trials < 1:
        raise PrivacyError(
            f"{hits} hits in {trials} trials were given; hits are at most the trials, and those at least 1."
        )
    tail = (1 - confidence) / 2
    low = float(scipy.stats.beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(scipy.stats.beta.isf(tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def two_world_bound(
    detected: int, members: int, alarms: int, others: int, *, delta: float = 0.0, confidence: float = 0.95
) -> float:
    """Epsilon is at least this, by one test of membership whose threshold was fixed beforehand.

    Args:
        detected: members that the test called members, of `members`.
        alarms: others that the test called members, of `others`.
    """
    missed = clopper_pearson(members - detected, members, confidence)[1]
    false_alarm = clopper_pearson(alarms, others, confidence)[1]
    ratios = ((1 - delta - missed) / false_alarm, (1 - delta - false_alarm) / missed)
    return max(0.0, *(math.log(ratio) for ratio in ratios if ratio > 0)) if max(ratios) > 0 else 0.0


def one_run_bound(canaries: int, guesses: int, correct: int, *, delta: float = 0.0, confidence: float = 0.95) -> float:
    """Epsilon is at least this, by guesses about independent canaries of one run (Steinke, Nasr, Jagielski 2023).

    Under (epsilon, delta) the number of right guesses is at most a binomial of success e^epsilon / (1 + e^epsilon), but
    for 2 m delta max_i P(v - i <= Bin < v) / i.
    """
    if not 0 <= correct <= guesses <= canaries or guesses < 1:
        raise PrivacyError(f"{correct} right of {guesses} guesses about {canaries} canaries cannot be.")
    i = np.arange(1, correct + 1)

    def chance(epsilon: float) -> float:
        success = 1 / (1 + math.exp(-epsilon))
        reached = scipy.stats.binom.sf(correct - 1, guesses, success)
        if not (delta and correct):
            return float(reached)
        nearly = (scipy.stats.binom.sf(correct - i - 1, guesses, success) - reached) / i
        return float(reached + 2 * canaries * delta * nearly.max())

    allowed = 1 - confidence
    if chance(0.0) > allowed:
        return 0.0
    return scipy.optimize.root_scalar(lambda e: chance(e) - allowed, bracket=(0.0, MOST_EPSILON), xtol=1e-6).root


def one_run_audit(
    scores: Float[NDArray, " m"],
    included: Bool[NDArray, " m"],
    *,
    claimed: float,
    delta: float = 0.0,
    confidence: float = 0.95,
    guesses: Sequence[int] = (),
) -> Audit:
    """Audit of one run with m canaries, each of which was in or out by an independent fair coin.

    The highest scores are guessed to be in, as many of the lowest to be out, and no guess is made about the rest.
    Several numbers of guesses are tried, at a confidence that is corrected for it.

    Args:
        scores: what the attacker sees of each canary; higher speaks for in.
        guesses: even numbers to try; by default all canaries, a half and a tenth of them.
    """
    m = len(scores)
    if m < 20 or scores.shape != included.shape or not np.isfinite(scores).all():
        raise PrivacyError(
            f"An audit needs a finite score and a coin for each of at least 20 canaries; {m} were given."
        )
    tried = [count - count % 2 for count in (guesses or (m, m // 2, m // 10))]
    order = np.argsort(scores, kind="stable")
    level = 1 - (1 - confidence) / len(tried)
    found = []
    for count in tried:
        out, within = order[: count // 2], order[m - count // 2 :]
        correct = int((~included[out]).sum() + included[within].sum())
        found.append((one_run_bound(m, count, correct, delta=delta, confidence=level), count, correct))
    bound, count, correct = max(found)
    ceiling = max(one_run_bound(m, count, count, delta=delta, confidence=level) for count in tried)
    return Audit(claimed, delta, bound, confidence, count, correct, ceiling)


def audit_release(
    plan: ReleasePlan,
    level: float,
    *,
    canaries: int = 500,
    seed: int = 0,
    broken: float = 1.0,
    confidence: float = 0.95,
) -> Audit:
    """Audit of the release itself: canaries are the two most different records, and the attacker is the best there is.

    Args:
        seed: of the coins only; the noise is the real one.
        broken: noise is divided by this; `BROKEN` makes the positive control.
        confidence: the attacker is the best one and the noise is fresh, so a right plan is refuted now and then: in up
            to 1 - confidence of all runs.
    """
    included = np.random.default_rng(seed).random(canaries) < 0.5
    mechanisms = [Mechanism(m.epsilon * int(broken), m.categories) for m in plan.mechanisms(level)]
    corners = [(0, 1 if m.categories else plan.steps) for m in mechanisms]
    scores = np.empty(canaries)
    for number, inside in enumerate(included):
        codes = draw_all([corner[int(inside)] for corner in corners], mechanisms, level * broken, plan.steps)
        scores[number] = sum(_evidence(c, m, plan.steps) for c, m in zip(codes, mechanisms, strict=True))
    return one_run_audit(scores, included, claimed=level, confidence=confidence)


def dirac_scores(training: Training, included: Bool[NDArray, " m"], *, seed: int, broken: float = 1.0) -> NDArray:
    """What an attacker who sees every noised gradient knows of canaries with a coordinate each to themselves.

    Such canaries are the strongest that clipping allows: when in a batch, all of their gradient lies on one spare
    coordinate of the model. This simulates the mechanism; a run of the trainer itself gives such scores too.

    Args:
        broken: noise is divided by this; `BROKEN` makes the positive control.
    """
    random = np.random.default_rng(seed)
    times = np.where(included, random.binomial(training.steps, training.sampling_rate, len(included)), 0)
    deviation = training.noise_multiplier / broken * math.sqrt(training.steps)
    return times + deviation * random.standard_normal(len(included))


def _evidence(code: int, mechanism: Mechanism, steps: int) -> float:
    """Log-likelihood ratio of the second corner against the first."""
    if mechanism.categories:
        return float(mechanism.promised) * ((code == 1) - (code == 0))
    scale = mechanism.scale(steps)
    return laplace_log_probability(code - steps, scale) - laplace_log_probability(code, scale)
