"""Which share of epsilon each coordinate of a release gets.

The shares are fixed before the record is seen and add up to one exactly: they are integers over 2^20.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.errors import PrivacyError
from survviz.privacy.relevance import Relevance

WHOLE = 2**20
Rule = Literal["uniform", "proportional", "two-thirds power"]


class Allocation(BaseModel):
    """Shares of epsilon by name.

    Attributes:
        parts: integers over 2^20, in the order of the coordinates.
        rule: how they follow from the relevance.
        relevance: None for uniform shares.
        mix: how much of them is uniform, so that no share is zero.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: dict[str, int] = Field(min_length=1)
    rule: Rule
    relevance: Relevance | None = None
    mix: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if sum(self.parts.values()) != WHOLE or min(self.parts.values()) < 1:
            raise PrivacyError(f"Shares are integers of at least 1 over {WHOLE} and add up to it.")
        if (self.rule == "uniform") != (self.relevance is None):
            raise PrivacyError("Equal shares need no relevance, all others do.")
        return self

    @property
    def private(self) -> bool:
        """True if the shares follow from private records without noise: no finite epsilon can be said."""
        return self.relevance is not None and self.relevance.source == "private"

    def share(self, name: str) -> Fraction:
        return Fraction(self.parts[name], WHOLE)

    @property
    def words(self) -> str:
        if self.relevance is None:
            many = len(self.parts)
            return f"equal shares for {many} coordinates" if many > 1 else "all of it on one coordinate"
        return f"shares by the {self.rule} rule from {self.relevance.source} relevance ({self.relevance.where})"


def uniform(names: Sequence[str]) -> Allocation:
    """Equal shares: the default, and the baseline of every comparison."""
    return Allocation(parts=_apportion({name: 1.0 for name in names}), rule="uniform")


def proportional(relevance: Relevance, names: Sequence[str], *, mix: float = 0.1) -> Allocation:
    """Shares as relevance, as adaptive-Laplace papers have it; not the best ones (see `two_thirds`)."""
    return _allocate(relevance, {name: _relevance(relevance, name) for name in names}, "proportional", mix)


def two_thirds(relevance: Relevance, widths: Mapping[str, float], *, mix: float = 0.1) -> Allocation:
    """Shares as (relevance x width)^(2/3): least sum of relevance^2 x variance for Laplace noise (Proposition 3).

    Args:
        relevance: per unit of the coordinate.
        widths: upper minus lower bound, by name; 1 for a category.
        mix: how much of the shares is dealt equally; 0.1 to 0.2 costs little and leaves no coordinate without a share.
    """
    weights = {name: (_relevance(relevance, name) * width) ** (2 / 3) for name, width in widths.items()}
    return _allocate(relevance, weights, "two-thirds power", mix)


def _allocate(relevance: Relevance, weights: Mapping[str, float], rule: Rule, mix: float) -> Allocation:
    if not 0 < mix <= 1:
        raise PrivacyError(
            f"A uniform part of {mix} was given; it must be above 0 (no coordinate without a share) and at most 1."
        )
    total, count = sum(weights.values()), len(weights)
    mixed = {
        name: (1 - mix) * (weight / total if total else 1 / count) + mix / count for name, weight in weights.items()
    }
    return Allocation(parts=_apportion(mixed), rule=rule, relevance=relevance, mix=mix)


def _relevance(relevance: Relevance, name: str) -> float:
    if name not in relevance.values:
        raise PrivacyError(f"{name!r} has no relevance. Known: {', '.join(sorted(relevance.values))}.")
    return relevance.values[name]


def _apportion(weights: Mapping[str, float]) -> dict[str, int]:
    """Weights as integers over 2^20, by largest remainder, none below 1."""
    spare = WHOLE - len(weights)
    total = sum(weights.values())
    exact = {name: weight / total * spare for name, weight in weights.items()}
    parts = {name: 1 + int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (int(exact[name]) - exact[name], name))
    for name in by_remainder[: WHOLE - sum(parts.values())]:
        parts[name] += 1
    return parts
