"""Who belongs to which group: by the risk and a cut-off of training or of this cohort, or by a clinical variable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.data.clinical import load_templates
from survviz.data.tables import is_missing
from survviz.errors import InputError
from survviz.evaluation import BestCutoff, best_cutoff
from survviz.pipeline.cohort.results import CohortResults

GroupKind: TypeAlias = Literal[
    "trained cut-off", "trained tertiles", "median", "tertiles", "quartiles", "own cut-off", "best cut-off", "clinical"
]
LOW, HIGH = "Low risk", "High risk"
QUANTILES: Mapping[GroupKind, tuple[int, tuple[str, ...]]] = {
    "median": (2, (LOW, HIGH)),
    "tertiles": (3, ("Lower third", "Middle third", "Upper third")),
    "quartiles": (4, ("First quarter", "Second quarter", "Third quarter", "Fourth quarter")),
}
MOST_GROUPS = 8
FEW_NUMBERS = 6
"""A clinical number with no more distinct values than this is a category (a grade, a count of lesions)."""
MOST_VALUES = 30
"""Text with more distinct values than this is a remark, not a category."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class PatientGroups:
    """Labels of patients.

    Attributes:
        labels: by case id; patients without a group are not there.
        order: of the groups; the first is the reference.
        words: how they were made, for a caption and a methods paragraph.
        left_out: case id -> why it has no group.
        cutoffs: of the risk or the number, where there are any.
        best: what was tried, for the best cut-off.
    """

    labels: pd.Series
    order: tuple[str, ...]
    words: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    cutoffs: tuple[float, ...] = ()
    best: BestCutoff | None = None


def clinical_columns(results: CohortResults) -> tuple[str, ...]:
    """Columns of the clinical table that can make groups or be covariates: the fields first, names of cases never."""
    useful = []
    for name in map(str, results.clinical.columns):
        cells = clinical_column(results, name)
        n_values = len({str(cell) for cell in cells if not is_missing(cell)})
        if n_values > 1 and (name in results.fields or as_numbers(cells) is not None or n_values <= MOST_VALUES):
            useful.append(name)
    return tuple(sorted(useful, key=lambda name: name not in results.fields))


def clinical_column(results: CohortResults, name: str) -> pd.Series:
    """One column of the clinical table, by case id.

    Raises:
        InputError: there is none of this name.
    """
    if name not in results.clinical.columns:
        raise InputError(f"{results.cohort_name} has no clinical column {name!r}.")
    return pd.Series(results.clinical[name])


def as_numbers(cells: pd.Series) -> pd.Series | None:
    """Cells as float64, NaN where missing; None unless every known cell is a number."""
    numbers = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        try:
            numbers[row] = float(cell)
        except (TypeError, ValueError):
            return None
        if not math.isfinite(numbers[row]):
            return None
    return None if np.isnan(numbers).all() else pd.Series(numbers, cells.index)


def categories(results: CohortResults, column: str) -> pd.Series:
    """A column's values in one spelling (stages without their letters), None where missing or not to be told."""
    cells = clinical_column(results, column)
    known = {one.token: one for one in load_templates().known}
    written = known.get(column) if column in results.fields else None
    if written is None or written.kind == "number":
        return cells.map(lambda cell: None if is_missing(cell) else _text(cell))
    spelled = cells.map(lambda cell: written.code(cell))
    return spelled.map(lambda code: None if code is None else f"{column} {code}" if len(str(code)) < 4 else str(code))


def by_risk(results: CohortResults, risk: pd.Series, kind: GroupKind, cutoff: float | None = None) -> PatientGroups:
    """Groups by the model's risk.

    Args:
        risk: of the patients that are compared.
        cutoff: for "own cut-off".

    Raises:
        InputError: the checkpoint has no tertiles, no cut-off was given, or all risks are the same.
    """
    if kind == "trained cut-off":
        words = f"the cut-off frozen in the checkpoint ({results.cutoff:.4g}, the median risk of its training cohort)"
        return _cut(risk, (results.cutoff,), (LOW, HIGH), words)
    if kind == "trained tertiles":
        if results.tertiles is None:
            raise InputError(f"{results.checkpoint} holds no tertiles of its training cohort; choose another grouping.")
        words = f"the tertiles of the training cohort frozen in the checkpoint ({_numbers(results.tertiles)})"
        return _cut(risk, results.tertiles, QUANTILES["tertiles"][1], words)
    if kind == "own cut-off":
        if cutoff is None or not math.isfinite(cutoff):
            raise InputError("A cut-off of your own was chosen, but no number given; type one.")
        return _cut(risk, (cutoff,), (LOW, HIGH), f"a cut-off chosen by hand ({cutoff:.4g})")
    if kind not in QUANTILES:
        raise InputError(f"Groups by {kind!r} were asked; expected a cut-off of the risk.")
    parts, names = QUANTILES[kind]
    inner = tuple(float(value) for value in np.quantile(risk, np.arange(1, parts) / parts))
    what = "median" if kind == "median" else kind
    return _cut(risk, inner, names, f"the {what} of the risk in these very patients ({_numbers(inner)})")


def by_best_cutoff(risk: pd.Series, time: NDArray[np.float64], event: NDArray[np.bool_]) -> PatientGroups:
    """The cut-off that separates best; its p knows how many were compared.

    Raises:
        UndefinedMetricError: no event, or no cut-off leaves a tenth of the patients on each side.
    """
    found = best_cutoff(risk.to_numpy(), time, event)
    words = (
        f"the cut-off that separates these very patients best ({found.cutoff:.4g}; the best of {len(found.cutoffs):,}, "
        "maximally selected log-rank)"
    )
    made = _cut(risk, (found.cutoff,), (LOW, HIGH), words)
    return PatientGroups(made.labels, made.order, words, made.left_out, made.cutoffs, found)


def by_clinical(results: CohortResults, cases: pd.Index, column: str) -> PatientGroups:
    """Groups by a clinical variable: categories as they are, a number at its median here.

    Raises:
        InputError: there is no such column, or a value of a field is implausible.
    """
    numbers = as_numbers(clinical_column(results, column))
    if numbers is not None and numbers.nunique() > FEW_NUMBERS:
        there = numbers.loc[cases].dropna()
        missing = dict.fromkeys(cases.difference(there.index), f"{column} is not recorded.")
        if there.empty:
            raise InputError(f"{column} is recorded for none of the {len(cases)} patients.")
        middle = float(there.median())
        names = (f"{column} ≤ {middle:g}", f"{column} > {middle:g}")
        made = _cut(there, (middle,), names, f"{column} at its median in these patients ({middle:g})")
        return PatientGroups(made.labels, made.order, made.words, missing, made.cutoffs)
    values = categories(results, column).loc[cases]
    missing = {case: f"{column} is not recorded." for case in values.index[values.isna()]}
    labels, merged = _at_most(values.dropna())
    order = _order(results, column, labels)
    words = f"{column}" + (f"; the {merged} rarest values are together in {OTHER!r}" if merged else "")
    return PatientGroups(labels, order, words, missing)


def _cut(values: pd.Series, inner: tuple[float, ...], names: tuple[str, ...], words: str) -> PatientGroups:
    """Groups between cut-offs; a value at a cut-off belongs below it, as in the checkpoint."""
    place = np.searchsorted(inner, values.to_numpy(), side="left")
    labels = pd.Series(np.array(names, dtype=object)[place], values.index)
    order = tuple(name for name in names if (labels == name).any())
    return PatientGroups(labels, order, words, {}, tuple(inner))


def _order(results: CohortResults, column: str, labels: pd.Series) -> tuple[str, ...]:
    """Stages, grades and numbers ascending, names by how frequent they are; "other" last."""
    field = next((one for one in load_templates().known if one.token == column and column in results.fields), None)
    ranked = as_numbers(clinical_column(results, column)) is not None or (field is not None and field.kind != "text")
    counts = labels.value_counts()
    names = sorted(counts.index) if ranked else list(counts.index)
    return tuple(sorted(map(str, names), key=lambda name: name == OTHER))


def _at_most(labels: pd.Series) -> tuple[pd.Series, int]:
    """At most `MOST_GROUPS` labels, the rarest together in "other"; also how many those are."""
    counts = labels.value_counts()
    if len(counts) <= MOST_GROUPS:
        return labels, 0
    kept = set(counts.head(MOST_GROUPS - 1).to_dict())
    return labels.map(lambda name: name if name in kept else OTHER), len(counts) - len(kept)


def _text(cell: object) -> str:
    return f"{cell:g}" if isinstance(cell, float) else " ".join(str(cell).split())


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
