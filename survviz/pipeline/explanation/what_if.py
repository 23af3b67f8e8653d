"""What if the case were another? Its record, a programme or a modality changed, and the prediction beside the old.

Only what is named changes; everything else stays as it was measured, also what would have changed with it in a patient.
So this asks the model, not biology: a difference says what the estimate rests on, not what treating the cause would do.
What no model of the checkpoint saw in training is refused, since an extrapolated answer looks like any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survviz.data.genes import match_genes
from survviz.errors import InputError, OutOfDistributionError, UnknownNameError
from survviz.types import MODALITIES, Case, ClinicalValue, Modality, Prediction

if TYPE_CHECKING:
    from survviz.data.clinical import ClinicalField
    from survviz.data.omics import OmicsScaler
    from survviz.data.preprocess import Preprocess
    from survviz.pipeline.predictor import Predictor

LEVEL_LIMIT = 2.5
"""Largest mean z of a programme that may be asked for; the 175 cases of the sample cohort lie between -2.1 and 2.1."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked of a case; empty = nothing.

    Attributes:
        clinical: field -> its new value; None = not recorded.
        programmes: gene programme -> by how many training SD all its genes are shifted.
        without: modalities that are taken away.
    """

    clinical: Mapping[str, ClinicalValue] = field(default_factory=dict)
    programmes: Mapping[str, float] = field(default_factory=dict)
    without: frozenset[Modality] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.clinical or self.without or any(self.programmes.values()))


@dataclass(frozen=True, slots=True)
class Difference:
    """S at one time, before and after.

    Attributes:
        change: mean over folds of after - before; None where either is undefined, `reason` then says why.
        sd: of the folds' own changes (ddof 1); None with one fold.
    """

    months: float
    before: float | None
    after: float | None
    change: float | None
    sd: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A case as it is and as it was asked, by the same folds."""

    change: Change
    before: Prediction
    after: Prediction

    @property
    def risk_per_fold(self) -> NDArray[np.float64]:
        """(F,) risk after - risk before."""
        return self.after.risk_per_fold - self.before.risk_per_fold

    @property
    def differences(self) -> tuple[Difference, ...]:
        """At 12, 36 and 60 months, paired by fold."""
        return tuple(self._difference(position) for position in range(len(self.before.horizons)))

    def _difference(self, position: int) -> Difference:
        old, new = self.before.horizons[position], self.after.horizons[position]
        if old.survival is None or new.survival is None:
            return Difference(old.months, old.survival, new.survival, None, None, old.reason or new.reason)
        at = int(np.flatnonzero(self.before.times == old.months)[0])
        moved = self.after.survival_per_fold[:, at] - self.before.survival_per_fold[:, at]
        sd = float(moved.std(ddof=1)) if len(moved) > 1 else None
        return Difference(old.months, old.survival, new.survival, float(moved.mean()), sd)


def what_if(predictor: Predictor, case: Case, change: Change, *, before: Prediction | None = None) -> WhatIf:
    """The prediction of a case with a change, beside the one without.

    Args:
        before: the prediction of the case as it is, where it is there already.

    Raises:
        OutOfDistributionError: a value that the models did not see in training.
        UnknownNameError: no such field or programme.
        InputError: nothing is left that the model reads.
    """
    refused = refusals(predictor, case, change)
    if refused:
        raise OutOfDistributionError(" ".join(refused))
    other = changed(predictor, case, change)
    if not predictor.present(other):
        raise InputError(f"Nothing is left of case {case.case_id} that this model reads. Leave one modality in.")
    before = before or predictor.predict(case, allow_unlike=True)
    return WhatIf(change, before, predictor.predict(other, allow_unlike=True))


def changed(predictor: Predictor, case: Case, change: Change) -> Case:
    """The case with the change; a gene that it lacks starts from the training mean.

    Raises:
        UnknownNameError: no such field or programme.
    """
    preprocess = _first(predictor, case)
    clinical, rna = case.clinical, case.rna
    if change.clinical:
        clinical = _with_values(preprocess, clinical or {}, change.clinical)
    if any(change.programmes.values()):
        rna = _shifted(preprocess, rna or {}, change.programmes)
    gone = change.without
    return replace(
        case,
        bags=() if "pathology" in gone else case.bags,
        regions=None if "pathology" in gone else case.regions,
        clinical=None if "clinical" in gone else clinical,
        rna=None if "genomic" in gone else rna,
        genomic_tokens=None if "genomic" in gone else case.genomic_tokens,
        mirna=None if "mirna" in gone else case.mirna,
        cnv=None if "cnv" in gone else case.cnv,
    )


def refusals(predictor: Predictor, case: Case, change: Change) -> tuple[str, ...]:
    """In words, what of a change lies outside what every model used for the case saw in training; empty = nothing.

    Raises:
        UnknownNameError: no such field or programme.
    """
    found: list[str] = []
    folds = predictor.folds_for(case)[0]
    for name, value in change.clinical.items():
        reasons = (_why_not(predictor.checkpoint.preprocess(fold), name, value) for fold in folds)
        found += [reason for reason in reasons if reason][:1]
    levels = programme_levels(predictor, case)
    for name, shift in change.programmes.items():
        if name not in levels:
            raise UnknownNameError("gene programme", name, levels)
        if shift and abs(levels[name] + shift) > LEVEL_LIMIT:
            found.append(
                f"{name}: a level of {levels[name] + shift:+.1f} SD was asked for; training cases lie within "
                f"{LEVEL_LIMIT:g} SD of their mean. Ask for a smaller shift."
            )
    return tuple(found)


def settable_values(predictor: Predictor, case: Case) -> dict[str, tuple[float, float] | tuple[str, ...]]:
    """Clinical field -> the range, or the values, that every model used for the case saw in training."""
    folds = predictor.folds_for(case)[0]
    found: dict[str, tuple[float, float] | tuple[str, ...]] = {}
    for item in _first(predictor, case).templates.fields:
        seen = [predictor.checkpoint.preprocess(fold).ood for fold in folds]
        if all(item.token in ood.ranges for ood in seen):
            ends = [ood.ranges[item.token] for ood in seen]
            found[item.token] = (max(low for low, _ in ends), min(high for _, high in ends))
        elif all(item.token in ood.categories for ood in seen):
            said = set.intersection(*(set(ood.categories[item.token]) for ood in seen))
            found[item.token] = tuple(sorted(value_in(item, one) for one in said if one != item.missing))
    return found


def value_in(item: ClinicalField, sentence: str) -> str:
    """What a field's sentence says: the text in the place of `{value}`."""
    start, _, end = item.sentence.partition("{value}")
    return sentence.removeprefix(start).removesuffix(end)


def programme_levels(predictor: Predictor, case: Case) -> dict[str, float]:
    """Programme -> mean z of its genes in this case; empty where the model reads none or the case has no expression."""
    preprocess = _first(predictor, case)
    if not preprocess.programmes or preprocess.ood.rna is None or not case.rna:
        return {}
    z, _ = preprocess.ood.rna.transform(_measured(case.rna))
    return {name: float(z[list(columns)].mean()) for name, columns in preprocess.programmes.items()}


def typical_expression(scaler: OmicsScaler) -> dict[str, float]:
    """Every gene at its training mean, in the unit of the table."""
    return {gene: _moved(scaler, at, None, 0.0) for at, gene in enumerate(scaler.genes)}


def removable(predictor: Predictor, case: Case) -> tuple[Modality, ...]:
    """The modalities that can be taken away: those present, where another one is left."""
    present = predictor.present(case)
    return present if len(present) > 1 else ()


def as_json(found: WhatIf) -> dict[str, Any]:
    """The change and what it does, for a file; what is undefined is null."""
    moved = found.risk_per_fold
    return {
        "case": found.before.case_id,
        "checkpoint": found.before.checkpoint,
        "change": {
            "clinical": dict(found.change.clinical),
            "programmes": dict(found.change.programmes),
            "without": [name for name in MODALITIES if name in found.change.without],
        },
        "risk": {
            "before": found.before.risk,
            "after": found.after.risk,
            "change": float(moved.mean()),
            "per_fold": moved.tolist(),
        },
        "survival": [
            {"months": one.months, "before": one.before, "after": one.after, "change": one.change, "sd": one.sd}
            for one in found.differences
        ],
    }


def _first(predictor: Predictor, case: Case) -> Preprocess:
    return predictor.checkpoint.preprocess(predictor.folds_for(case)[0][0])


def _with_values(
    preprocess: Preprocess, row: Mapping[str, ClinicalValue], new: Mapping[str, ClinicalValue]
) -> dict[str, ClinicalValue]:
    """A clinical row in the model's own fields, with some of them changed."""
    values = preprocess.templates.values(row)
    for name in new:
        if name not in values:
            raise UnknownNameError("clinical field", name, values)
    return {**values, **new}


def _shifted(preprocess: Preprocess, rna: Mapping[str, float], shifts: Mapping[str, float]) -> dict[str, float]:
    """Expression with the genes of programmes moved; a gene of two programmes moves by both shifts."""
    scaler = preprocess.ood.rna
    if scaler is None:
        raise UnknownNameError("gene programme", next(iter(shifts)), ())
    moves = np.zeros(len(scaler.genes))
    for name, shift in shifts.items():
        if name not in preprocess.programmes:
            raise UnknownNameError("gene programme", name, preprocess.programmes)
        moves[list(preprocess.programmes[name])] += shift
    known = _measured(rna)
    names = match_genes(scaler.genes, known).found
    values = dict(known)
    for at in np.flatnonzero(moves):
        gene = scaler.genes[at]
        own = names.get(gene, gene)
        values[own] = _moved(scaler, int(at), known.get(own), float(moves[at]))
    return values


def _moved(scaler: OmicsScaler, at: int, value: float | None, shift: float) -> float:
    """A gene's value moved by some SD, in the unit of the table; counts end at 0."""
    mean, sd = float(scaler.mean[at]), float(scaler.sd[at])
    now = mean if value is None else math.log2(value + 1) if scaler.log2 else value
    new = now + shift * sd
    return max(2**new - 1, 0.0) if scaler.log2 else new


def _measured(rna: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in rna.items() if math.isfinite(value)}


def _why_not(preprocess: Preprocess, name: str, value: ClinicalValue) -> str:
    """Why a fold's model should not be asked about a value, in words; empty where it may."""
    item = next((one for one in preprocess.templates.fields if one.token == name), None)
    if item is None:
        raise UnknownNameError("clinical field", name, preprocess.templates.tokens)
    if item.is_unknown(value):
        return ""
    said, ood = item.say(value), preprocess.ood
    if name in ood.ranges:
        low, high = ood.ranges[name]
        if not low <= float(item.code(value) or 0) <= high:
            return f"{name}: {value} was asked for; the training cases had {low:g} to {high:g}. Stay between."
    elif name in ood.categories and said not in ood.categories[name]:
        known = sorted(value_in(item, one) for one in ood.categories[name] if one != item.missing)
        return f"{name}: {value} was asked for; the training cases had {', '.join(known)}. Ask for one of these."
    return ""
