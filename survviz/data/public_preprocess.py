"""Preprocessing from public constants: it looks at no patient, so a private model pays nothing for it.

Ranges, lists of values, names and time bins stand in a small TOML file and were fixed before any cohort was opened
(the idea: everything that is fitted on patients either costs privacy or is a constant).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from survviz.data.bins import TimeBins
from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.data.clinical_vector import ClinicalVector
from survviz.data.genes import RESOURCES
from survviz.data.omics import OmicsName, OmicsScaler
from survviz.data.omics_reference import OmicsReference
from survviz.data.ood import OodReference
from survviz.data.preprocess import Preprocess
from survviz.data.text import create_text_encoder
from survviz.data.words import explain_validation
from survviz.errors import InputError
from survviz.types import MODALITIES, Modality

STRICT = ConfigDict(frozen=True, extra="forbid")
TEXT_ENCODER = "hashed-ngrams"  # its vectors follow from the spelling alone
LIMIT = 2.0
"""Mean size of a case's scaled values from which a person is told to look at its unit."""


class PublicNumber(BaseModel):
    """A number field: (value - centre) / unit, and the range beyond which a person is told."""

    model_config = STRICT

    lower: float
    upper: float
    centre: float
    unit: float = Field(gt=0)


class PublicTable(BaseModel):
    """A molecular table: which columns, in which unit, on which scale.

    Attributes:
        rule: how the names were chosen, in words.
        names: columns in order; none where `programmes` name them.
        programmes: of expression, name -> genes; each is one token.
        centre, scale: (value - centre) / scale, clipped to ±6.
    """

    model_config = STRICT

    unit: str
    rule: str
    names: tuple[str, ...] = ()
    programmes: dict[str, tuple[str, ...]] = {}
    centre: float = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _named(self) -> Self:
        if bool(self.names) == bool(self.programmes):
            raise ValueError("give names, or programmes, one of the two")
        if len(set(self.names)) < len(self.names):
            raise ValueError("a name is given twice")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the vector's numbers, in order."""
        return self.names or tuple(dict.fromkeys(gene for genes in self.programmes.values() for gene in genes))


class PublicConstants(BaseModel):
    """What a private model may know before it sees a patient.

    Attributes:
        edges_years: of the time bins; the first is 0.
        hazard: of every bin, at which a network starts.
        numbers, categories: clinical fields by the tokens of the templates.
    """

    model_config = STRICT

    name: str
    edges_years: tuple[float, ...] = Field(min_length=2)
    hazard: float = Field(gt=0, lt=1)
    numbers: dict[str, PublicNumber] = {}
    categories: dict[str, tuple[str, ...]] = {}
    rna: PublicTable | None = None
    mirna: PublicTable | None = None
    cnv: PublicTable | None = None

    @property
    def tables(self) -> dict[OmicsName, tuple[Modality, PublicTable]]:
        """Table -> its modality and how it is read."""
        given: dict[OmicsName, tuple[Modality, PublicTable | None]] = {
            "rna": ("genomic", self.rna),
            "mirna": ("mirna", self.mirna),
            "cnv": ("cnv", self.cnv),
        }
        return {name: (modality, table) for name, (modality, table) in given.items() if table is not None}


def read_constants(path: str | Path | None = None) -> PublicConstants:
    """The constants of a TOML file; without one, those for pan-cancer cohorts that ship with survviz.

    Raises:
        InputError: the file cannot be read, or is not of this form.
    """
    source = RESOURCES / "public_pancancer.toml" if path is None else Path(path)
    try:
        value = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The public constants {source} cannot be read: {error}.") from error
    try:
        return PublicConstants.model_validate(value)
    except ValidationError as error:
        raise InputError(explain_validation(error, source.name, PublicConstants)) from error


def public_preprocess(constants: PublicConstants, modalities: tuple[Modality, ...]) -> Preprocess:
    """A `Preprocess` that no patient has influenced.

    Raises:
        InputError: the constants say nothing about one of the modalities.
    """
    tables: dict[OmicsName, tuple[Modality, PublicTable]] = {
        name: pair for name, pair in constants.tables.items() if pair[0] in modalities
    }
    known = {"clinical"} & ({"clinical"} if constants.numbers or constants.categories else set())
    known |= {modality for modality, _ in tables.values()}
    unknown = [name for name in modalities if name not in known]
    if unknown or not modalities:
        raise InputError(
            f"The public constants {constants.name!r} say nothing about {', '.join(unknown) or 'no modality'}; "
            "add a section, or leave the modality out. Nothing may be fitted on patients here."
        )
    fields = (*constants.numbers, *constants.categories) if "clinical" in modalities else ()
    templates = load_templates().select(fields)
    encoder = create_text_encoder(TEXT_ENCODER) if fields else None
    references: dict[OmicsName, OmicsReference] = {name: _reference(name, table) for name, (_, table) in tables.items()}
    rna = constants.rna if "rna" in tables else None
    return Preprocess(
        modalities=tuple(name for name in MODALITIES if name in modalities),
        bins=TimeBins(tuple(12.0 * year for year in constants.edges_years)),
        ood=_expected(constants, templates, references),
        templates=templates,
        clinical=_clinical(constants, fields),
        text={"name": encoder.name, "revision": encoder.revision, "dim": encoder.dim} if encoder else {},
        programmes=_programme_columns(rna) if rna and rna.programmes else {},
    )


def _clinical(constants: PublicConstants, fields: tuple[str, ...]) -> ClinicalVector:
    """A column per listed value, one for any other, and one for a gap."""
    names: dict[str, tuple[str, ...]] = {}
    for field in fields:
        values = constants.categories.get(field)
        columns = (field,) if values is None else tuple(f"{field}={value}" for value in (*values, "other"))
        names[field] = (*columns, f"{field} missing")
    return ClinicalVector(
        names, {field: (one.centre, one.unit) for field, one in constants.numbers.items() if field in fields}
    )


def _expected(
    constants: PublicConstants, templates: ClinicalTemplates, references: dict[OmicsName, OmicsReference]
) -> OodReference:
    """What a case is checked against: the public ranges and lists."""
    said: dict[str, tuple[str, ...]] = {}
    for item in templates.fields:
        if item.token in constants.categories:
            said[item.token] = (*(item.say(value) for value in constants.categories[item.token]), item.missing)
    ranges = {name: (one.lower, one.upper) for name, one in constants.numbers.items() if name in templates.tokens}
    return OodReference(omics=references, ranges=ranges, categories=said, public=True)


def _programme_columns(table: PublicTable) -> dict[str, tuple[int, ...]]:
    at = {gene: column for column, gene in enumerate(table.columns)}
    return {name: tuple(at[gene] for gene in genes) for name, genes in table.programmes.items()}


def _reference(name: OmicsName, table: PublicTable) -> OmicsReference:
    genes = table.columns
    scaler = OmicsScaler(genes, np.full(len(genes), table.centre), np.full(len(genes), table.scale))
    return OmicsReference(name, scaler, LIMIT, table.unit, public=True)
