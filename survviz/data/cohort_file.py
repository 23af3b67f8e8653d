"""`cohort.toml`: which file holds what, in which column, in which unit, and what "dead" is called."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from survviz.data.tables import Orientation
from survviz.data.words import explain_validation
from survviz.errors import InputError
from survviz.remote.addresses import refuse_address
from survviz.units import TimeUnit
from survviz.workspace import present

FILE_NAME = "cohort.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventCoding(_Section):
    """Which spellings in the event column mean that the event was seen, and which that follow-up ended before."""

    observed: tuple[str | int | float | bool, ...] = Field(min_length=1)
    censored: tuple[str | int | float | bool, ...] = Field(min_length=1)


class FieldColumn(_Section):
    """A clinical field that needs its unit changed: `Age = { column = "age_at_diagnosis", unit = "days" }`."""

    column: str
    unit: Literal["years", "months", "days"] = "years"


class ClinicalSection(_Section):
    """The outcome table.

    Attributes:
        fields: clinical token -> column; empty = found by the usual column names.
        bad_rows: "refuse" the table when a row cannot be used (all are listed), or "leave out" such rows and say so.
    """

    file: str = "clinical.csv"
    id: str = "case_id"
    time: str = "time"
    event: str = "event"
    time_unit: TimeUnit
    event_coding: EventCoding
    fields: dict[str, str | FieldColumn] = {}
    bad_rows: Literal["refuse", "leave out"] = "refuse"


class MatrixSection(_Section):
    """A table of RNA or miRNA expression, or of copy-number changes.

    Attributes:
        unit: in words. Expression in "TPM", "FPKM", "RPM", "CPM", "RSEM" and "counts" is logged before scaling;
            anything else, and copy number in any unit, is taken as it is.
    """

    file: str
    unit: str
    orientation: Orientation = "auto"


class SlidesSection(_Section):
    """A table with the columns case_id, slide_id and, where known, path (below the cohort's folder) and mpp."""

    file: str = "slides.csv"


class FeaturesSection(_Section):
    """Encoded patches: one file per slide, named by slide_id.

    Attributes:
        encoder: name of the encoder; a file made by another one is refused.
        packed: all of them in one file, or in a folder of several, written by `survviz pack`; read instead of the
            feature folder, which may then be gone.
    """

    folder: str = "features"
    encoder: str | None = None
    packed: str | None = None


class PathologySection(_Section):
    """Pathology as a table of feature vectors, one row per case, slide or region; instead of slides.

    Attributes:
        case_column: holds the case id, or a sample or slide name that starts with it.
        name_column: names the rows of a case; needed when a case has several and case_column does not tell them apart.
        encoder: what made the features.
        drop: columns that are no features (scanner, pixel size, keys of another table).
    """

    file: str
    case_column: str = "case_id"
    name_column: str | None = None
    encoder: str = ""
    drop: tuple[str, ...] = ()


class TokensSection(_Section):
    """Precomputed genomic tokens, one `CASE_ID.npy` of shape (T, D) per case, for example scFoundation's (4, 768)."""

    folder: str
    names: tuple[str, ...] = ()


class SplitSection(_Section):
    """Cases that no training and no validation may see."""

    holdout: tuple[str, ...] = ()


class CohortFile(_Section):
    """The whole file."""

    name: str = Field(min_length=1)
    clinical: ClinicalSection
    rna: MatrixSection | None = None
    mirna: MatrixSection | None = None
    cnv: MatrixSection | None = None
    slides: SlidesSection | None = None
    features: FeaturesSection | None = None
    pathology: PathologySection | None = None
    genomic_tokens: TokensSection | None = None
    split: SplitSection = SplitSection()

    @model_validator(mode="after")
    def _one_kind_of_pathology(self) -> Self:
        if self.pathology and (self.slides or self.features):
            raise ValueError(
                "pathology is given as slides ([slides], [features]) and as a table of feature vectors ([pathology]); "
                "choose one and take the other out"
            )
        return self


def read_cohort_toml(folder: str | Path) -> CohortFile:
    """Read `cohort.toml` of a cohort's folder.

    Raises:
        InputError: it is missing, not TOML, or has unknown, missing or wrong entries (all are listed).
    """
    refuse_address(folder)
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise InputError(
            f"{Path(folder)} holds no {FILE_NAME}, so it is not a cohort. It says which columns hold the case, "
            "the time and the event, the time unit, and how the event is coded."
        )
    return parse_cohort_toml(path.read_bytes(), str(path))


def parse_cohort_toml(content: bytes, source: str) -> CohortFile:
    """Read the content of a `cohort.toml`.

    Args:
        source: where it comes from, for messages.

    Raises:
        InputError: it is not TOML, or has unknown, missing or wrong entries (all are listed).
    """
    try:
        return CohortFile.model_validate(tomllib.loads(content.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{source} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise InputError(explain_validation(error, source, CohortFile)) from error


def cohort_stamp(folder: Path) -> float:
    """Changes when a table of a cohort folder, or its list of feature files, is written again."""
    files = present(path for path in folder.iterdir() if not path.name.startswith("."))
    return max((state.st_mtime for _, state in files), default=0.0)


def write_cohort_toml(folder: str | Path, cohort: CohortFile) -> Path:
    """Write `cohort.toml`; the file appears complete or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    value = cohort.model_dump(mode="json", exclude_defaults=True)
    scalars = {name: item for name, item in value.items() if not isinstance(item, dict)}
    lines = [f"{_key(name)} = {_toml(item)}" for name, item in scalars.items()]
    for name, section in value.items():
        if isinstance(section, dict):
            lines += ["", f"[{_key(name)}]", *(f"{_key(key)} = {_toml(item)}" for key, item in section.items())]
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".cohort.", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    Path(temporary).chmod(0o644)
    os.replace(temporary, folder / FILE_NAME)
    return folder / FILE_NAME


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _toml(value: Any) -> str:
    """A JSON value as TOML; tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
