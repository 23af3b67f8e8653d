"""The lines of a cohort's table: the suite's entries, and the baselines that stand in every table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from survviz.benchmark.coverage import Coverage
from survviz.benchmark.suite import CohortSection, EntrySection, Suite, train_config
from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.models import model_config
from survviz.training import TrainConfig
from survviz.types import MODALITIES, Modality

CLINIC = "Cox on clinic"
CANCER_TYPE = "cancer type alone"
MEAN_OF_RISKS = "mean of single risks"
ORACLE = "oracle (true hazard)"
SINGLE: dict[Modality, str] = {
    "pathology": "Cox on pathology",
    "clinical": CLINIC,
    "genomic": "Cox on genomic",
    "mirna": "Cox on miRNA",
    "cnv": "Cox on CNV",
}
TYPE_FIELD = "Cancer type"
SHARED_WITH_BASELINES = ("preprocess", "n_bins", "ties", "ridges")
"""Defaults of a suite that baselines follow; the rest is for networks."""


STRONG_RIDGES = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
"""Penalties for hundreds of columns, unless the suite says which: there the usual path begins too late, and its weak
end costs most of the time."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table of one cohort.

    Attributes:
        kind: "model" and "baseline" are trained, "mean" is the mean of other lines' risks, "truth" is known.
        config: of a trained line.
        modalities: what a trained line reads.
        of: lines that a mean is taken over.
        reason: why the cohort cannot serve it; "" if it can.
    """

    name: str
    kind: Literal["model", "baseline", "mean", "truth"]
    config: TrainConfig | None = None
    modalities: tuple[Modality, ...] = ()
    of: tuple[str, ...] = ()
    reason: str = ""


def lines_of(suite: Suite, section: CohortSection, cohort: Cohort, covered: Coverage) -> list[Line]:
    """All lines of a cohort, in the order of the table: baselines, entries, derived; none is left out silently.

    Raises:
        InputError: an entry's settings cannot be used, it has a baseline's name, or a derived one names no line.
    """
    lines = list(_baselines(suite, section, cohort, covered))
    lines += [_entry(suite, section, one, covered) for one in suite.entries if _meant(one.cohorts, section)]
    for one in suite.derived:
        if _meant(one.cohorts, section):
            lines.append(_mean(one.name, one.of, lines))
    if section.oracle:
        lines.append(Line(ORACLE, "truth"))
    names = [one.name for one in lines]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Entry {twice[0]!r} has the name of a baseline, which stands in every table; rename it.")
    return lines


def _meant(cohorts: tuple[str, ...], section: CohortSection) -> bool:
    return not cohorts or section.name in cohorts


def _baselines(suite: Suite, section: CohortSection, cohort: Cohort, covered: Coverage) -> Iterator[Line]:
    shared = {name: value for name, value in suite.defaults.items() if name in SHARED_WITH_BASELINES}
    own = {name: value for name, value in section.settings.items() if name in SHARED_WITH_BASELINES}

    def cox(name: str, modality: Modality, **preprocess: Any) -> Line:
        given = {"model": "cox", "modalities": (modality,), "preprocess": preprocess}
        path = {} if modality == "clinical" else {"ridges": STRONG_RIDGES}
        config = train_config(f"Baseline {name!r}", path, shared, own, given)
        return Line(name, "baseline", config, (modality,))

    if TYPE_FIELD in cohort.fields and cohort.clinical.loc[list(covered.cases), TYPE_FIELD].nunique() > 1:
        yield cox(CANCER_TYPE, "clinical", clinical_tokens=(TYPE_FIELD,))
    there = covered.modalities
    if "clinical" not in there:
        yield Line(CLINIC, "baseline", reason="not applicable: no case of this cohort has clinical data")
    for modality in sorted(there, key=lambda name: name != "clinical"):
        yield cox(SINGLE[modality], modality)
    if len(there) > 1:
        yield Line(MEAN_OF_RISKS, "mean", of=tuple(SINGLE[name] for name in there))


def _entry(suite: Suite, section: CohortSection, entry: EntrySection, covered: Coverage) -> Line:
    takes = model_config(entry.model).takes()
    unknown = [name for name in (*(entry.modalities or ()), *entry.if_available) if name not in takes]
    if unknown:
        raise InputError(f"Entry {entry.name!r}: model {entry.model!r} reads {', '.join(takes)}, not {unknown[0]}.")
    needed = _needed(entry)
    lacking = [name for name in needed if not covered.has[name]]
    if lacking or entry.name in section.cannot:
        why = section.cannot.get(entry.name, f"no case of this cohort has {' or '.join(lacking)} data")
        reason = f"not applicable: {why}"
        return Line(entry.name, "model", modalities=needed, reason=reason)
    modalities: tuple[Modality, ...] = tuple(
        name for name in MODALITIES if name in needed or (name in entry.if_available and covered.has[name])
    )
    given = {"model": entry.model, "modalities": modalities}
    config = train_config(f"Entry {entry.name!r}", suite.defaults, section.settings, entry.settings, given)
    return Line(entry.name, "model", config, modalities)


def _needed(entry: EntrySection) -> tuple[Modality, ...]:
    if entry.modalities is not None:
        return entry.modalities
    default: tuple[Modality, ...] = model_config(entry.model).model_fields["modalities"].default
    return tuple(name for name in default if name not in entry.if_available)


def _mean(name: str, of: tuple[str, ...], lines: Iterable[Line]) -> Line:
    known = {one.name: one for one in lines}
    unknown = [one for one in of if one not in known]
    if unknown:
        raise InputError(f"Derived entry {name!r} is of {unknown[0]!r}; the table has {', '.join(known)}.")
    lacking = [one for one in of if known[one].reason]
    if lacking:
        return Line(name, "mean", of=of, reason=f"not applicable: {lacking[0]} is {known[lacking[0]].reason}")
    return Line(name, "mean", of=of)
