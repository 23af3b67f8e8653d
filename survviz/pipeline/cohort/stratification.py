"""A scored cohort in groups: everything that a Kaplan-Meier figure, its table, its tests and its paragraph need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.evaluation import (
    BestCutoff,
    KaplanMeier,
    LogRank,
    PairwiseLogRank,
    RestrictedMean,
    RestrictedMeanDifference,
    RiskTable,
    UndefinedMetricError,
    common_end,
    cox,
    kaplan_meier,
    logrank,
    median_follow_up,
    pairwise_logrank,
    proportional_hazards,
    restricted_mean,
    restricted_mean_difference,
    risk_table,
)
from survviz.pipeline.cohort.observation import Observation, Observed, counted, observed
from survviz.pipeline.cohort.patient_groups import (
    GroupKind,
    PatientGroups,
    by_best_cutoff,
    by_clinical,
    by_risk,
)
from survviz.pipeline.cohort.results import CohortResults

FEWEST_PATIENTS, FEWEST_EVENTS = 10, 5
"""No p-value and no hazard ratio is shown of a smaller group."""
TICK_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120)
MOST_TICKS = 9
Value = TypeVar("Value")


class StratifyPlan(Observation):
    """What a person chose; with the results of a cohort it gives the same numbers again.

    Attributes:
        cutoff: for groups by "own cut-off".
        column: for groups by "clinical".
        restricted_to: months at which restricted means end; None = as long as every group is followed.
    """

    groups: GroupKind = "trained cut-off"
    cutoff: float | None = None
    column: str | None = None
    restricted_to: float | None = None
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """One group of patients.

    Attributes:
        counts: at the ticks of the figure.
        hazard_ratio: against the reference group, with limits and p; None for the reference, and where it is hidden.
        restricted: restricted mean; None where it is undefined.
        gained: restricted mean minus that of the reference group.
    """

    name: str
    cases: tuple[str, ...]
    curve: KaplanMeier
    counts: RiskTable
    hazard_ratio: tuple[float, float, float, float] | None = None
    restricted: RestrictedMean | None = None
    gained: RestrictedMeanDifference | None = None

    @property
    def n(self) -> int:
        """Patients."""
        return len(self.cases)

    @property
    def n_events(self) -> int:
        """Events among them."""
        return int(self.curve.n_events.sum())

    @property
    def is_small(self) -> bool:
        """Too few patients or events for a p-value."""
        return self.n < FEWEST_PATIENTS or self.n_events < FEWEST_EVENTS


@dataclass(frozen=True, slots=True)
class Stratification:
    """A cohort in groups, compared.

    Attributes:
        groups: the first is the reference.
        words: how the groups were made.
        logrank: of all groups; None where p-values are hidden or undefined, as `hidden` says.
        p_value: of the comparison of all groups: the log-rank test's, for the best cut-off the corrected one.
        pairs: of more than two groups, adjusted by Holm; pairs with a small group have no p.
        proportional_p: do the hazard ratios change with time? None where it cannot be told.
        until: months at which restricted means end.
        left_out: case id -> why it is not compared.
        n_out_of_fold: patients of the training cohort among the compared.
    """

    plan: StratifyPlan
    checkpoint: str
    cohort: str
    endpoint: str
    groups: tuple[Group, ...]
    words: str
    logrank: LogRank | None
    p_value: float | None
    hidden: str
    pairs: tuple[PairwiseLogRank, ...]
    proportional_p: float | None
    until: float
    n: int
    n_events: int
    follow_up: float | None
    left_out: Mapping[str, str]
    notices: tuple[str, ...]
    n_out_of_fold: int
    cutoffs: tuple[float, ...] = ()
    best: BestCutoff | None = None

    @property
    def reference(self) -> str:
        """Name of the group that the others are compared with."""
        return self.groups[0].name


def stratify(results: CohortResults, plan: StratifyPlan) -> Stratification:
    """Compare groups of a scored cohort.

    Raises:
        InputError: what the plan names is not there, or nobody is left.
        UndefinedMetricError: there is no best cut-off.
    """
    everybody = observed(results, plan)
    made = _grouped(results, plan, everybody)
    seen = everybody.of(made.labels.index)
    labels = made.labels.loc[seen.cases].to_numpy(dtype=str)
    left_out = {**everybody.left_out, **made.left_out}
    if not len(labels):
        raise InputError(f"No patient of {results.cohort_name} has a group: {counted(left_out)}.")
    ticks = ticks_until(float(seen.time.max()), plan.landmark or 0.0)
    groups = [_group(seen, labels, name, ticks, plan.level) for name in made.order if (labels == name).any()]
    until = plan.restricted_to or common_end(seen.time, labels)
    groups = _with_means(groups, until, plan.level)
    hidden = _hidden(groups)
    tested = None if hidden else _or_none(lambda: logrank(seen.time, seen.event, labels, entry=seen.entry))
    if not hidden and tested is None:
        hidden = "The log-rank test is undefined: the groups are never at risk at the same events."
    groups, proportional = (groups, None) if hidden else _with_ratios(groups, seen, labels, plan.level)
    corrected = made.best.p_value if made.best else None
    return Stratification(
        plan=plan, checkpoint=results.checkpoint, cohort=results.cohort_name, endpoint=seen.endpoint,
        groups=tuple(groups), words=made.words, logrank=tested,
        p_value=None if tested is None else corrected or tested.p_value, hidden=hidden,
        pairs=_pairs(groups, seen, labels), proportional_p=proportional, until=until,
        n=len(labels), n_events=int(seen.event.sum()), follow_up=median_follow_up(seen.time, seen.event),
        left_out=left_out, notices=_notices(seen, made, groups),
        n_out_of_fold=int((results.table.loc[seen.cases, "standing"] == "out of fold").sum()),
        cutoffs=made.cutoffs, best=made.best,
    )  # fmt: skip


def ticks_until(end: float, start: float = 0.0) -> NDArray[np.float64]:
    """Round months for an axis, from `start`; at most nine."""
    step = next((step for step in TICK_STEPS if (end - start) / step < MOST_TICKS), 240)
    ticks = np.arange(0, end + 1e-9, step, dtype=np.float64)
    return np.unique(np.append(ticks[ticks > start + step / 3], start)) if start else ticks


# ---- parts


def _grouped(results: CohortResults, plan: StratifyPlan, seen: Observed) -> PatientGroups:
    if plan.groups == "clinical":
        if plan.column is None:
            raise InputError("Groups by a clinical variable were chosen, but none named; choose one.")
        return by_clinical(results, seen.cases, plan.column)
    risk = results.table.loc[seen.cases, "risk"]
    if plan.groups != "best cut-off":
        return by_risk(results, risk, plan.groups, plan.cutoff)
    if plan.entry_column is not None:
        raise InputError(
            "A best cut-off is not offered with late entry: its correction permutes patients, who are not exchangeable "
            "then. Choose the cut-off of the checkpoint."
        )
    return by_best_cutoff(risk, seen.time, seen.event)


def _group(seen: Observed, labels: NDArray[np.str_], name: str, ticks: NDArray[np.float64], level: float) -> Group:
    part = seen.of(seen.cases[labels == name])
    curve = kaplan_meier(part.time, part.event, entry=part.entry, level=level)
    return Group(name, tuple(part.cases), curve, risk_table(part.time, part.event, ticks, entry=part.entry))


def _with_means(groups: list[Group], until: float, level: float) -> list[Group]:
    """With restricted means, and what each group gains on the first."""
    means = [_or_none(lambda one=one: restricted_mean(one.curve, until, level=level)) for one in groups]
    first, found = means[0], []
    for index, (group, mean) in enumerate(zip(groups, means, strict=True)):
        gained = None
        if index and mean is not None and first is not None:
            gained = _or_none(lambda a=mean, b=first: restricted_mean_difference(a, b, level=level))
        found.append(Group(group.name, group.cases, group.curve, group.counts, None, mean, gained))
    return found


def _with_ratios(
    groups: list[Group], seen: Observed, labels: NDArray[np.str_], level: float
) -> tuple[list[Group], float | None]:
    """With hazard ratios against the first group (Cox, Efron's ties), and the test of proportional hazards."""
    names = [one.name for one in groups]
    x = (labels[:, None] == np.array(names[1:])).astype(np.float64)
    model = _or_none(lambda: cox(x, seen.time, seen.event, terms=names[1:], entry=seen.entry, level=level))
    if model is None:
        return groups, None
    changing = _or_none(lambda: proportional_hazards(model, seen.time, seen.event, entry=seen.entry))
    rows = [None, *((*map(float, row), float(p)) for row, p in zip(model.hazard_ratios, model.p_values, strict=True))]
    found = [
        Group(one.name, one.cases, one.curve, one.counts, row, one.restricted, one.gained)
        for one, row in zip(groups, rows, strict=True)
    ]
    return found, None if changing is None else changing.global_p


def _hidden(groups: list[Group]) -> str:
    """Why no p-value is shown; empty where it is."""
    if len(groups) < 2:
        return f"There is one group only ({groups[0].name}), so nothing to compare."
    small = [f"{one.name} has {one.n} patients and {one.n_events} events" for one in groups if one.is_small]
    if not small:
        return ""
    return (
        f"p-values and hazard ratios are hidden: {'; '.join(small)}. At least {FEWEST_PATIENTS} patients and "
        f"{FEWEST_EVENTS} events per group are needed."
    )


def _pairs(groups: list[Group], seen: Observed, labels: NDArray[np.str_]) -> tuple[PairwiseLogRank, ...]:
    """Of more than two groups; those too small are left out before the correction."""
    large = [one.name for one in groups if not one.is_small]
    if len(groups) < 3 or len(large) < 2:
        return ()
    rows = np.isin(labels, large)
    entry = None if seen.entry is None else seen.entry[rows]
    found = pairwise_logrank(seen.time[rows], seen.event[rows], labels[rows], entry=entry)
    place = {one.name: index for index, one in enumerate(groups)}
    return tuple(sorted(found, key=lambda one: (place[one.first], place[one.second])))


def _notices(seen: Observed, made: PatientGroups, groups: list[Group]) -> tuple[str, ...]:
    found = []
    if made.best is not None:
        found.append(
            "The cut-off was chosen on these very patients: curves and hazard ratio are optimistic. Only the corrected "
            "p accounts for the choice; another cohort has to confirm the cut-off."
        )
    for one in groups:
        fell = np.flatnonzero(one.curve.survival == 0)
        if seen.entry is not None and len(fell) and fell[0] < len(one.curve.times) - 1:
            when = one.curve.times[fell[0]]
            found.append(
                f"{one.name}: everybody under observation had died by {when:.3g} months while others entered later, so "
                "the curve stays at 0. Use a landmark after that."
            )
    return tuple(found)


def _or_none(value: Callable[[], Value]) -> Value | None:
    try:
        return value()
    except UndefinedMetricError:
        return None
