"""A release plan as a JSON file that a person writes: coordinates, levels, and relevance if there is any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from survviz.errors import InputError
from survviz.privacy.allocation import two_thirds, uniform
from survviz.privacy.lattice import Coordinate, Numeric
from survviz.privacy.release import LEVELS, ReleasePlan
from survviz.privacy.relevance import Relevance


class PlanFile(BaseModel):
    """What the file holds.

    Attributes:
        relevance: equal shares without it, two-thirds-power shares with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coordinates: tuple[Coordinate, ...] = Field(min_length=1)
    levels: tuple[float, ...] = LEVELS
    relevance: Relevance | None = None


def read_plan(path: Path) -> ReleasePlan:
    """The plan of a file.

    Raises:
        InputError: the file cannot be read, or is not a plan.
        PrivacyError: the plan has no finite epsilon, or too many coordinates.
    """
    try:
        file = PlanFile.model_validate(read_object(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path.name} is not a release plan: {place}: {first['msg']} (docs/privacy.md).") from error
    widths = {c.name: c.width if isinstance(c, Numeric) else 1.0 for c in file.coordinates}
    shares = uniform(list(widths)) if file.relevance is None else two_thirds(file.relevance, widths)
    return ReleasePlan(coordinates=file.coordinates, allocation=shares, levels=file.levels)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        InputError: there is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path.name} holds no JSON object; names and values in braces are expected.")
    return found
