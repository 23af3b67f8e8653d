"""Do maps find what was planted? Those of every case of a cohort against its region masks.

A region mask is `truth/SLIDE.png`, one class number per pixel, beside `truth/regions.json` with the legend. Each case
is mapped only by models that did not train on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.evaluation import LocalisationScore, UndefinedMetricError, auroc_ci
from survviz.explain.attention import PATCHES
from survviz.pipeline.predictor import Predictor
from survviz.types import Bag, MapKind, PatchScores, Progress

TRUTH = "truth"
LEGEND = "regions.json"
MAJORITY = 0.5


@dataclass(frozen=True, slots=True)
class RegionMasks:
    """The planted regions of a cohort's slides.

    Attributes:
        folder: where the masks lie.
        classes: region name -> number in the masks.
    """

    folder: Path
    classes: Mapping[str, int]

    @classmethod
    def read(cls, cohort: Path) -> RegionMasks:
        """The masks of a cohort folder.

        Raises:
            InputError: it has none.
        """
        path = cohort / TRUTH / LEGEND
        if not path.is_file():
            raise InputError(
                f"{cohort} has no region masks ({TRUTH}/{LEGEND}). A cohort made by `survviz sample` has them; "
                "for one case, give --case."
            )
        legend = json.loads(path.read_text())["classes"]
        return cls(cohort / TRUTH, {name: int(entry["value"]) for name, entry in legend.items()})

    def shares(self, bag: Bag) -> NDArray[np.float64] | None:
        """(N, classes) share of each patch that belongs to each class; None if the slide has no mask.

        Raises:
            InputError: the size of the slide is unknown, so the mask cannot be laid over it.
        """
        path = self.folder / f"{bag.slide_id}.png"
        if not path.is_file():
            return None
        if bag.slide_size is None:
            raise InputError(f"The features of slide {bag.slide_id} do not give its size; extract it again.")
        with Image.open(path) as image:
            mask = np.asarray(image)
        scale = np.array([mask.shape[1] / bag.slide_size[0], mask.shape[0] / bag.slide_size[1]])
        start = np.floor(bag.coords * scale).astype(int)
        stop = np.ceil((bag.coords + bag.patch_size_level0) * scale).astype(int)
        values = np.array(sorted(self.classes.values()))
        rows = np.empty((len(bag), len(values)))
        for index, ((left, top), (right, bottom)) in enumerate(zip(start, stop, strict=True)):
            area = mask[top:bottom, left:right]
            rows[index] = (area.reshape(-1, 1) == values).mean(axis=0)
        return rows

    def inside(self, bags: Sequence[Bag], regions: Sequence[str]) -> NDArray[np.bool_] | None:
        """(N,) patches of a case whose larger part lies in these regions; None without slides or masks."""
        columns = [sorted(self.classes.values()).index(self.classes[name]) for name in regions]
        shares = [self.shares(bag) for bag in bags]
        if not shares or any(share is None for share in shares):
            return None
        return np.concatenate([share[:, columns].sum(axis=1) >= MAJORITY for share in shares if share is not None])


@dataclass(frozen=True, slots=True)
class TokenLocalisation:
    """AUROC of one token's maps against some regions, over the cases of a cohort."""

    kind: MapKind
    query: str
    token: str
    regions: tuple[str, ...]
    score: LocalisationScore


def localisation(
    predictor: Predictor,
    cohort: Cohort,
    targets: Sequence[Sequence[str]],
    *,
    kind: MapKind = "attention",
    progress: Progress | None = None,
) -> tuple[TokenLocalisation, ...]:
    """Compare the maps of every direction towards the patches, and token, with the region masks.

    Of maps in units of risk the size counts, whichever way a patch pushes.

    Args:
        targets: sets of region names; a patch is inside a set when half of it or more belongs to its regions.

    Returns:
        One entry per direction, token ("all" first) and target; a target that no case separates is left out.

    Raises:
        InputError: the cohort has no masks, or no case can be mapped.
        UnknownNameError: no such region.
    """
    masks = RegionMasks.read(cohort.folder)
    maps: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    labels: dict[tuple[tuple[str, str], tuple[str, ...]], list[NDArray[np.bool_]]] = {}
    for done, case_id in enumerate(cohort.case_ids):
        case = cohort.case(case_id)
        inside = {tuple(target): masks.inside(case.bags, target) for target in targets}
        for query, key in predictor.directions_for(case, kind):
            if key != PATCHES or any(item is None for item in inside.values()):
                continue
            for token, slides in predictor.explain_kind(case, kind=kind, query=query, key=key).items():
                maps.setdefault((query, token), []).append(case_map(slides))
                for target, label in inside.items():
                    assert label is not None
                    labels.setdefault(((query, token), target), []).append(label)
        if progress:
            progress(done + 1, len(cohort))
    if not maps:
        raise InputError("No case of the cohort has patches, region masks and a modality that could look at them.")
    found = []
    for (name, target), inside_per_case in labels.items():
        try:
            score = auroc_ci(maps[name], inside_per_case)
        except UndefinedMetricError:
            continue
        found.append(TokenLocalisation(kind, name[0], name[1], target, score))
    return tuple(found)


def case_map(slides: Sequence[PatchScores]) -> NDArray[np.float64]:
    """The map of a case: its slides' values one after another; in units of risk, their size."""
    values = np.concatenate([scores.values for scores in slides])
    return np.abs(values) if slides[0].unit == "risk" else values
