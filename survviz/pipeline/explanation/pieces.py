"""Names and own values of what a model's inputs are: sentences, clinical fields, programmes, genes, miRNAs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from survviz.data.omics import OmicsName
from survviz.data.omics_reference import MODALITY, WORDS
from survviz.explain.gradients import InputContributions
from survviz.types import Case, Inputs, Modality

if TYPE_CHECKING:
    from survviz.data.preprocess import Preprocess
    from survviz.models import Model

Level: TypeAlias = Literal[
    "modality", "sentence", "clinical", "programme", "gene", "token", "mirna", "cnv", "embedding"
]

LEVELS: Mapping[Level, str] = {
    "sentence": "Clinical sentences",
    "clinical": "Clinical fields",
    "programme": "Gene programmes",
    "token": "Genomic tokens",
    "gene": "Genes",
    "mirna": "miRNA",
    "cnv": "Copy number",
    "embedding": "Fused embeddings",
}
"""Levels below the modality, in words."""

OMICS: Mapping[OmicsName, Level] = {"rna": "gene", "mirna": "mirna", "cnv": "cnv"}
"""Vector -> the level of its columns."""
TOKENS: Mapping[str, Level] = {"clinical": "sentence", "genomic": "token"}
"""Token group -> the level of its tokens."""
GROUPS: Mapping[str, Modality] = {"clinical": "clinical", "genomic": "genomic", **MODALITY}
"""Token group or vector -> the modality that it is a form of."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One named piece of evidence.

    Attributes:
        level: what kind of piece: a modality, a clinical sentence or column, a gene programme, ...
        name: "Age", "CDKN2A", "Hypoxia".
        value: mean over folds, in the target's unit; above 0 it pushes the target up.
        sd: over folds (ddof 1); None with one fold.
        per_fold: (F,); 0 in a fold whose model does not read it.
        own: the patient's own value in words: "71", "z = +2.1".
        own_number: the same as a number, where it is one: as it was recorded, or in SD from the training mean.
    """

    modality: Modality
    level: Level
    name: str
    value: float
    sd: float | None
    per_fold: NDArray[np.float64]
    own: str
    own_number: float | None = None

    @classmethod
    def of(cls, key: Key, per_fold: NDArray[np.float64], own: str, own_number: float | None = None) -> Piece:
        """Mean and spread of the folds' values."""
        sd = float(per_fold.std(ddof=1)) if len(per_fold) > 1 else None
        return cls(*key, float(per_fold.mean()), sd, per_fold, own, own_number)


Key: TypeAlias = tuple[Modality, Level, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One fold's view of a case.

    Attributes:
        found: what each input adds.
        fused: what each fused embedding adds, where the model has such a head.
    """

    model: Model
    preprocess: Preprocess
    inputs: Inputs
    found: InputContributions
    fused: Mapping[str, float] = field(default_factory=dict)


def pieces(readings: Sequence[Reading], case: Case, present: Sequence[Modality]) -> tuple[Piece, ...]:
    """Every named piece of a case over folds: modalities first, then what they consist of, in the model's order."""
    per_fold = [_values(one, present) for one in readings]
    keys = list(dict.fromkeys(key for values in per_fold for key in values))
    own, numbers = _own_words(readings[0], case), _own_numbers(readings[0], case)
    return tuple(
        Piece.of(key, np.array([values.get(key, 0.0) for values in per_fold]), own.get(key, ""), numbers.get(key))
        for key in keys
    )


def _values(one: Reading, present: Sequence[Modality]) -> dict[Key, float]:
    """One fold's value of each piece."""
    return {key: float(value) for key, value in _all_values(one) if key[0] in present}


def _all_values(one: Reading) -> Iterator[tuple[Key, float]]:
    found, names = one.found, one.model.token_names
    totals = dict.fromkeys(one.model.modalities, 0.0)
    if "pathology" in totals:
        totals["pathology"] = found.patches.sum()
    for group, values in (*found.tokens.items(), *found.vectors.items()):
        totals[GROUPS[group]] += values.sum()
    for modality, total in totals.items():
        yield (modality, "modality", modality), total
    for name, value in one.fused.items():
        yield (cast("Modality", name.partition("|")[0]), "embedding", name), value
    for group, level in TOKENS.items():
        if group in found.tokens:
            yield from _named(GROUPS[group], level, names[group], found.tokens[group])
    if "clinical" in found.vectors:
        for name, columns in one.preprocess.clinical.fields.items():
            yield ("clinical", "clinical", name), found.vectors["clinical"][list(columns)].sum()
    if len(found.programmes):
        yield from _named("genomic", "programme", names["genomic"], found.programmes)
    for group, level in OMICS.items():
        if group in found.vectors:
            yield from _named(GROUPS[group], level, _columns(one, group), found.vectors[group])


def _named(
    modality: Modality, level: Level, names: Sequence[str], values: NDArray[np.float64]
) -> Iterator[tuple[Key, float]]:
    for name, value in zip(names, values, strict=True):
        yield (modality, level, name), value


def _columns(one: Reading, group: OmicsName) -> tuple[str, ...]:
    return one.preprocess.ood.omics[group].scaler.genes


def _own_words(one: Reading, case: Case) -> dict[Key, str]:
    """The patient's own value of each piece, as one fold reads it."""
    n_patches, n_regions = sum(map(len, case.bags)), len(case.regions or ())
    slides = f"{n_patches:,} patches" if n_patches else f"{n_regions} feature vector{'s' * (n_regions != 1)}"
    codes = one.preprocess.templates.codes(case.clinical or {})
    known = sum(value is not None for value in codes.values())
    words: dict[Key, str] = {
        ("pathology", "modality", "pathology"): slides,
        ("clinical", "modality", "clinical"): f"{known} of {len(codes)} fields recorded",
    }
    for name, value in codes.items():
        said = "not recorded" if value is None else value if isinstance(value, str) else f"{value:g}"
        words["clinical", "sentence", name] = words["clinical", "clinical", name] = said
    for group, level in OMICS.items():
        if group not in one.found.vectors:
            continue
        z, names, modality = one.inputs.vectors[group][0].cpu().numpy(), _columns(one, group), GROUPS[group]
        words[modality, "modality", modality] = f"{len(names):,} {WORDS[group][1]}"
        words |= {(modality, level, name): f"z = {value:+.1f}" for name, value in zip(names, z, strict=True)}
    if "rna" in one.found.vectors:
        z = one.inputs.vectors["rna"][0].cpu().numpy()
        for name, columns in one.preprocess.programmes.items():
            words["genomic", "programme", name] = f"mean z = {z[list(columns)].mean():+.1f} over {len(columns)} genes"
    return words


def _own_numbers(one: Reading, case: Case) -> dict[Key, float]:
    """The own values that are numbers; a category has none, and neither has a field that was not recorded."""
    numbers: dict[Key, float] = {}
    for name, value in one.preprocess.templates.codes(case.clinical or {}).items():
        if isinstance(value, float):
            numbers["clinical", "sentence", name] = numbers["clinical", "clinical", name] = value
    for group, level in OMICS.items():
        if group in one.found.vectors:
            z = one.inputs.vectors[group][0].cpu().numpy()
            numbers |= {
                (GROUPS[group], level, name): float(value) for name, value in zip(_columns(one, group), z, strict=True)
            }
    if "rna" in one.found.vectors:
        z = one.inputs.vectors["rna"][0].cpu().numpy()
        for name, columns in one.preprocess.programmes.items():
            numbers["genomic", "programme", name] = float(z[list(columns)].mean())
    return numbers
