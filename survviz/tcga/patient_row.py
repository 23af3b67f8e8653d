"""One patient as a clinical source gives them, before the sources are put together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from survviz.data.tables import is_missing


@dataclass(frozen=True, slots=True)
class PatientRow:
    """Outcome and what is known at diagnosis; None where it is unknown.

    Attributes:
        time: days of follow-up.
        event: True = died.
        reason: why the outcome cannot be used, in words; "" if it may be.
        age_years: at diagnosis.
        stages: staging system -> stage.
        project: "TCGA-KIRC"; "" if the source does not say.
    """

    time: float | None
    event: bool | None
    reason: str
    age_years: float | None
    sex: str | None
    grade: str | None
    race: str | None
    project: str
    stages: Mapping[str, str] = field(default_factory=dict)


def known(value: object) -> str | None:
    """A cell as text, or None where it says that nothing is known."""
    text = "" if is_missing(value) else str(value).strip()
    return None if text in ("", "#N/A") else text


def word(value: object) -> str | None:
    """A known cell in lower case: sources write `white` and `WHITE`."""
    text = known(value)
    return None if text is None else text.lower()


def number(value: object) -> float | None:
    """A known cell as a number; None if it is none."""
    try:
        found = float(known(value) or "nan")
    except ValueError:
        return None
    return found if math.isfinite(found) else None
