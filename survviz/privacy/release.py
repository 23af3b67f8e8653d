"""Releases of the patient entered now: one secret finest draw, and every slider position a coarser copy of it.

A chain of copies is a Markov chain away from the record: each level is made from the next finer one alone. So whoever
has seen some levels knows no more than who has seen the finest of them, in whatever order they were looked at, and the
chain costs the highest level visited, not the sum (docs/privacy.md has the proof).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.errors import PrivacyError
from survviz.privacy.allocation import Allocation, uniform
from survviz.privacy.draw import Mechanism, draw_all
from survviz.privacy.lattice import STEPS, Category, Coordinate, Numeric, encode
from survviz.privacy.noise import coarsen_laplace, coarsen_response
from survviz.privacy.spec import PrivacySpec

MOST_DIMENSIONS = 8
LEVELS = (0.5, 1.0, 2.0, 4.0, 8.0)
LOCAL_UNIT = "the record of one patient entered now"
LOCAL_OPEN = (
    "the patients that the model was trained on",
    "what holds for people like this patient in general",
    "relatives, who share genes",
    "when and how often a record was entered",
)


class ReleasePlan(BaseModel):
    """What is fixed, and public, before a record is seen.

    Attributes:
        coordinates: all that is ever released, with public bounds or value lists.
        allocation: share of epsilon per coordinate.
        levels: slider positions, rising; the last is the most that one chain can cost.
        steps: lattice points between the bounds of a number.
        most_dimensions: wide releases are refused: their honest noise leaves nothing (237 features: chance).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coordinates: tuple[Coordinate, ...] = Field(min_length=1)
    allocation: Allocation
    levels: tuple[float, ...] = Field(default=LEVELS, min_length=1)
    steps: int = Field(default=STEPS, ge=2, le=2**20)
    most_dimensions: int = Field(default=MOST_DIMENSIONS, ge=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [coordinate.name for coordinate in self.coordinates]
        if len(set(names)) < len(names) or set(names) != set(self.allocation.parts):
            raise PrivacyError("Every coordinate has a name of its own and one share of epsilon.")
        if len(names) > self.most_dimensions:
            raise PrivacyError(
                f"{len(names)} coordinates were given, {self.most_dimensions} are allowed. Noise grows with "
                "their number: release fewer (the risk alone is best), or raise most_dimensions knowingly."
            )
        if any(not 0 < level < 1000 for level in self.levels) or list(self.levels) != sorted(set(self.levels)):
            raise PrivacyError("Slider levels are different values of epsilon above 0 and below 1000, in rising order.")
        if self.allocation.private:
            raise PrivacyError(
                "The shares of epsilon follow from relevance that was computed on private records without noise. "
                "Then no finite epsilon holds. Use public or released relevance, or run it as the published recipe."
            )
        return self

    @property
    def finest(self) -> float:
        return self.levels[-1]

    def place(self, level: float) -> int:
        """Number of a slider position, from 0.

        Raises:
            PrivacyError: the plan has no such level.
        """
        if level not in self.levels:
            shown = ", ".join(f"{known:g}" for known in self.levels)
            raise PrivacyError(f"The slider has no position {level:g}; its public positions are {shown}.")
        return self.levels.index(level)

    def mechanisms(self, level: float) -> list[Mechanism]:
        """Noise of every coordinate at a level.

        Raises:
            PrivacyError: the plan has no such level.
        """
        self.place(level)
        return [
            Mechanism(
                Fraction(level) * self.allocation.share(coordinate.name),
                len(coordinate.values) if isinstance(coordinate, Category) else 0,
            )
            for coordinate in self.coordinates
        ]

    def spec(self, level: float) -> PrivacySpec:
        """The guarantee of a view at a level.

        Raises:
            PrivacyError: the plan has no such level.
        """
        self.place(level)
        count, positions = len(self.coordinates), len(self.levels)
        parts = f"The shares of {count} coordinates add up" if count > 1 else "One coordinate has all of it"
        return PrivacySpec(
            ledger="session",
            unit=LOCAL_UNIT,
            neighbour="any two records",
            mechanism=f"discrete Laplace noise and randomised response, {self.allocation.words}",
            epsilon=level,
            delta=0.0,
            composition=f"{parts}; {positions} positions cost the highest visited.",
            protects="the values of the released coordinates from whoever sees the release and what is made of it",
            does_not_protect=LOCAL_OPEN,
        )


def risk_plan(name: str, lower: float, upper: float, levels: tuple[float, ...] = LEVELS) -> ReleasePlan:
    """Output perturbation: the one clipped number that the model says, with all of epsilon."""
    return ReleasePlan(
        coordinates=(Numeric(name=name, lower=lower, upper=upper),), allocation=uniform([name]), levels=levels
    )


@dataclass(frozen=True, slots=True)
class View:
    """What is released at one level. All that is computed from it costs nothing more.

    Attributes:
        codes: noised integers, in the order of the plan's coordinates.
    """

    plan: ReleasePlan
    level: float
    codes: tuple[int, ...]

    @property
    def values(self) -> dict[str, float | str]:
        """Noised values by name; noise may carry a number past its bounds."""
        steps = self.plan.steps
        return {c.name: c.decode(code, steps) for c, code in zip(self.plan.coordinates, self.codes, strict=True)}

    @property
    def clipped(self) -> dict[str, float | str]:
        """The values, numbers clipped to their public bounds (post-processing)."""
        return {
            c.name: min(max(value, c.lower), c.upper) if isinstance(c, Numeric) and isinstance(value, float) else value
            for c, value in zip(self.plan.coordinates, self.values.values(), strict=True)
        }

    @property
    def noise_scale(self) -> dict[str, float]:
        """Laplace scale of every number in its own unit; for a category the probability of a false answer."""
        found: dict[str, float] = {}
        for coordinate, mechanism in zip(self.plan.coordinates, self.plan.mechanisms(self.level), strict=True):
            if isinstance(coordinate, Numeric):
                found[coordinate.name] = mechanism.scale(self.plan.steps) / self.plan.steps * coordinate.width
            else:
                found[coordinate.name] = mechanism.false_answer
        return found

    @property
    def spec(self) -> PrivacySpec:
        return self.plan.spec(self.level)


class Releaser:
    """The chain of one draw. The record is not kept; what is kept is secret but for the levels visited.

    Attributes:
        plan: what was fixed beforehand.
        commitment: hash of the whole chain and a nonce, fit for a public ledger: it tells nothing, and shows later
            that all views came from one draw.
    """

    def __init__(self, plan: ReleasePlan, codes: Sequence[Sequence[int]], nonce: str, visited: float = 0.0) -> None:
        self.plan = plan
        self._codes = tuple(tuple(level) for level in codes)
        self._nonce = nonce
        self._visited = visited
        self.commitment = hashlib.sha256(json.dumps([nonce, self._codes]).encode()).hexdigest()

    @classmethod
    def draw(cls, plan: ReleasePlan, record: Mapping[str, object]) -> Self:
        """Noise a record at the finest level, then coarsen it level by level.

        Raises:
            PrivacyError: the record cannot be placed on the lattice.
        """
        codes = [
            draw_all(
                encode(plan.coordinates, record, plan.steps), plan.mechanisms(plan.finest), plan.finest, plan.steps
            )
        ]
        for fine, coarse in zip(plan.levels[:0:-1], plan.levels[-2::-1], strict=True):
            steps = zip(codes[0], plan.mechanisms(fine), plan.mechanisms(coarse), strict=True)
            codes.insert(0, [coarsen(code, of, to, plan.steps) for code, of, to in steps])
        return cls(plan, codes, secrets.token_hex(32))

    @property
    def visited(self) -> float:
        """Highest level looked at so far: what this chain has cost."""
        return self._visited

    def at(self, level: float) -> View:
        """The view of a slider position: the same one whenever it is asked for.

        Raises:
            PrivacyError: the slider has no such position.
        """
        view = View(self.plan, level, self._codes[self.plan.place(level)])
        self._visited = max(self._visited, level)
        return view

    def secret(self) -> str:
        """The chain as JSON, to outlive a reload. It holds the finest level: keep it as safe as the record."""
        return json.dumps(
            {"plan": self.plan.model_dump(), "codes": self._codes, "nonce": self._nonce, "visited": self._visited}
        )

    @classmethod
    def from_secret(cls, text: str) -> Self:
        """The chain that `secret` has written."""
        stored = json.loads(text)
        return cls(ReleasePlan.model_validate(stored["plan"]), stored["codes"], stored["nonce"], stored["visited"])


def coarsen(code: int, fine: Mechanism, coarse: Mechanism, steps: int) -> int:
    """One coordinate's code of a coarser level, made from its code of the next finer one."""
    if fine.categories:
        return coarsen_response(code, fine.categories, fine.promised, coarse.promised)
    return coarsen_laplace(code, fine.scale(steps), coarse.scale(steps))
