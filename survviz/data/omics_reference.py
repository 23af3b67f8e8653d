"""RNA, miRNA or copy number of the training cases: how it is scaled, and whether a new case looks like theirs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from survviz.data.cohort import Cohort
from survviz.data.omics import OmicsName, OmicsScaler, is_linear
from survviz.errors import InputError
from survviz.types import Case, Modality, Notice

COVERAGE_WARNING, COVERAGE_STOP = 0.80, 0.30
FAR_STOP = 2.5
"""Mean |z| of a case. A standard normal has 0.8; a table in another unit goes to the clip of 6."""

MODALITY: Mapping[OmicsName, Modality] = {"rna": "genomic", "mirna": "mirna", "cnv": "cnv"}
"""Name of a table -> the modality that it is a form of."""
WORDS: Mapping[OmicsName, tuple[str, str]] = {
    "rna": ("RNA", "genes"),
    "mirna": ("miRNA", "miRNAs"),
    "cnv": ("Copy number", "copy-number columns"),
}
"""Name of a table -> what it is called, and what its columns are called."""


def fit_scaler(train: Cohort, name: OmicsName, most: int | None = None) -> OmicsScaler | None:
    """Scale the most variable columns of a table (None = all that vary); None where no training case has it.

    Expression in a linear unit is logged; copy number is not.

    Raises:
        InputError: no column varies, or a value is negative where it must be logged.
    """
    found = train.omics(name)
    if found is None:
        return None
    table, unit = found
    scaler = OmicsScaler.fit(table, log2=name != "cnv" and is_linear(unit))
    kept = scaler.most_variable(most)
    if not kept:
        label, noun = WORDS[name]
        raise InputError(f"{label}: none of {len(scaler.genes)} {noun} varies among the {len(table)} training cases.")
    return scaler.select(kept)


def fit_scalers(train: Cohort, modalities: Collection[Modality]) -> dict[OmicsName, OmicsScaler]:
    """Every table of these modalities that a training case has, scaled whole."""
    scalers: dict[OmicsName, OmicsScaler] = {}
    for name, modality in MODALITY.items():
        scaler = fit_scaler(train, name) if modality in modalities else None
        if scaler is not None:
            scalers[name] = scaler
    return scalers


@dataclass(frozen=True, slots=True)
class OmicsReference:
    """One table of the training cases.

    Attributes:
        limit: largest mean |z| among them.
        unit: as the cohort declares it.
        public: scale and limit are constants that no case has influenced (`public_preprocess`).
    """

    name: OmicsName
    scaler: OmicsScaler
    limit: float
    unit: str
    public: bool = False

    @classmethod
    def fit(cls, train: Cohort, name: OmicsName, scaler: OmicsScaler) -> Self:
        """How far the training cases lie from their mean, under a scaler that was fitted on them."""
        found = train.omics(name)
        if found is None:
            raise InputError(f"Cohort {train.name!r} has no {WORDS[name][0]} table to compare with.")
        table, unit = found
        limit = float(f"{np.abs(scaler.transform_table(table)).mean(axis=1).max():.7g}")
        return cls(name, scaler, limit, unit)

    def vector(self, case: Case) -> NDArray[np.float32] | None:
        """(G,) z-scores of a case; None where it has none of the columns.

        Raises:
            InputError: a negative value where log2 is needed.
        """
        values = self._values(case)
        if not values:
            return None
        vector, match = self.scaler.transform(values)
        return vector if match.found else None

    def check(self, case: Case) -> list[Notice]:
        """What is unusual about a case: columns that it lacks, values far from the training mean."""
        values = self._values(case)
        if values is None:
            return []
        label, noun = WORDS[self.name]
        code = f"ood.{self.name}"
        try:
            z, match = self.scaler.transform(values)
        except InputError as error:
            return [Notice("stop", code, str(error))]
        notices: list[Notice] = []
        if match.coverage < COVERAGE_WARNING:
            level = "stop" if match.coverage < COVERAGE_STOP else "warning"
            tail = f" The others are taken as {self._middle}, so the {noun} say less than they could."
            notices.append(Notice(level, code, f"{label}: {match.describe(noun)}{tail}"))
        elif match.missing:
            text = f"{label}: {match.describe(noun)} Missing {noun} are taken as {self._middle}."
            notices.append(Notice("info", f"{noun.split()[0]}.coverage", text))
        found = np.array([column in match.found for column in self.scaler.genes])
        mean = float(np.abs(z[found]).mean()) if found.any() else 0.0
        unit = f" The model expects {self.unit}." if self.unit else ""
        if self.public:
            if mean > self.limit:
                text = f"{label}: values are {mean:.1f} times the model's scale on average; is the unit the same?{unit}"
                notices.append(Notice("stop", code, text))
        elif mean > max(FAR_STOP, self.limit):
            text = f"{label}: values lie {mean:.1f} sd from the training mean on average (about 0.8 is usual)"
            notices.append(Notice("stop", code, text + "; is the unit the same?" + unit))
        elif mean > 1.2 * self.limit:
            text = (
                f"{label}: values lie {mean:.1f} sd from the training mean on average, more than in any training case"
            )
            notices.append(Notice("warning", code, f"{text} ({self.limit:.1f})." + unit))
        return notices

    def _values(self, case: Case) -> dict[str, float] | None:
        """The case's row of this table, without gaps; None where it has none."""
        values = {"rna": case.rna, "mirna": case.mirna, "cnv": case.cnv}[self.name]
        return None if values is None else {name: value for name, value in values.items() if math.isfinite(value)}

    @property
    def _middle(self) -> str:
        """What a column that a case lacks counts as."""
        return "the middle of the model's scale" if self.public else "the training mean"

    def to_dict(self) -> dict[str, Any]:
        """JSON form: keys that begin with the name of the table."""
        document = {self.name: self.scaler.to_dict(), f"{self.name}_limit": self.limit, f"{self.name}_unit": self.unit}
        return document | ({f"{self.name}_public": True} if self.public else {})

    @classmethod
    def from_dict(cls, name: OmicsName, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form."""
        scaler = OmicsScaler.from_dict(value[name])
        public = bool(value.get(f"{name}_public", False))
        return cls(name, scaler, float(value[f"{name}_limit"]), str(value[f"{name}_unit"]), public)
