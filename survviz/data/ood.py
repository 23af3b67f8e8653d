"""Is this case like those the model was trained on? Patches, clinical values and expression, each said in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.data.cohort import Cohort
from survviz.data.omics import OmicsScaler, is_linear
from survviz.data.patch_statistics import PatchStatistics
from survviz.errors import InputError
from survviz.types import MODALITIES, Bag, Case, Modality, Notice

PATCH_WARNING = 0.20
"""Share of patches beyond the training slides' 99 % limit. Training slides themselves lie around 0.01."""
PATCH_FAR, PATCH_STOP = 2.0, 0.60
"""A slide is stopped when this share of its patches lies beyond twice the limit.

Measured with our descriptor on real slides: H&E of another organ and scanner has 0.4 to 1.0 of its patches beyond the
limit but at most 0.3 beyond twice the limit; IHC has 0.5 to 1.0 there, fluorescence lies beyond ten times the limit.
"""
COVERAGE_WARNING, COVERAGE_STOP = 0.80, 0.30
RNA_STOP = 2.5
"""Mean |z| of a case. A standard normal has 0.8; a table in another unit goes to the clip of 6."""
MPP_TOLERANCE = 0.15
MAX_CATEGORIES = 60


@dataclass(frozen=True, slots=True)
class OodReference:
    """What the training cases looked like.

    Attributes:
        patches: distribution of patch features; None without pathology.
        rna: the fitted scaler; None without expression.
        rna_limit: largest mean |z| among training cases.
        ranges: number field -> smallest and largest training value.
        categories: other field -> the values said in training.
    """

    patches: PatchStatistics | None = None
    rna: OmicsScaler | None = None
    rna_limit: float = 0.0
    rna_unit: str = ""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        cohort: Cohort,
        case_ids: Iterable[str],
        *,
        templates: ClinicalTemplates | None = None,
        patches: PatchStatistics | None = None,
        rna: OmicsScaler | None = None,
        modalities: Collection[Modality] = MODALITIES,
    ) -> Self:
        """Look at the training cases only.

        Args:
            patches, rna: already fitted on the same cases; else fitted here.
            modalities: what the model reads; nothing else is checked later.
        """
        train = cohort.subset(case_ids)
        templates = templates or load_templates()
        if patches is None and train.features and "pathology" in modalities:
            patches = fit_patches(train)
        if rna is None and train.rna is not None and len(train.rna) and "genomic" in modalities:
            rna = OmicsScaler.fit(train.rna, log2=is_linear(train.rna_unit))
        limit = 0.0
        if rna is not None and train.rna is not None and len(train.rna):
            limit = float(f"{np.abs(rna.transform_table(train.rna)).mean(axis=1).max():.7g}")
        ranges, categories = _clinical_reference(train, templates) if "clinical" in modalities else ({}, {})
        return cls(patches, rna, limit, train.rna_unit, ranges, categories)

    def check(self, case: Case, templates: ClinicalTemplates | None = None) -> tuple[Notice, ...]:
        """What is unusual about a case; empty when nothing is."""
        notices = [notice for bag in case.bags for notice in self.check_bag(bag)]
        if case.clinical is not None:
            notices += self._check_clinical(case.clinical, templates or load_templates())
        if case.rna is not None and self.rna is not None:
            notices += self._check_rna(case.rna, self.rna)
        return tuple(notices)

    def check_bag(self, bag: Bag) -> list[Notice]:
        """Patches of one slide against the training slides."""
        if self.patches is None or not len(bag):
            return []
        notices: list[Notice] = []
        if abs(bag.mpp / self.patches.mpp - 1) > MPP_TOLERANCE:
            text = f"Slide {bag.slide_id} was encoded at {bag.mpp:g} um/px, the training slides at {self.patches.mpp:g}"
            notices.append(
                Notice("warning", "ood.mpp", text + ". Cells look larger or smaller to the model than they are.")
            )
        outlyingness = self.patches.outlyingness(bag)
        share, far = float((outlyingness > 1).mean()), float((outlyingness > PATCH_FAR).mean())
        text = f"{100 * share:.0f} % of the patches of slide {bag.slide_id} are unlike the training slides"
        if far > PATCH_STOP:
            text += ", most of them far outside. Another stain, scanner or organ? Such a slide should not be scored."
            notices.append(Notice("stop", "ood.patches", text))
        elif share > PATCH_WARNING:
            text += " (about 1 % is usual). Read the score and the map with caution."
            notices.append(Notice("warning", "ood.patches", text))
        return notices

    def _check_clinical(self, row: Mapping[str, Any], templates: ClinicalTemplates) -> list[Notice]:
        notices: list[Notice] = []
        known = templates.select([*self.ranges, *self.categories])
        for item, value in zip(known.fields, known.values(row).values(), strict=True):
            if value is None:
                continue
            said = item.say(value)
            if item.token in self.ranges:
                low, high = self.ranges[item.token]
                if not low <= float(value) <= high:
                    text = f"{item.token} is {float(value):g}; the training cases had {low:g} to {high:g}"
                    notices.append(Notice("warning", "ood.clinical", text + ". The model has to extrapolate."))
            elif said not in self.categories[item.token]:
                text = f"{item.token} is {value!r}, which no training case had"
                notices.append(Notice("warning", "ood.clinical", text + "; the model has not learned what it means."))
        return notices

    def _check_rna(self, values: Mapping[str, float], scaler: OmicsScaler) -> list[Notice]:
        values = {name: value for name, value in values.items() if np.isfinite(value)}
        try:
            z, match = scaler.transform(values)
        except InputError as error:
            return [Notice("stop", "ood.rna", str(error))]
        notices: list[Notice] = []
        if match.coverage < COVERAGE_WARNING:
            level = "stop" if match.coverage < COVERAGE_STOP else "warning"
            tail = " The others are taken as the training mean, so the genes say less than they could."
            notices.append(Notice(level, "ood.rna", f"RNA: {match.describe()}{tail}"))
        elif match.missing:
            text = f"RNA: {match.describe()} Missing genes are taken as the training mean."
            notices.append(Notice("info", "genes.coverage", text))
        found = np.array([gene in match.found for gene in scaler.genes])
        mean = float(np.abs(z[found]).mean()) if found.any() else 0.0
        unit = f" The model expects {self.rna_unit}." if self.rna_unit else ""
        if mean > max(RNA_STOP, self.rna_limit):
            text = f"RNA: values lie {mean:.1f} sd from the training mean on average (about 0.8 is usual)"
            notices.append(Notice("stop", "ood.rna", text + "; is the unit the same?" + unit))
        elif mean > 1.2 * self.rna_limit:
            text = f"RNA: values lie {mean:.1f} sd from the training mean on average, more than in any training case"
            notices.append(Notice("warning", "ood.rna", f"{text} ({self.rna_limit:.1f})." + unit))
        return notices

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "patches": self.patches.to_dict() if self.patches else None,
            "rna": self.rna.to_dict() if self.rna else None,
            "rna_limit": self.rna_limit,
            "rna_unit": self.rna_unit,
            "ranges": {name: list(pair) for name, pair in self.ranges.items()},
            "categories": {name: list(values) for name, values in self.categories.items()},
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form."""
        return cls(
            patches=PatchStatistics.from_dict(value["patches"]) if value["patches"] else None,
            rna=OmicsScaler.from_dict(value["rna"]) if value["rna"] else None,
            rna_limit=float(value["rna_limit"]),
            rna_unit=value["rna_unit"],
            ranges={name: (float(low), float(high)) for name, (low, high) in value["ranges"].items()},
            categories={name: tuple(values) for name, values in value["categories"].items()},
        )


def fit_patches(train: Cohort) -> PatchStatistics:
    """Statistics of all patches of a cohort, its feature files read one at a time."""
    bags = (bag for case in train.case_ids for bag in train.bags(case))
    return PatchStatistics.fit(bags, len(train.features))


def _clinical_reference(
    train: Cohort, templates: ClinicalTemplates
) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[str, ...]]]:
    ranges: dict[str, tuple[float, float]] = {}
    categories: dict[str, tuple[str, ...]] = {}
    for item in templates.select(token for token in templates.tokens if token in train.fields).fields:
        values = [value for value in train.clinical[item.token] if value is not None]
        if not values:
            continue
        if item.kind == "number":
            numbers = [float(value) for value in values]
            ranges[item.token] = (min(numbers), max(numbers))
        else:
            said = sorted({item.say(value) for value in values} | {item.missing})
            if len(said) <= MAX_CATEGORIES:
                categories[item.token] = tuple(said)
    return ranges, categories
