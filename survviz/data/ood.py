"""Is this case like those the model was trained on? Pathology, clinical values and expression, each said in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.data.cohort import Cohort
from survviz.data.omics import OmicsName, OmicsScaler
from survviz.data.omics_reference import (
    COVERAGE_STOP,
    COVERAGE_WARNING,
    MODALITY,
    OmicsReference,
    fit_scalers,
)
from survviz.data.patch_statistics import PatchStatistics
from survviz.data.region_statistics import FAR, RegionStatistics
from survviz.types import MODALITIES, Bag, Case, Modality, Notice, Regions

PATCH_WARNING = 0.20
"""Share of patches beyond the training slides' 99 % limit. Training slides themselves lie around 0.01."""
PATCH_FAR, PATCH_STOP = 2.0, 0.60
"""A slide is stopped when this share of its patches lies beyond twice the limit.

Measured with our descriptor on real slides: H&E of another organ and scanner has 0.4 to 1.0 of its patches beyond the
limit but at most 0.3 beyond twice the limit; IHC has 0.5 to 1.0 there, fluorescence lies beyond ten times the limit.
"""
REGION_WARNING, REGION_STOP = 0.10, 0.50
"""Share of a case's feature values beyond 4 sd, where no training case had as many."""
MPP_TOLERANCE = 0.15
MAX_CATEGORIES = 60


@dataclass(frozen=True, slots=True)
class OodReference:
    """What the training cases looked like.

    Attributes:
        patches: distribution of patch features; None without slides.
        regions: distribution of the features of regions; None without them.
        omics: table ("rna", "mirna", "cnv") -> how its cases look; only those that a model reads.
        ranges: number field -> smallest and largest training value.
        categories: other field -> the values said in training.
        public: ranges and categories are constants that no patient has influenced (`public_preprocess`).
    """

    patches: PatchStatistics | None = None
    regions: RegionStatistics | None = None
    omics: Mapping[OmicsName, OmicsReference] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    public: bool = False

    @classmethod
    def fit(
        cls,
        cohort: Cohort,
        case_ids: Iterable[str],
        *,
        templates: ClinicalTemplates | None = None,
        patches: PatchStatistics | None = None,
        regions: RegionStatistics | None = None,
        omics: Mapping[OmicsName, OmicsScaler] | None = None,
        modalities: Collection[Modality] = MODALITIES,
    ) -> Self:
        """Look at the training cases only.

        Args:
            patches, regions, omics: already fitted on the same cases; else fitted here.
            modalities: what the model reads; nothing else is checked later.
        """
        train = cohort.subset(case_ids)
        templates = templates or load_templates()
        if patches is None and train.features and "pathology" in modalities:
            patches = fit_patches(train)
        if regions is None and train.regions is not None and len(train.regions) and "pathology" in modalities:
            regions, _ = RegionStatistics.fit(train.regions, train.encoder or "")
        if omics is None:
            omics = fit_scalers(train, modalities)
        references: dict[OmicsName, OmicsReference] = {
            name: OmicsReference.fit(train, name, scaler) for name, scaler in omics.items()
        }
        ranges, categories = _clinical_reference(train, templates) if "clinical" in modalities else ({}, {})
        return cls(patches, regions, references, ranges, categories)

    @property
    def rna(self) -> OmicsScaler | None:
        """How expression is scaled; None where it is not read."""
        return self.omics["rna"].scaler if "rna" in self.omics else None

    def check(self, case: Case, templates: ClinicalTemplates | None = None) -> tuple[Notice, ...]:
        """What is unusual about a case; empty when nothing is."""
        notices = [notice for bag in case.bags for notice in self.check_bag(bag)]
        if case.clinical is not None:
            notices += self._check_clinical(case.clinical, templates or load_templates())
        if case.regions is not None and self.regions is not None:
            notices += self._check_regions(case.regions, self.regions)
        for reference in self.omics.values():
            notices += reference.check(case)
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
                    known_for = "the model was made for" if self.public else "the training cases had"
                    text = f"{item.token} is {float(value):g}; {known_for} {low:g} to {high:g}"
                    notices.append(Notice("warning", "ood.clinical", text + ". The model has to extrapolate."))
            elif said not in self.categories[item.token]:
                unheard = "is not on the model's list" if self.public else "no training case had"
                text = f"{item.token} is {value!r}, which {unheard}"
                notices.append(Notice("warning", "ood.clinical", text + "; the model has not learned what it means."))
        return notices

    def _check_regions(self, regions: Regions, known: RegionStatistics) -> list[Notice]:
        notices: list[Notice] = []
        far, missing = known.far(regions), known.missing(regions)
        text = f"{100 * far:.0f} % of the pathology features lie more than {FAR:g} sd from the training mean"
        if far > max(REGION_STOP, known.limit):
            text += ". Made by other software, or in another unit? Such a case should not be scored."
            notices.append(Notice("stop", "ood.regions", text))
        elif far > max(REGION_WARNING, known.limit):
            text += f"; no training case had more than {100 * known.limit:.2g} %. Read the score with caution."
            notices.append(Notice("warning", "ood.regions", text))
        if missing:
            level = "stop" if missing > 1 - COVERAGE_STOP else "warning" if missing > 1 - COVERAGE_WARNING else "info"
            text = f"{100 * missing:.2g} % of the pathology features were not measured; the training mean stands in."
            notices.append(Notice(level, "regions.missing", text))
        return notices

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "patches": self.patches.to_dict() if self.patches else None,
            "regions": self.regions.to_dict() if self.regions else None,
            **{key: item for one in self.omics.values() for key, item in one.to_dict().items()},
            "ranges": {name: list(pair) for name, pair in self.ranges.items()},
            "categories": {name: list(values) for name, values in self.categories.items()},
            **({"public": True} if self.public else {}),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form; a table, or regions, of which it says nothing was not read."""
        regions = value.get("regions")
        omics: dict[OmicsName, OmicsReference] = {
            name: OmicsReference.from_dict(name, value) for name in MODALITY if value.get(name)
        }
        return cls(
            patches=PatchStatistics.from_dict(value["patches"]) if value["patches"] else None,
            regions=RegionStatistics.from_dict(regions) if regions else None,
            omics=omics,
            ranges={name: (float(low), float(high)) for name, (low, high) in value["ranges"].items()},
            categories={name: tuple(values) for name, values in value["categories"].items()},
            public=bool(value.get("public", False)),
        )


def fit_patches(train: Cohort) -> PatchStatistics:
    """Statistics of all patches of a cohort, its feature files read one at a time."""
    bags = (bag for case in train.case_ids for bag in train.bags(case))
    return PatchStatistics.fit(bags, len(train.features))


def fit_pathology(train: Cohort) -> tuple[PatchStatistics | None, RegionStatistics | None, tuple[Notice, ...]]:
    """Statistics of slides or of regions, whichever the cohort has, and what was noticed."""
    if train.regions is not None and len(train.regions):
        regions, notices = RegionStatistics.fit(train.regions, train.encoder or "")
        return None, regions, notices
    return (fit_patches(train) if train.features else None), None, ()


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
