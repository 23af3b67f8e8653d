"""What opens a case again: the files that it was put together from, small enough to be handed to another process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from survviz.data.omics import OmicsName
from survviz.errors import InputError
from survviz.types import Case, ClinicalValue, Notice

if TYPE_CHECKING:
    from survviz.data.cohort import Cohort


@dataclass(frozen=True, slots=True)
class SlideFile:
    """A slide of a case; `mpp` is what a person gave, None where the file declares it."""

    path: str
    mpp: float | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A case of a cohort folder, or the files from which one is built.

    Attributes:
        cohort: folder of the cohort that holds the case; nothing else but `units` is read then.
        units: table of that cohort ("rna", ...) -> the unit into which it is put, where that is exact.
        slides: slide id -> its file.
        features: patch features, one h5 per slide.
        rna: expression table.
        clinical: field -> value.
        notices: what was noticed while the files were prepared.
    """

    case_id: str
    slides: Mapping[str, SlideFile] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    rna: str | None = None
    clinical: Mapping[str, ClinicalValue] | None = None
    notices: tuple[Notice, ...] = ()
    cohort: str | None = None
    units: Mapping[OmicsName, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """From JSON.

        Raises:
            InputError: the file is gone or damaged.
        """
        try:
            return _checked.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(
                f"What this case was made of cannot be read ({path.name}). Load the case again."
            ) from error

    def write(self, path: Path) -> None:
        """As JSON, under a temporary name, then renamed."""
        fresh = path.with_suffix(".tmp")
        fresh.write_text(json.dumps(asdict(self), indent=1))
        fresh.replace(path)


_checked = TypeAdapter(Recipe)


def case_of_cohort(cohort: Cohort, case_id: str, units: Mapping[OmicsName, str]) -> Case:
    """A case of a cohort, its tables in these units, where that is exact.

    Raises:
        InputError: the cohort has no such case, or one of its files cannot be used.
    """
    from survviz.data.omics_units import in_units

    return in_units(cohort.subset([case_id]), units)[0].case(case_id)


def build_case(recipe: Recipe) -> tuple[Case, tuple[Notice, ...]]:
    """The case of a recipe, and what was noticed on the way.

    Raises:
        InputError: a file cannot be read, or does not hold this case.
    """
    if recipe.cohort is not None:
        from survviz.pipeline.cohort.evaluation import load_for_evaluation

        return case_of_cohort(load_for_evaluation(recipe.cohort), recipe.case_id, recipe.units), ()
    from survviz.pipeline.files import case_from_files

    return case_from_files(
        case_id=recipe.case_id, features=list(recipe.features), clinical=recipe.clinical, rna=recipe.rna
    )
