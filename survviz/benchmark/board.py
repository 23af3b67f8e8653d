"""The leaderboard of a finished run, as plain records: what tables, page and program read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from survviz import __version__
from survviz.benchmark.cells import TRAINING_VERSION
from survviz.benchmark.derived import WORST_FIRST
from survviz.benchmark.entries import CLINIC, SINGLE
from survviz.benchmark.plan import in_words
from survviz.benchmark.predictions import FoldPredictions
from survviz.benchmark.published import Published, published_for
from survviz.benchmark.run import CohortRun, LineRun, SuiteRun
from survviz.benchmark.scores import Outcomes, Score, fold_scores, paired_difference, pooled_scores
from survviz.evaluation import UndefinedMetricError
from survviz.evaluation.paired import ResampledT, holm, over_cohorts

REFERENCES = ("clinic", "best single")
COMPARED = ("model", "mean")
"""Kinds of line over which Holm's correction is taken; baselines are compared too, but claim nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A line against a reference, on the same test patients of the same folds.

    Attributes:
        reference: name of the reference line.
        difference: mean over folds of the line's C minus the reference's; None where undefined, `reason` says why.
        p: of the corrected resampled t-test, two-sided.
        p_holm: corrected for all models of this cohort; None for a baseline.
        n: test patients per fold that both have, on average.
        folds: on which it rests (over cohorts: how many cohorts).
    """

    reference: str
    difference: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    n: float = 0
    folds: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        status: "done", "failed" (in some or all folds; `reason` says in how many, and the first error) or
            "not applicable".
        n: patients tested, each counted once.
        protocol: how the epoch was chosen.
        attained: share of (oracle's C - 0.5) that the line reaches, where the truth is known.
        seconds: CPU time of one thread per fold; it alone changes from run to run.
    """

    name: str
    kind: str
    status: str
    reason: str = ""
    model: str = ""
    modalities: tuple[str, ...] = ()
    protocol: str = ""
    n: int = 0
    n_events: int = 0
    folds: int = 0
    epoch: float | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)
    against: Mapping[str, Comparison] = field(default_factory=dict)
    attained: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CohortBoard:
    """The table of one cohort.

    Attributes:
        title: as the cohort calls itself.
        plan: the splits, in words.
        best_single: the single modality with the highest mean C on these very test folds, which favours it.
    """

    name: str
    title: str
    n: int
    n_events: int
    plan: str
    rows: tuple[Row, ...]
    best_single: str
    published: tuple[Published, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """All of it.

    Attributes:
        overall: entry -> reference -> its mean difference over cohorts, every cohort counting the same; cohorts whose
            patients stand in another one too are left out.
    """

    suite: str
    description: str
    seed: int
    cohorts: tuple[CohortBoard, ...]
    overall: Mapping[str, Mapping[str, Comparison]]

    @property
    def failed(self) -> list[tuple[str, Row]]:
        """(cohort, row) of every line with a fold that failed."""
        return [(cohort.name, row) for cohort in self.cohorts for row in cohort.rows if row.status == "failed"]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        cohorts = [
            {**asdict(replace(one, published=())), "published": [row.model_dump() for row in one.published]}
            for one in self.cohorts
        ]
        versions = {"survviz": __version__, "training": TRAINING_VERSION}
        return {**asdict(replace(self, cohorts=())), "versions": versions, "cohorts": cohorts}


def leaderboard(run: SuiteRun) -> Board:
    """Evaluate every line of every cohort and compare each with the references, per cohort and over all."""
    boards, tests = [], {name: {} for name in REFERENCES}
    for cohort in run.cohorts:
        board, found = _cohort_board(run, cohort)
        boards.append(board)
        for reference, by_line in found.items() if cohort.section.counts else ():
            for line, test in by_line.items():
                tests[reference].setdefault(line, []).append(test)
    return Board(run.suite.name, run.suite.description, run.suite.seed, tuple(boards), _overall(tests))


def _cohort_board(run: SuiteRun, cohort: CohortRun) -> tuple[CohortBoard, dict[str, dict[str, ResampledT]]]:
    outcomes = Outcomes.of(cohort.cohort.time, cohort.cohort.event, cohort.strata)
    rows = [_row(one, len(cohort.planned), outcomes) for one in cohort.lines.values()]
    singles = [row for row in rows if row.name in SINGLE.values() and _c(row) is not None]
    best = max(singles, key=lambda row: _c(row) or 0.0).name if singles else ""
    found: dict[str, dict[str, ResampledT]] = {}
    for key, reference in zip(REFERENCES, (CLINIC, best), strict=True):
        rows, found[key] = _against(rows, key, cohort.lines, reference, outcomes)
    ids = cohort.covered.cases
    board = CohortBoard(
        name=cohort.section.name,
        title=cohort.cohort.name,
        n=len(ids),
        n_events=int(outcomes.arrays(ids)[1].sum()),
        plan=in_words(run.suite.plan_of(cohort.section), len(cohort.planned)),
        rows=tuple(_attained(rows)),
        best_single=best,
        published=published_for(cohort.section.published or cohort.section.name),
    )
    return board, found


def _row(one: LineRun, n_planned: int, outcomes: Outcomes) -> Row:
    line, folds = one.line, [one.folds[at] for at in sorted(one.folds)]
    known = Row(
        name=line.name,
        kind=line.kind,
        status="not applicable" if line.reason else "done",
        reason=line.reason.removeprefix("not applicable: "),
        model=line.config.model if line.config else "",
        modalities=line.modalities,
    )
    if one.errors:
        first = one.errors[min(one.errors)]
        known = replace(known, status="failed", reason=f"{len(one.errors)} of {n_planned} folds failed: {first}")
    return replace(known, **_numbers(folds, outcomes)) if folds else known


def _numbers(folds: Sequence[FoldPredictions], outcomes: Outcomes) -> dict[str, Any]:
    tested = sorted({case for fold in folds for case in fold.case_ids})
    protocols = {fold.protocol for fold in folds}
    return {
        "protocol": min(protocols, key=WORST_FIRST.index),
        "n": len(tested),
        "n_events": int(outcomes.arrays(tested)[1].sum()),
        "folds": len(folds),
        "epoch": float(np.median([fold.epoch for fold in folds])),
        "scores": {**fold_scores(folds, outcomes), **pooled_scores(folds, outcomes)},
        "seconds": float(np.mean([fold.seconds for fold in folds])),
    }


def _against(
    rows: Sequence[Row], key: str, lines: Mapping[str, LineRun], reference: str, outcomes: Outcomes
) -> tuple[list[Row], dict[str, ResampledT]]:
    """Rows with their comparison with one reference line, and the tests behind it."""
    tests: dict[str, ResampledT] = {}
    made: dict[str, Comparison] = {}
    base = lines[reference].folds.values() if reference else ()
    for row in rows:
        if row.name == reference or row.kind == "truth" or not row.folds:
            continue
        try:
            test, n = paired_difference(list(lines[row.name].folds.values()), list(base), outcomes)
        except UndefinedMetricError as error:
            made[row.name] = Comparison(reference, None, reason=str(error))
            continue
        tests[row.name] = test
        made[row.name] = _comparison(reference, test, n)
    _correct(made, [row.name for row in rows if row.kind in COMPARED])
    return [replace(row, against={**row.against, **_named(key, made.get(row.name))}) for row in rows], tests


def _named(key: str, comparison: Comparison | None) -> dict[str, Comparison]:
    return {} if comparison is None else {key: comparison}


def _comparison(reference: str, test: ResampledT, n: float) -> Comparison:
    return Comparison(reference, test.mean, test.low, test.high, test.p_value, n=n, folds=test.n)


def _correct(made: dict[str, Comparison], family: Iterable[str]) -> None:
    """Holm's p of those of the family that have one, in place."""
    raw = {name: p for name in family if name in made and (p := made[name].p) is not None}
    for name, p in zip(raw, holm(list(raw.values())), strict=True):
        made[name] = replace(made[name], p_holm=float(p))


def _overall(tests: Mapping[str, Mapping[str, list[ResampledT]]]) -> dict[str, dict[str, Comparison]]:
    """Mean differences over cohorts, of lines that stand in all of the cohorts where the reference does."""
    overall: dict[str, dict[str, Comparison]] = {}
    for key, by_line in tests.items():
        made = {name: _comparison(key, over_cohorts(found), 0) for name, found in by_line.items() if len(found) > 1}
        _correct(made, [name for name in made if name not in SINGLE.values()])
        for name, comparison in made.items():
            overall.setdefault(name, {})[key] = comparison
    return overall


def _attained(rows: Iterable[Row]) -> list[Row]:
    """Rows with their share of what the truth attains, where it is known."""
    rows = list(rows)
    best = next((_c(row) for row in rows if row.kind == "truth"), None)
    if best is None or best <= 0.5:
        return rows
    return [
        row if (c := _c(row)) is None or row.kind == "truth" else replace(row, attained=(c - 0.5) / (best - 0.5))
        for row in rows
    ]


def _c(row: Row) -> float | None:
    return row.scores["harrell_c"].value if "harrell_c" in row.scores else None
