"""From a record to integers: public bounds, clipping, and a public lattice on which the noise is exact.

Noise that is added to floating-point numbers leaks through their low bits (Mironov 2012), and so does a sum of floats
(Casacuberta et al. 2022). Here every number becomes an integer between 0 and the number of steps before anything random
happens, so every coordinate has the same sensitivity, whatever its unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.errors import PrivacyError

STEPS = 2**10


class Numeric(BaseModel):
    """A number with public bounds. What lies outside of them is clipped.

    Attributes:
        lower, upper: fixed before any record is seen, in the number's own unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["numeric"] = "numeric"
    name: str = Field(min_length=1)
    lower: float = Field(allow_inf_nan=False)
    upper: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not (self.lower < self.upper and math.isfinite(self.upper - self.lower)):
            raise PrivacyError(f"{self.name}: the bounds {self.lower:g} and {self.upper:g} are not in order.")
        return self

    @property
    def width(self) -> float:
        return self.upper - self.lower

    def encode(self, value: object, steps: int = STEPS) -> int:
        """Integer in [0, steps], from this record's value alone.

        Raises:
            PrivacyError: no number, or not a number. Whether it is missing must be said by a category of its own.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise PrivacyError(
                f"{self.name} is not a number. A missing value would show in the release: "
                "declare public that it is missing, or add a category that says so."
            )
        clipped = min(max(float(value), self.lower), self.upper)
        return min(steps, max(0, round((clipped - self.lower) / self.width * steps)))

    def decode(self, code: int, steps: int = STEPS) -> float:
        """Number of a lattice point; noise may carry it past the bounds."""
        return self.lower + self.width * (code / steps)


class Category(BaseModel):
    """One of a public list of values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["category"] = "category"
    name: str = Field(min_length=1)
    values: tuple[str, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.values)) < len(self.values):
            raise PrivacyError(f"{self.name} lists a value twice.")
        return self

    def encode(self, value: object, steps: int = STEPS) -> int:
        """Place of the value in the public list.

        Raises:
            PrivacyError: the list does not hold it.
        """
        if not isinstance(value, str) or value not in self.values:
            raise PrivacyError(f"{self.name} has a value outside of its public list: {', '.join(self.values)}.")
        return self.values.index(value)

    def decode(self, code: int, steps: int = STEPS) -> str:
        return self.values[code]


Coordinate = Annotated[Numeric | Category, Field(discriminator="kind")]


def encode(coordinates: tuple[Coordinate, ...], record: Mapping[str, object], steps: int = STEPS) -> list[int]:
    """A record as integers, in the order of the coordinates; fields without a coordinate are never looked at.

    Raises:
        PrivacyError: a coordinate is missing, or its value cannot be placed.
    """
    missing = [coordinate.name for coordinate in coordinates if coordinate.name not in record]
    if missing:
        raise PrivacyError(f"The record lacks {', '.join(missing)}; a release always holds every coordinate.")
    return [coordinate.encode(record[coordinate.name], steps) for coordinate in coordinates]
