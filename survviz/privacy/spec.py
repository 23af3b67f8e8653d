"""A guarantee, whole or not at all: whose record, against which neighbour, by what, at what epsilon and delta.

An epsilon without its unit and neighbour relation says nothing, so no function of this package returns a bare one as a
guarantee. Where no finite epsilon holds, the specification says so and why.
"""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.errors import PrivacyError

LedgerKind = Literal["training", "session"]
Neighbour = Literal["replace one", "add or remove one", "any two records"]

NO_FINITE_EPSILON = "no finite epsilon"
TOLD_APART: dict[LedgerKind, str] = {
    "training": "a patient having been in the training or not",
    "session": "two values of this record",
}
NEARLY_VACUOUS = 8.0  # from here on an attacker who guesses is right 99.97 times in 100


class PrivacySpec(BaseModel):
    """One guarantee with everything that it needs to mean something.

    Attributes:
        ledger: whose guarantee: the patients that a model was trained on, or the patient entered now. Never added.
        unit: what one neighbour differs in, in words ("one training patient, all of their rows").
        neighbour: which pairs of data sets or records must be hard to tell apart.
        mechanism: the noise, in words, with what fixes its scale.
        epsilon: None where no finite value holds; then `reason` says why.
        delta: probability beside epsilon; 0 is pure differential privacy.
        composition: how the parts add up to this epsilon, in words.
        protects: what an attacker is kept from, in words.
        does_not_protect: what stays open, each in words.
        reason: why there is no finite epsilon; empty otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ledger: LedgerKind
    unit: str = Field(min_length=1)
    neighbour: Neighbour
    mechanism: str = Field(min_length=1)
    epsilon: float | None = Field(gt=0, allow_inf_nan=False)
    delta: float = Field(ge=0, lt=1)
    composition: str = Field(min_length=1)
    protects: str = Field(min_length=1)
    does_not_protect: tuple[str, ...] = Field(min_length=1)
    reason: str = ""

    @model_validator(mode="after")
    def _epsilon_or_reason(self) -> Self:
        if (self.epsilon is None) != bool(self.reason):
            raise PrivacyError("A guarantee has an epsilon, or a reason why none holds; never both or neither.")
        return self

    @property
    def bound(self) -> str:
        """Epsilon and delta as they are shown: "epsilon = 2, delta = 1e-05", or "no finite epsilon"."""
        if self.epsilon is None:
            return NO_FINITE_EPSILON
        return f"epsilon = {self.epsilon:g}" + (f", delta = {self.delta:g}" if self.delta else "")

    @property
    def odds(self) -> str:
        """What the bound leaves an attacker, in words."""
        return odds_in_words(self.epsilon, self.delta, between=TOLD_APART[self.ledger])

    @property
    def words(self) -> str:
        """The whole guarantee as sentences."""
        if self.epsilon is None:
            return f"{self.mechanism}: {NO_FINITE_EPSILON} for {self.unit}. {self.reason}"
        relation = {
            "replace one": "when one is replaced by any other",
            "add or remove one": "when one is added or removed",
            "any two records": "between any two possible records",
        }[self.neighbour]
        return (
            f"({self.bound})-differential privacy for {self.unit}, {relation}, by {self.mechanism}. "
            f"{self.composition} It protects {self.protects}. It does not protect {'; '.join(self.does_not_protect)}."
        )


def best_guess(epsilon: float, delta: float = 0.0) -> float:
    """Largest share of right answers of an attacker who must tell two equally likely neighbours apart.

    Accuracy is (1 + total variation) / 2, and (epsilon, delta) bounds the total variation by
    (e^epsilon - 1 + 2 delta) / (e^epsilon + 1) (Kairouz, Oh, Viswanath 2015).
    """
    if epsilon < 0 or not 0 <= delta <= 1:
        raise PrivacyError(f"epsilon {epsilon} and delta {delta} were given; epsilon is at least 0, delta in [0, 1].")
    tail = math.exp(-epsilon)
    return (1.0 + delta * tail) / (1.0 + tail)


def most_detections(false_alarms: float, epsilon: float, delta: float = 0.0) -> float:
    """Largest true positive rate of any membership test at a false positive rate (hypothesis-testing form)."""
    up = math.exp(min(epsilon, 700.0)) * false_alarms + delta
    down = 1.0 - math.exp(-epsilon) * (1.0 - false_alarms - delta)
    return min(1.0, up, down)


def odds_in_words(epsilon: float | None, delta: float = 0.0, *, between: str = "two values of this record") -> str:
    """What the bound buys, as odds (these were understood best: Nanayakkara et al., USENIX Security 2023).

    Args:
        between: what the attacker has to tell apart.
    """
    if epsilon is None:
        return "No bound: there are outputs after which an attacker can be as good as certain."
    guess = best_guess(epsilon, delta)
    shown = f"{100 * guess:.2f}" if guess > 0.995 else f"{100 * guess:.0f}"
    words = f"An attacker who is 50:50 between {between} is right at most {shown} times in 100."
    return words + (" At this epsilon the bound says almost nothing." if epsilon >= NEARLY_VACUOUS else "")
