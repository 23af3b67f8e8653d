"""What a checkpoint says of its own validation beyond discrimination: against clinic alone, in words and for JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

BASELINE = "Cox on clinic"


class Difference(BaseModel):
    """C-index of the model minus that of Cox on clinic, out of fold, on the same cases.

    Attributes:
        clinic: C-index of Cox on clinic.
        low: lower limit of the paired bootstrap interval over cases.
        p_value: two-sided.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clinic: float
    difference: float
    low: float
    high: float
    p_value: float
    level: float = 0.95

    @property
    def words(self) -> str:
        """What the interval allows to say; one that includes 0 shows nothing."""
        if self.low > 0:
            return "better than clinic"
        return "worse than clinic" if self.high < 0 else "not shown to be better than clinic"


class AgainstClinic(BaseModel):
    """The model beside a ridge-Cox model of the same clinical fields: same folds, same cases.

    Attributes:
        fields: clinical fields that both may read.
        pooled: over all pairs of cases.
        within: over pairs of the same cancer type; None where there is one type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_cases: int
    n_events: int
    fields: tuple[str, ...]
    pooled: Difference
    within: Difference | None = None
