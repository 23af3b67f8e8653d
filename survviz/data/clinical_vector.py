"""Clinical fields as numbers: a number is standardised, a category has a column per value, a gap has its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from survviz.data.omics import CLIP, compact

Code: TypeAlias = float | str | None
"""A number, a category in its one spelling, or unknown: what `ClinicalTemplates.codes` gives."""

MIN_CASES = 2
"""A value of fewer training cases shares the column `FIELD=other`."""


@dataclass(frozen=True, slots=True)
class ClinicalVector:
    """Fitted on training cases.

    Attributes:
        names: field -> its columns: `Age`, `Sex=female`, `Stage=II`, `Grade=other`, `Age missing`. A field that did not
            vary in training is left out.
        moments: number field -> its mean and sd (ddof 0).
    """

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moments: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def fit(cls, rows: Iterable[Mapping[str, Code]], tokens: Sequence[str]) -> Self:
        """Columns for these fields; a case without any value has no part in it.

        Args:
            rows: one per training case.
        """
        rows = [row for row in rows if any(row.get(token) is not None for token in tokens)]
        names: dict[str, tuple[str, ...]] = {}
        moments: dict[str, tuple[float, float]] = {}
        for token in tokens:
            values = [row.get(token) for row in rows]
            numbers = [value for value in values if isinstance(value, float)]
            if numbers:
                mean, sd = compact(np.array([np.mean(numbers), np.std(numbers)]))
                moments[token] = (mean, sd if sd > 1e-6 * max(1.0, abs(mean)) else 0.0)
            columns = _columns(token, values, varies=token in moments and moments[token][1] > 0)
            if columns:
                names[token] = columns
        return cls(names, {token: pair for token, pair in moments.items() if token in names})

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(name for columns in self.names.values() for name in columns)

    @property
    def fields(self) -> dict[str, tuple[int, ...]]:
        """Field -> indices of its columns; every column belongs to one field."""
        starts = np.cumsum([0, *(len(columns) for columns in self.names.values())]).tolist()
        return {token: tuple(range(starts[i], starts[i + 1])) for i, token in enumerate(self.names)}

    def transform(self, values: Mapping[str, Code]) -> NDArray[np.float32]:
        """(C,) numbers: z-scores within ±6, else 0 or 1. A value that no column stands for leaves its field at 0."""
        vector: list[float] = []
        for token, names in self.names.items():
            lit, size = self._lit(token, values.get(token))
            vector += [size if name == lit else 0.0 for name in names]
        return np.array(vector, dtype=np.float32)

    def _lit(self, token: str, value: Code) -> tuple[str, float]:
        """The one column of a field that is not 0, and its value."""
        if value is None:
            return _missing(token), 1.0
        if token in self.moments:
            mean, sd = self.moments[token]
            return token, float(np.clip((float(value) - mean) / sd, -CLIP, CLIP)) if sd > 0 else 0.0
        name = _category(token, str(value))
        return (name if name in self.names[token] else _category(token, "other")), 1.0

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "names": {token: list(columns) for token, columns in self.names.items()},
            "moments": {token: list(pair) for token, pair in self.moments.items()},
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form."""
        return cls(
            {token: tuple(columns) for token, columns in value["names"].items()},
            {token: (float(mean), float(sd)) for token, (mean, sd) in value["moments"].items()},
        )


def _columns(token: str, values: Sequence[Code], *, varies: bool) -> tuple[str, ...]:
    """Columns of one field that vary among its training values; `varies` says so of a number."""
    known = [value for value in values if value is not None]
    gap = (_missing(token),) if len(known) < len(values) else ()
    if not known:
        return ()
    if all(isinstance(value, float) for value in known):
        return ((token,) if varies else ()) + gap
    counts = Counter(str(value) for value in known)
    kept = sorted(value for value, count in counts.items() if count >= MIN_CASES)  # roman stages sort in order
    rare = ["other"] if len(kept) < len(counts) and "other" not in kept else []
    columns = tuple(_category(token, value) for value in (*kept, *rare)) + gap
    return columns if len(columns) > 1 else ()


def _category(token: str, value: str) -> str:
    return f"{token}={value}"


def _missing(token: str) -> str:
    return f"{token} missing"
