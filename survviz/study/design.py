"""The study file: what is asked of whom, about which slides, under which maps. It holds no outcome and no risk."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from survviz.errors import InputError, UnknownNameError

Condition: TypeAlias = Literal["real", "shuffled", "uniform"]
CONDITIONS: tuple[Condition, ...] = ("real", "shuffled", "uniform")
Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,63}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


class Question(_Section):
    """One screen.

    Attributes:
        name: column of the CSV.
        kind: "rating" and "confidence" = a scale of `points`; "choice" = one of `options`; "region" = a click on the
            slide; "text" = free words.
        low: what the first point of a scale means.
        high: what the last one means.
        optional: may be left empty (text only).
    """

    name: Name
    kind: Literal["rating", "confidence", "choice", "region", "text"]
    text: str = Field(min_length=1)
    points: int = Field(default=5, ge=2, le=9)
    low: str = ""
    high: str = ""
    options: tuple[str, ...] = Field(default=(), max_length=9)
    optional: bool = False

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind == "choice") != bool(self.options) or len(set(self.options)) != len(self.options):
            raise ValueError("a choice needs two to nine different options, and only a choice has options")
        if self.kind == "choice" and len(self.options) < 2:
            raise ValueError("a choice needs two to nine different options")
        if self.optional and self.kind != "text":
            raise ValueError("only a text may be left empty")
        return self

    @property
    def categories(self) -> tuple[str, ...]:
        """What can be answered, in order; empty for a region and for text."""
        if self.kind == "choice":
            return self.options
        return tuple(str(point + 1) for point in range(self.points)) if self.is_scale else ()

    @property
    def is_scale(self) -> bool:
        """Whether the answers have an order and a mean."""
        return self.kind in ("rating", "confidence")


class StudyCase(_Section):
    """One slide and its frozen map.

    Attributes:
        name: never shown to a reader; its row in the CSV.
        slide: slide file, relative to the study file.
        map: map file (`survviz.study.maps`), relative to the study file.
        mpp: um per pixel, for a slide that declares none.
    """

    name: Name
    slide: Path
    map: Path
    mpp: float | None = Field(default=None, gt=0)


class Study(_Section):
    """A reader study.

    Attributes:
        id: names the folder of its answers; a changed study needs a new one.
        consent: shown first; a reader agrees to it or sees nothing.
        tutorial: a case to try the keys on, with its real map; its answers are not kept.
        conditions: share of the cases shown with the real, the shuffled and the uniform map.
        shuffle: "shift" keeps the smoothness of the real map, "plain" destroys it (`survviz.study.maps`).
        colour_range: colours span 2^-range to 2^range times uniform, the same for every slide and kind of map.
        seed: of the plan; the same seed gives the same plan on every machine.
        readers: one code per reader, in a fixed order; new ones may be added at the end.
        only: readers see nothing of the app but the study.
        folder: where the study file lies.
    """

    id: Name
    title: str = Field(min_length=1)
    consent: str = Field(min_length=1)
    thanks: str = "Thank you. All answers are saved; you may close this tab."
    tutorial: StudyCase | None = None
    cases: tuple[StudyCase, ...] = Field(min_length=1)
    questions: tuple[Question, ...] = Field(min_length=1)
    conditions: dict[Condition, float]
    shuffle: Literal["shift", "plain"] = "shift"
    colour_range: Literal[1, 2, 4] = 2
    seed: int = Field(default=0, ge=0)
    readers: tuple[Name, ...] = Field(min_length=1)
    only: bool = False
    folder: Path = Field(default=Path(), exclude=True)

    @field_validator("conditions")
    @classmethod
    def _sum_to_one(cls, shares: dict[Condition, float]) -> dict[Condition, float]:
        if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
            raise ValueError("the shares of real, shuffled and uniform must be 0 or more and sum to 1")
        return shares

    @model_validator(mode="after")
    def _no_name_twice(self) -> Self:
        for what, names in (
            ("case", [case.name for case in self.cases]),
            ("question", [question.name for question in self.questions]),
            ("reader", [reader.lower() for reader in self.readers]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} {twice[0]!r} is there twice")
        return self

    @cached_property
    def digest(self) -> str:
        """Of all that the plan and the answers rest on; not of readers, words around, and where files lie."""
        names = {"id", "questions", "conditions", "shuffle", "colour_range", "seed"}
        depends = self.model_dump(mode="json", include=names)
        depends["cases"] = [case.name for case in self.cases]
        return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]

    def case(self, name: str) -> StudyCase:
        """A case by name.

        Raises:
            UnknownNameError: there is none.
        """
        for case in self.cases:
            if case.name == name:
                return case
        raise UnknownNameError("case of the study", name, [case.name for case in self.cases])

    def reader(self, code: str) -> str | None:
        """The reader whose code was typed, whatever its case; None for a stranger."""
        typed = code.strip().lower()
        return next((reader for reader in self.readers if reader.lower() == typed), None)


def load_study(path: str | Path) -> Study:
    """Read a study file, TOML or JSON.

    Raises:
        InputError: it is not there, cannot be read, or says something impossible.
    """
    found = Path(path).expanduser()
    if found.is_dir():
        found = found / "study.toml"
    try:
        text = found.read_text(encoding="utf-8")
        values = json.loads(text) if found.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The study file {found} cannot be read ({error}). Make one with `survviz study init`."
        ) from error
    except (ValueError, RecursionError) as error:
        kind = "JSON" if found.suffix == ".json" else "TOML"
        raise InputError(f"{found} is no {kind}: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{found} holds no settings by name; expected what `survviz study init` writes.")
    try:
        return Study(**{**values, "folder": found.resolve().parent})
    except ValidationError as error:
        raise InputError(_in_words(error, found)) from error


def _in_words(error: ValidationError, path: Path) -> str:
    lines = [f"{path} has {error.error_count()} problem{'s' * (error.error_count() > 1)}:"]
    for problem in error.errors(include_url=False):
        place = ".".join(str(part) for part in problem["loc"]) or "file"
        lines.append(f"  {place}: {re.sub('^Value error, ', '', problem['msg'])}")
    return "\n".join(lines)
