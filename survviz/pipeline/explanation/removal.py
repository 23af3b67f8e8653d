"""What if some patches were not there? The same case without them, beside the same case without as many others.

The model sees a smaller bag, as if that tissue had not been cut. That is a question to the model, not to biology: a
change says what the estimate rests on, not what causes the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.pipeline.predictor import Predictor
from survviz.types import Case, Prediction

MAJORITY = 0.5
CONTROLS = 9


@dataclass(frozen=True, slots=True)
class Removal:
    """A case with and without some patches.

    Attributes:
        n_removed: patches that were left out.
        n_patches: of the whole case.
        controls: (C,) change of the risk when as many patches are left out at random, from any slide.
    """

    before: Prediction
    after: Prediction
    n_removed: int
    n_patches: int
    controls: NDArray[np.float64]

    @property
    def change_per_fold(self) -> NDArray[np.float64]:
        """(F,) risk without the patches - risk with them."""
        return self.after.risk_per_fold - self.before.risk_per_fold


def without_patches(case: Case, gone: Mapping[str, NDArray[np.bool_]]) -> Case:
    """A case whose slides lack some patches; a slide that has none left is not there any more.

    Args:
        gone: slide id -> (N,) True = left out. Slides that are not named stay whole.

    Raises:
        InputError: no such slide, a mask of another length, or no patch is named or left.
    """
    sizes = {bag.slide_id: len(bag) for bag in case.bags}
    for name, mask in gone.items():
        if name not in sizes or len(mask) != sizes[name]:
            raise InputError(f"{len(mask)} patches of slide {name} were given; the case has {sizes}.")
    if not any(mask.any() for mask in gone.values()):
        raise InputError("No patch lies in the region by half or more. Draw it over tissue that the model has seen.")
    bags = []
    for bag in case.bags:
        keep = ~gone.get(bag.slide_id, np.zeros(len(bag), dtype=bool))
        bags.append(replace(bag, features=bag.features[keep], coords=bag.coords[keep]))
    left = tuple(bag for bag in bags if len(bag))
    if not left:
        raise InputError("The region holds every patch of the case; without them the model has no slide to look at.")
    return replace(case, bags=left)


def remove(
    predictor: Predictor, case: Case, gone: Mapping[str, NDArray[np.bool_]], *, controls: int = CONTROLS, seed: int = 0
) -> Removal:
    """Risk and survival with and without some patches, by the same folds.

    Raises:
        InputError: as `without_patches`.
    """
    left = without_patches(case, gone)
    total = sum(map(len, case.bags))
    removed = total - sum(map(len, left.bags))
    before = predictor.predict(case, allow_unlike=True)
    after = predictor.predict(left, allow_unlike=True)
    rng = np.random.default_rng(seed)
    changes = [
        predictor.predict(without_patches(case, _at_random(case, removed, rng)), allow_unlike=True).risk - before.risk
        for _ in range(controls)
    ]
    return Removal(before, after, removed, total, np.array(changes))


def _at_random(case: Case, count: int, rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    sizes = [len(bag) for bag in case.bags]
    mask = np.zeros(sum(sizes), dtype=bool)
    mask[rng.choice(len(mask), count, replace=False)] = True
    return dict(zip((bag.slide_id for bag in case.bags), np.split(mask, np.cumsum(sizes)[:-1]), strict=True))


def as_json(found: Removal) -> dict[str, Any]:
    """For the browser; what is undefined is null."""
    change = found.change_per_fold
    return {
        "n_patches": found.n_removed,
        "n_case": found.n_patches,
        "risk": found.before.risk,
        "without": found.after.risk,
        "change": float(change.mean()),
        "sd": float(change.std(ddof=1)) if len(change) > 1 else None,
        "per_fold": change.tolist(),
        "controls": found.controls.tolist(),
        "percentile": [found.before.percentile, found.after.percentile],
        "survival": [
            {
                "months": one.months,
                "before": one.survival,
                "after": other.survival,
                "reason": one.reason or other.reason,
            }
            for one, other in zip(found.before.horizons, found.after.horizons, strict=True)
        ],
    }
