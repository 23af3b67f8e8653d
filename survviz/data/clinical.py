"""Clinical fields become sentences: one template per field, one token per sentence, missing values said in words."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from survviz.data.genes import RESOURCES
from survviz.data.tables import is_missing
from survviz.data.words import explain_validation
from survviz.errors import InputError, UnknownNameError
from survviz.types import ClinicalValue

ROMAN = {"0": "0", "1": "I", "2": "II", "3": "III", "4": "IV"}
STAGE = re.compile(
    r"^(?:ajcc\s*)?(?:(?:clinical|pathologic(?:al)?)\s*)?(?:stage\s*)?(iv|iii|ii|i|[0-4])\s*([a-c]\d?)?$", re.IGNORECASE
)
MAIN_STAGE = re.compile(r"^(0|IV|III|II|I)(?:[A-C]\d?| \(in situ\))?$")
GRADE = re.compile(r"^(?:grade\s*)?g?\s*([1-4]|iv|iii|ii|i)$", re.IGNORECASE)
GRADE_WORDS = {
    "1": "1 (well differentiated)",
    "2": "2 (moderately differentiated)",
    "3": "3 (poorly differentiated)",
    "4": "4 (undifferentiated)",
}
DIGIT = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
CANNOT_TELL = re.compile(r"^(?:stage|grade)?\s*g?x$", re.IGNORECASE)


class ClinicalField(BaseModel):
    """One field and how it is said.

    Attributes:
        token: name of the token, as shown in the app.
        columns: names under which tables carry it, in lower case.
        sentence: template with `{value}`.
        missing: the sentence for an unknown value.
        values: what is written -> spellings that mean it.
        range: plausible numbers; one outside is an error, not a guess at another unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[str, Field(min_length=1)]
    kind: Literal["number", "stage", "grade", "text"] = "text"
    columns: tuple[str, ...] = ()
    sentence: str
    missing: str
    values: dict[str, tuple[str, ...]] = {}
    range: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _has_place_for_value(self) -> Self:
        if "{value}" not in self.sentence:
            raise ValueError(f"the sentence of {self.token!r} has no {{value}} in it")
        return self

    def say(self, value: object) -> str:
        """The sentence for a value.

        Raises:
            InputError: a number is unreadable or outside its plausible range.
        """
        if self.is_unknown(value):
            return self.missing
        return self.sentence.replace("{value}", KINDS[self.kind](self, value))

    def code(self, value: object) -> float | str | None:
        """A number as it is, a stage as 0, I, II, III, IV or other, else as the sentence writes it; None if unknown.

        Raises:
            InputError: a number is unreadable or outside its plausible range.
        """
        if self.is_unknown(value):
            return None
        if self.kind == "number":
            return _plausible(self, value)
        written = KINDS[self.kind](self, value)
        if self.kind != "stage":
            return written
        main = MAIN_STAGE.match(written)
        return main.group(1) if main else "other"

    def is_unknown(self, value: object) -> bool:
        """Whether a cell is empty, or says that the stage or grade cannot be told (GX)."""
        return is_missing(value) or (self.kind in ("stage", "grade") and bool(CANNOT_TELL.match(str(value).strip())))


def _plausible(field: ClinicalField, value: object) -> float:
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError) as error:
        raise InputError(f"{field.token}: {value!r} was given; expected a number, or an empty cell.") from error
    if not math.isfinite(number):
        raise InputError(f"{field.token}: {number} was given; expected a number, or an empty cell.")
    if field.range and not field.range[0] <= number <= field.range[1]:
        low, high = field.range
        raise InputError(
            f"{field.token}: {number:g} was given; expected {low:g} to {high:g}. If it is in days, say so in "
            f'cohort.toml: {field.token} = {{ column = "...", unit = "days" }}.'
        )
    return number


def _number(field: ClinicalField, value: object) -> str:
    number = _plausible(field, value)
    return f"{number:.0f}" if abs(number) >= 10 else f"{number:.2g}"


def _stage(field: ClinicalField, value: object) -> str:
    match = STAGE.match(_plain(value))
    if _plain(value).lower() in ("is", "tis", "in situ"):
        return "0 (in situ)"
    if not match:
        return _plain(value)
    main, letter = match.groups()
    return ROMAN.get(main, main.upper()) + (letter or "").upper()


def _grade(field: ClinicalField, value: object) -> str:
    text = _plain(value)
    match = GRADE.match(text)
    if match:
        digit = match.group(1).lower()
        return GRADE_WORDS[DIGIT.get(digit, digit)]
    return re.sub(r"\s*grade$", "", text.lower())


def _text(field: ClinicalField, value: object) -> str:
    text = _plain(value)
    for written, spellings in field.values.items():
        if text.lower() in spellings or text.lower() == written.lower():
            return written
    return text.lower() if len(text) > 6 else text


def _plain(value: object) -> str:
    """Text of a cell; 2.0 becomes 2."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split())


KINDS: dict[str, Callable[[ClinicalField, object], str]] = {
    "number": _number,
    "stage": _stage,
    "grade": _grade,
    "text": _text,
}


class _TemplateFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    default: tuple[str, ...] = ()
    field: tuple[ClinicalField, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        tokens = [field.token for field in self.field]
        if len(set(tokens)) < len(tokens):
            raise ValueError(f"two fields have the same token ({', '.join(tokens)})")
        unknown = set(self.default) - set(tokens)
        if unknown:
            raise ValueError(f"default names fields that are not defined: {', '.join(sorted(unknown))}")
        return self


@dataclass(frozen=True, slots=True)
class ClinicalTemplates:
    """Sentence templates in a fixed order.

    Attributes:
        fields: the fields that become tokens.
        known: every field of the file; `select` chooses among them.
    """

    fields: tuple[ClinicalField, ...]
    known: tuple[ClinicalField, ...] = ()

    @property
    def tokens(self) -> tuple[str, ...]:
        """Names of the tokens, in order."""
        return tuple(field.token for field in self.fields)

    def select(self, tokens: Iterable[str]) -> ClinicalTemplates:
        """The same templates for these tokens, in this order.

        Raises:
            UnknownNameError: there is no template of this name.
        """
        known = {field.token.lower(): field for field in self.known or self.fields}
        tokens = list(tokens)
        for token in tokens:
            if token.lower() not in known:
                raise UnknownNameError("clinical field", token, (field.token for field in known.values()))
        return ClinicalTemplates(tuple(known[token.lower()] for token in tokens), self.known or self.fields)

    def find_columns(self, columns: Iterable[str]) -> dict[str, str]:
        """Token -> the table's column that carries it, among all known fields; a token of no column is left out."""
        lower = {column.strip().lower().replace(" ", "_"): column for column in columns}
        found: dict[str, str] = {}
        for field in self.known or self.fields:
            names = (field.token.lower().replace(" ", "_"), *field.columns)
            column = next((lower[name] for name in names if name in lower), None)
            if column is not None:
                found[field.token] = column
        return found

    def values(self, row: Mapping[str, Any]) -> dict[str, ClinicalValue]:
        """Token -> value of a row, found by the token's name or a usual column name; a missing value is None."""
        columns = self.find_columns(row)
        values = {token: row[columns[token]] if token in columns else None for token in self.tokens}
        return {token: None if is_missing(value) else value for token, value in values.items()}

    def sentences(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """One sentence per token, in the order of `tokens`.

        Raises:
            InputError: a number is unreadable or implausible.
        """
        values = self.values(row)
        return tuple(field.say(values[field.token]) for field in self.fields)

    def codes(self, row: Mapping[str, Any]) -> dict[str, float | str | None]:
        """Token -> value for a vector, in one spelling; see `ClinicalField.code`.

        Raises:
            InputError: a number is unreadable or implausible.
        """
        values = self.values(row)
        return {field.token: field.code(values[field.token]) for field in self.fields}

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the selected fields."""
        return {"field": [field.model_dump(mode="json", exclude_defaults=True) for field in self.fields]}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], where: str = "clinical templates") -> ClinicalTemplates:
        """Templates from their JSON or TOML form.

        Raises:
            InputError: a field is malformed; `where` names the source.
        """
        try:
            file = _TemplateFile.model_validate(value)
        except ValidationError as error:
            raise InputError(explain_validation(error, where)) from error
        templates = cls(file.field, file.field)
        return templates.select(file.default) if file.default else templates


def load_templates(path: str | Path | None = None) -> ClinicalTemplates:
    """The templates that ship with survviz (six tokens by default), or those of a file of the same form.

    Raises:
        InputError: the file cannot be read or is malformed.
    """
    source = RESOURCES / "clinical_templates.toml" if path is None else Path(path)
    try:
        value = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The clinical templates {source} cannot be read: {error}.") from error
    return ClinicalTemplates.from_dict(value, source.name)
