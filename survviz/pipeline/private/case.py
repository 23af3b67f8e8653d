"""What the receiver of a noised release can make of it: a case of released fields, its risk, its curve, its maps.

Only what a release names is in that case; everything else that the model reads is absent from it, but for the slides
of `maps_beside`, which are taken as known. What may be released is decided by public constants and by the checkpoint,
never by the patient: bounds and value lists are the same for everybody, and a gap is a value like any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from survviz.checkpoint.curves import HORIZONS_MONTHS, curve_knots
from survviz.errors import InputError
from survviz.explain.sanity import rank_correlation
from survviz.pipeline.explanation.token_tissue import Overlap, overlap
from survviz.pipeline.explanation.what_if import LEVEL_LIMIT, Change, changed, programme_levels, typical_expression
from survviz.privacy.lattice import Category, Coordinate, Numeric
from survviz.privacy.plausible import plausible_records
from survviz.privacy.release import View
from survviz.privacy.relevance import Relevance
from survviz.types import Case, ClinicalValue, PatchScores, Prediction

if TYPE_CHECKING:
    from survviz.data.clinical import ClinicalField
    from survviz.data.preprocess import Preprocess
    from survviz.pipeline.predictor import Predictor

BOUNDS: Mapping[str, tuple[float, float]] = {"Age": (20.0, 90.0)}
"""Public bounds of clinical numbers, from no patient; a number without bounds is not released."""
NOT_RECORDED = "not recorded"
PROGRAMME = "Programme: "
"""How the names of released gene programmes begin."""
PLAUSIBLE = 200
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Received:
    """What can be said from a release alone.

    Attributes:
        months: horizon of the risk.
        risk: of death by then: median over the plausible records, and its 5 % and 95 % quantiles.
        risks: (n,) of each plausible record.
        times: (T,) months; empty where only one number was released.
        survival: (3, T) the same quantiles of S(t).
    """

    months: float
    risk: tuple[float, float, float]
    risks: Float[NDArray, " n"]
    times: Float[NDArray, " T"]
    survival: Float[NDArray, "3 T"]


@dataclass(frozen=True, slots=True)
class MapsBeside:
    """Attention of a noised record beside that of the true one, on the same slides.

    Attributes:
        own, noised: one map per slide.
        correlation: Spearman's, over all patches of the case.
        top: how many of the top patches both share, and what chance would give.
    """

    own: tuple[PatchScores, ...]
    noised: tuple[PatchScores, ...]
    correlation: float
    top: Overlap


def release_fields(predictor: Predictor) -> dict[str, Coordinate]:
    """Name -> coordinate of all that a release for this checkpoint may hold: clinical fields, then programmes."""
    preprocess = predictor.checkpoint.preprocess(0)
    found: dict[str, Coordinate] = {}
    for item in preprocess.templates.fields if "clinical" in preprocess.modalities else ():
        coordinate = _coordinate(item, preprocess)
        if coordinate is not None:
            found[item.token] = coordinate
    if preprocess.ood.rna is not None:
        for name in preprocess.programmes:
            found[PROGRAMME + name] = Numeric(name=PROGRAMME + name, lower=-LEVEL_LIMIT, upper=LEVEL_LIMIT)
    return found


def record_of(predictor: Predictor, case: Case, coordinates: Sequence[Coordinate]) -> dict[str, float | str]:
    """A case as a record of these coordinates; every case has one, so that no refusal tells anything.

    A number that is not there becomes the middle of its public bounds, a value outside of a public list becomes "not
    recorded": both are covered by the guarantee like any other value.

    Raises:
        InputError: a clinical number of the case is unreadable.
    """
    codes = predictor.checkpoint.preprocess(0).templates.codes(case.clinical or {})
    levels = programme_levels(predictor, case)
    found: dict[str, float | str] = {}
    for one in coordinates:
        if isinstance(one, Category):
            value = codes.get(one.name)
            found[one.name] = value if isinstance(value, str) and value in one.values else NOT_RECORDED
        else:
            number = levels.get(one.name.removeprefix(PROGRAMME), codes.get(one.name))
            known = isinstance(number, float) and math.isfinite(number)
            found[one.name] = float(number) if known and number is not None else (one.lower + one.upper) / 2
    return found


def released_case(predictor: Predictor, case_id: str, values: Mapping[str, float | str]) -> Case:
    """The case that whoever has only the released values can put together.

    Raises:
        InputError: a value is none that the model's clinical fields can say.
    """
    clinical: dict[str, ClinicalValue] = {
        name: None if value == NOT_RECORDED else value
        for name, value in values.items()
        if not name.startswith(PROGRAMME)
    }
    levels = {
        name.removeprefix(PROGRAMME): float(value) for name, value in values.items() if name.startswith(PROGRAMME)
    }
    case = Case(case_id=case_id, clinical=clinical or None)
    scaler = predictor.checkpoint.preprocess(0).ood.rna
    if levels and scaler is not None:
        case = changed(predictor, replace(case, rna=typical_expression(scaler)), Change(programmes=levels))
    return case


def risk_horizon(predictor: Predictor) -> float:
    """Months by which the risk of death is stated: 5, 3 or 1 years, the longest that every fold was followed.

    Raises:
        InputError: no fold was followed for a year.
    """
    checkpoint = predictor.checkpoint
    ends = [
        curve_knots(checkpoint.preprocess(fold).bins, checkpoint.baselines[fold])[-1]
        for fold in range(checkpoint.n_folds)
    ]
    known = [months for months in HORIZONS_MONTHS if months <= min(ends)]
    if not known:
        raise InputError(f"Checkpoint {checkpoint.name} was followed for {min(ends):.0f} months; a year is needed.")
    return max(known)


def risk_coordinate(months: float) -> Numeric:
    """The one number of output perturbation; its bounds are those of a probability."""
    return Numeric(name=f"Risk of death by {months / 12:g} year{'s' * (months != 12)}", lower=0.0, upper=1.0)


def is_risk_alone(coordinates: Sequence[Coordinate], months: float) -> bool:
    """Whether this is output perturbation: the model's one number, and nothing of the record."""
    return [one.name for one in coordinates] == [risk_coordinate(months).name]


def death_risk(prediction: Prediction, months: float) -> float:
    """1 - S at a horizon that every fold reaches, mean over folds."""
    return 1.0 - float(np.interp(months, prediction.times, prediction.survival))


def received(
    predictor: Predictor, case_id: str, view: View, months: float, *, count: int = PLAUSIBLE, seed: int = 0
) -> Received:
    """Risk and survival over the records that a release leaves plausible: post-processing, so it costs nothing.

    Args:
        case_id: only says which folds may answer.
        view: of the one number of `risk_coordinate`, or of fields of the record.
        seed: of the plausible records; the same view and seed give the same bands.
    """
    records = plausible_records(view, count, seed=seed)
    if is_risk_alone(view.plan.coordinates, months):
        return _numbers(months, [float(record[risk_coordinate(months).name]) for record in records])
    return _answers(predictor, case_id, records, months)


def without_release(
    predictor: Predictor, case_id: str, coordinates: Sequence[Coordinate], months: float, *, count: int = PLAUSIBLE
) -> Received:
    """The same where nothing was released: all records within the public bounds are equally likely."""
    random = np.random.default_rng(0)
    columns = {
        one.name: random.choice(one.values, count).tolist()
        if isinstance(one, Category)
        else random.uniform(one.lower, one.upper, count).tolist()
        for one in coordinates
    }
    if is_risk_alone(coordinates, months):
        return _numbers(months, columns[risk_coordinate(months).name])
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return _answers(predictor, case_id, records, months)


def public_relevance(predictor: Predictor, coordinates: Sequence[Coordinate]) -> Relevance:
    """By how much each coordinate can move the risk of the public middle record: of the checkpoint, of no patient.

    Per unit of a number (so that relevance times width is the whole swing), per change of a category.
    """
    middle = {one.name: _public_values(one)[0] for one in coordinates}
    where = f"what {predictor.checkpoint.name} answers to made-up records within the public bounds"
    return Relevance(values=_swings(predictor, coordinates, middle), source="public", where=where)


def own_relevance(predictor: Predictor, case: Case, coordinates: Sequence[Coordinate]) -> Relevance:
    """The same around the patient's own record, as published recipes take it: private, so no plan accepts it."""
    values = _swings(predictor, coordinates, record_of(predictor, case, coordinates))
    return Relevance(values=values, source="private", where="what the model answers around this patient's own record")


def maps_beside(
    predictor: Predictor, case: Case, values: Mapping[str, float | str], *, query: str, key: str
) -> MapsBeside:
    """Attention asked by the released record, beside that asked by the true one, on slides that are taken as known.

    Args:
        query: group that asks ("clinical", "genomic"), of which something was released.

    Raises:
        InputError: there is no such map of either.
    """
    noised = replace(released_case(predictor, case.case_id, values), bags=case.bags)
    own = predictor.explain(case, query=query, key=key)
    other = predictor.explain(noised, query=query, key=key)
    flat = [np.concatenate([one.values for one in maps]) for maps in (own, other)]
    shared = overlap(own, other, names=("without noise", "with noise"))
    return MapsBeside(own, other, rank_correlation(flat[0], flat[1]), shared)


def _numbers(months: float, risks: Sequence[float]) -> Received:
    """Of the risk alone: it has no curve."""
    found = np.asarray(risks, dtype=np.float64)
    return Received(months, _quantiles(found), found, np.empty(0), np.empty((3, 0)))


def _answers(
    predictor: Predictor, case_id: str, records: Sequence[Mapping[str, float | str]], months: float
) -> Received:
    """The model's answers to records; those in which nothing is known have none."""
    known = [record for record in records if set(record.values()) != {NOT_RECORDED}]
    if not known:
        raise InputError(
            'Every released field says "not recorded", so the model has nothing to read. Release a number.'
        )
    predictions = _predict(predictor, [released_case(predictor, case_id, record) for record in known])
    risks = np.array([death_risk(one, months) for one in predictions])
    curves = np.stack([one.survival for one in predictions])
    return Received(months, _quantiles(risks), risks, predictions[0].times, np.quantile(curves, QUANTILES, axis=0))


def _coordinate(item: ClinicalField, preprocess: Preprocess) -> Coordinate | None:
    """A clinical field by public bounds or by the checkpoint's own list of values; None where it has neither."""
    if item.kind == "number":
        ends = BOUNDS.get(item.token, item.range)
        return Numeric(name=item.token, lower=ends[0], upper=ends[1]) if ends else None
    start, columns = f"{item.token}=", preprocess.clinical.names.get(item.token, ())
    values = [name.removeprefix(start) for name in columns if name.startswith(start) and name != f"{start}other"]
    return Category(name=item.token, values=(*values, NOT_RECORDED)) if values else None


def _swings(
    predictor: Predictor, coordinates: Sequence[Coordinate], around: Mapping[str, float | str]
) -> dict[str, float]:
    """Range of the risk while one coordinate goes through its public values and all others stay."""
    months = risk_horizon(predictor)
    values: dict[str, float] = {}
    for one in coordinates:
        asked = [released_case(predictor, "", {**around, one.name: value}) for value in _public_values(one)]
        known = [case for case in asked if predictor.present(case)]
        risks = [death_risk(found, months) for found in _predict(predictor, known)]
        swing = max(risks) - min(risks)
        values[one.name] = swing / one.width if isinstance(one, Numeric) else swing
    return values


def _public_values(one: Coordinate) -> list[float | str]:
    """The middle record's value first, then those that it is moved to."""
    if isinstance(one, Category):
        return list(one.values)
    return [(one.lower + one.upper) / 2, one.lower, one.upper]


def _predict(predictor: Predictor, cases: Sequence[Case]) -> tuple[Prediction, ...]:
    return predictor.predict_batch(cases, [()] * len(cases))


def _quantiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = (float(value) for value in np.quantile(values, QUANTILES))
    return middle, low, high
