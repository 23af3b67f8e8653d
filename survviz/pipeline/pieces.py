"""Names and own values of what a model's inputs are: sentences, clinical fields, programmes, genes, miRNAs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from survviz.explain.gradients import InputContributions
from survviz.types import Case, Inputs, Modality

if TYPE_CHECKING:
    from survviz.data.preprocess import Preprocess
    from survviz.models import Model

Level: TypeAlias = Literal[
    "modality", "sentence", "clinical", "programme", "gene", "token", "mirna", "cnv", "embedding"
]

OMICS: Mapping[str, tuple[Modality, Level]] = {
    "rna": ("genomic", "gene"),
    "mirna": ("mirna", "mirna"),
    "cnv": ("cnv", "cnv"),
}


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
    """

    modality: Modality
    level: Level
    name: str
    value: float
    sd: float | None
    per_fold: NDArray[np.float64]
    own: str

    @classmethod
    def of(cls, key: Key, per_fold: NDArray[np.float64], own: str) -> Piece:
        """Mean and spread of the folds' values."""
        sd = float(per_fold.std(ddof=1)) if len(per_fold) > 1 else None
        return cls(*key, float(per_fold.mean()), sd, per_fold, own)


Key: TypeAlias = tuple[Modality, Level, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One fold's view of a case.

    Attributes:
        found: what each input adds.
    """

    model: Model
    preprocess: Preprocess
    inputs: Inputs
    found: InputContributions


def pieces(readings: Sequence[Reading], case: Case, present: Sequence[Modality]) -> tuple[Piece, ...]:
    """Every named piece of a case over folds: modalities first, then what they consist of, in the model's order."""
    per_fold = [_values(one, present) for one in readings]
    keys = list(dict.fromkeys(key for values in per_fold for key in values))
    own = _own_words(readings, case)
    return tuple(
        Piece.of(key, np.array([values.get(key, 0.0) for values in per_fold]), own.get(key, "")) for key in keys
    )


def _values(one: Reading, present: Sequence[Modality]) -> dict[Key, float]:
    """One fold's value of each piece."""
    found, values, model = one.found, dict[Key, float](), one.model
    totals = {"pathology": found.patches.sum()}
    for group, of_group in (*found.tokens.items(), *found.vectors.items()):
        modality = OMICS[group][0] if group in OMICS else group
        totals[modality] = totals.get(modality, 0.0) + of_group.sum()
    values |= {(name, "modality", name): float(totals[name]) for name in present}
    for group, level in (("clinical", "sentence"), ("genomic", "token")):
        if group in present and group in found.tokens:
            names = model.token_names[group]
            values |= {(group, level, name): float(x) for name, x in zip(names, found.tokens[group], strict=True)}
    if "clinical" in present and "clinical" in found.vectors:
        fields = one.preprocess.clinical.fields
        values |= {
            ("clinical", "clinical", name): float(found.vectors["clinical"][list(columns)].sum())
            for name, columns in fields.items()
        }
    if "genomic" in present and len(found.programmes):
        names = model.token_names["genomic"]
        values |= {("genomic", "programme", name): float(x) for name, x in zip(names, found.programmes, strict=True)}
    for group, (modality, level) in OMICS.items():
        if modality in present and group in found.vectors:
            genes = one.preprocess.ood.omics[group].scaler.genes
            values |= {(modality, level, name): float(x) for name, x in zip(genes, found.vectors[group], strict=True)}
    return values


def _own_words(readings: Sequence[Reading], case: Case) -> dict[Key, str]:
    """The patient's own value of each piece."""
    first = readings[0]
    words: dict[Key, str] = {}
    n_patches = sum(map(len, case.bags))
    words["pathology", "modality", "pathology"] = (
        f"{n_patches:,} patches" if n_patches else f"{len(case.regions or ())} feature vectors"
    )
    codes = first.preprocess.templates.codes(case.clinical or {})
    said = {name: _said(value) for name, value in codes.items()}
    known = sum(value is not None for value in codes.values())
    words["clinical", "modality", "clinical"] = f"{known} of {len(codes)} fields recorded"
    for name, text in said.items():
        words["clinical", "sentence", name] = words["clinical", "clinical", name] = text
    for group, (modality, level) in OMICS.items():
        if group not in first.inputs.vectors or group not in first.preprocess.ood.omics:
            continue
        genes = first.preprocess.ood.omics[group].scaler.genes
        z = first.inputs.vectors[group][0].cpu().numpy()
        words[modality, "modality", modality] = f"{len(genes):,} {'genes' if group == 'rna' else 'columns'}"
        words |= {(modality, level, name): f"z = {value:+.1f}" for name, value in zip(genes, z, strict=True)}
        if group == "rna":
            for name, columns in first.preprocess.programmes.items():
                text = f"mean z = {z[list(columns)].mean():+.1f} over {len(columns)} genes"
                words["genomic", "programme", name] = text
    return words


def _said(value: float | str | None) -> str:
    if value is None:
        return "not recorded"
    return f"{value:g}" if isinstance(value, float) else value
