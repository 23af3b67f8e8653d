"""Which case of a cohort has which modality, without reading a feature file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import pandas as pd

from survviz.data.cohort import Cohort
from survviz.types import MODALITIES, Modality


@dataclass(frozen=True, slots=True)
class Coverage:
    """The cases that take part, and what each has.

    Attributes:
        cases: sorted.
        has: modality -> cases.
    """

    cases: tuple[str, ...]
    has: Mapping[Modality, frozenset[str]]

    @classmethod
    def of(cls, cohort: Cohort, *, require: Iterable[Modality] = ()) -> Self:
        """Cases outside the holdout that have all of `require`."""
        encoded = cohort.slides["slide_id"].isin(list(cohort.features))
        fields = cohort.clinical[list(cohort.fields)].notna().any(axis=1)
        regions = set() if cohort.regions is None else set(cohort.regions.index.get_level_values(0))
        has: dict[Modality, set[str]] = {
            "pathology": set(cohort.slides.loc[encoded, "case_id"]) | regions,
            "clinical": set(cohort.clinical.index[fields]),
            "genomic": _rows(cohort.rna) | set(cohort.token_files),
            "mirna": _rows(cohort.mirna),
            "cnv": _rows(cohort.cnv),
        }
        cases = set(cohort.case_ids) - cohort.holdout
        for name in require:
            cases &= has[name]
        return cls(tuple(sorted(cases)), {name: frozenset(owners & cases) for name, owners in has.items()})

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What any case has."""
        return tuple(name for name in MODALITIES if self.has[name])

    def cases_with(self, modalities: Iterable[Modality]) -> frozenset[str]:
        """Cases that have at least one of these: what a model that reads them can be asked about."""
        return frozenset().union(*(self.has[name] for name in modalities))


def _rows(table: pd.DataFrame | None) -> set[str]:
    return set() if table is None else set(table.index)
