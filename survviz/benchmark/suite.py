"""A suite: which models are compared on which cohorts, over which splits. One TOML file, checked as a whole."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from survviz.data.split_plans import SplitPlan
from survviz.data.words import explain_validation
from survviz.errors import InputError
from survviz.training import TrainConfig
from survviz.types import Modality

NAME = r"^[A-Za-z0-9][A-Za-z0-9 ,._+()-]*$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class CohortSection(_Section):
    """One cohort of the suite.

    Attributes:
        folder: relative to the suite file, or to `--cohorts DIR`; default the name.
        plan: instead of the suite's; a split file is relative to the cohort's folder.
        require: modalities that a case must have to take part in this cohort at all.
        settings: training settings for every entry of this cohort, for example its clinical fields.
        oracle: JSON file of a synthetic cohort with the true log-hazard of every case.
        cannot: entry -> why this cohort cannot serve it although it has the modalities.
        published: key of the published numbers beside it; default the name.
        counts: False where its patients stand in another cohort of the suite too: it has its own table, but does not
            count over all cohorts.
        strata: clinical field within whose values concordance is also stated (pan-cancer: the cancer type).
    """

    name: str = Field(pattern=NAME)
    folder: str = ""
    plan: SplitPlan | None = None
    require: tuple[Modality, ...] = ()
    settings: dict[str, Any] = {}
    oracle: str | None = None
    cannot: dict[str, str] = {}
    published: str = ""
    counts: bool = True
    strata: str | None = None


class EntrySection(_Section):
    """One model as it takes part.

    Attributes:
        modalities: what it reads; a cohort without one of them cannot serve it. Default: all that the model reads.
        if_available: further modalities that it reads where the cohort has them.
        settings: training settings that differ from the suite's defaults.
        cohorts: only on these; empty = on all.
    """

    name: str = Field(pattern=NAME)
    model: str
    modalities: tuple[Modality, ...] | None = None
    if_available: tuple[Modality, ...] = ()
    settings: dict[str, Any] = {}
    cohorts: tuple[str, ...] = ()


class DerivedSection(_Section):
    """The mean of other entries' risks, each as a z-score among the risks of the fold's own training patients."""

    name: str = Field(pattern=NAME)
    of: tuple[str, ...] = Field(min_length=1)
    cohorts: tuple[str, ...] = ()


class Suite(_Section):
    """The whole file.

    Attributes:
        seed: of the weights, and of the splits where a plan gives no seed of its own.
        plan: how the cases of a cohort are divided, the same for every entry.
        defaults: training settings of every entry.
        entries_from: files with further [[entries]] and [[derived]], relative to this one; they come first.
    """

    name: str = Field(pattern=NAME)
    description: str = ""
    seed: int = Field(0, ge=0)
    plan: SplitPlan = Field(default_factory=lambda: SplitPlan.model_validate({}))
    defaults: dict[str, Any] = {}
    cohorts: tuple[CohortSection, ...] = Field(min_length=1)
    entries_from: tuple[str, ...] = ()
    entries: tuple[EntrySection, ...] = ()
    derived: tuple[DerivedSection, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, names in (
            ("cohorts", [one.name for one in self.cohorts]),
            ("entries", [one.name for one in (*self.entries, *self.derived)]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {what} are called {twice[0]!r}; a name may be used once")
        if any(plan.inner_val == 0 for plan in (self.plan, *(one.plan for one in self.cohorts if one.plan))):
            raise ValueError("inner_val 0 leaves nobody to choose the baselines' penalties on; give it a share")
        cohorts = {one.name for one in self.cohorts}
        for one in (*self.entries, *self.derived):
            unknown = sorted(set(one.cohorts) - cohorts)
            if unknown:
                raise ValueError(f"entry {one.name!r} names cohort {unknown[0]!r}; there are {', '.join(cohorts)}")
        return self

    def plan_of(self, cohort: CohortSection) -> SplitPlan:
        """The cohort's own plan, else the suite's, with the suite's seed unless it has its own."""
        plan = cohort.plan or self.plan
        return plan if "seed" in plan.model_fields_set else plan.model_copy(update={"seed": self.seed})


def read_suite(path: str | Path) -> Suite:
    """Read a suite file.

    Raises:
        InputError: it is missing, not TOML, or has unknown, missing or wrong entries (all are listed).
    """
    path = Path(path)
    values = _toml(path)
    for name in values.get("entries_from", ()):
        shared = _validated(_Entries, _toml(path.parent / str(name)), path.parent / str(name))
        for part in ("entries", "derived"):
            values[part] = [*(one.model_dump() for one in getattr(shared, part)), *values.get(part, [])]
    return _validated(Suite, values, path)


class _Entries(_Section):
    """A file that suites share."""

    entries: tuple[EntrySection, ...] = ()
    derived: tuple[DerivedSection, ...] = ()


File = TypeVar("File", bound=BaseModel)


def _validated(kind: type[File], values: dict[str, Any], path: Path) -> File:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(explain_validation(error, str(path), kind)) from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The suite {path} cannot be read: {error.strerror}. Give a .toml file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}.") from error


def train_config(where: str, *settings: dict[str, Any]) -> TrainConfig:
    """Training settings, later ones over earlier ones; groups such as `preprocess` are merged.

    Raises:
        InputError: a setting is unknown or out of range; `where` says in which entry.
    """
    merged: dict[str, Any] = {}
    for values in settings:
        for key, value in values.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = {**merged[key], **value} if both else value
    try:
        return TrainConfig(**merged)
    except ValidationError as error:
        raise InputError(explain_validation(error, where, TrainConfig)) from error
