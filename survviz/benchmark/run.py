"""Runs a suite: plan every cell, take from the cache what is there, make the rest, and hand over all predictions."""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from survviz.benchmark.cells import TRAINING_VERSION, Cell, make_cell, run_cell
from survviz.benchmark.content import Known, cohort_digest, read_known, write_known
from survviz.benchmark.coverage import Coverage
from survviz.benchmark.derived import Oracle, mean_of_risks
from survviz.benchmark.entries import Line, lines_of
from survviz.benchmark.plan import among
from survviz.benchmark.predictions import FoldPredictions, read_predictions, write_predictions
from survviz.benchmark.suite import CohortSection, Suite, read_suite
from survviz.cluster import Failed, Place, Processes, Task, run_tasks
from survviz.data.cohort import Cohort, load_cohort
from survviz.data.remote_cohort import cohort_below
from survviz.data.splits import NamedSplit
from survviz.errors import InputError, UnknownNameError
from survviz.remote import address_of
from survviz.types import Progress

ONE_WORKER = Processes(1)
ORACLE_TIMES = np.arange(1.0, 121.0)
"""Months at which the true curve is stated."""


@dataclass
class LineRun:
    """A line and what came out of it.

    Attributes:
        folds: by (repeat, fold).
        errors: what went wrong, by (repeat, fold).
    """

    line: Line
    folds: dict[tuple[int, int], FoldPredictions] = field(default_factory=dict)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class CohortRun:
    """A cohort with its splits and lines.

    Attributes:
        cohort: also its outcomes.
        covered: the cases that take part.
        strata: by case; None if the suite names none.
    """

    section: CohortSection
    folder: Path
    cohort: Cohort
    covered: Coverage
    planned: tuple[NamedSplit, ...]
    lines: dict[str, LineRun]
    strata: Mapping[str, str] | None = None


@dataclass(frozen=True)
class SuiteRun:
    """Everything that a leaderboard is made of.

    Attributes:
        made: cells that were trained now; `cached` were there already.
    """

    suite: Suite
    cohorts: list[CohortRun]
    made: int
    cached: int


def run_suite(
    suite_file: Path,
    out: Path,
    *,
    cohorts: Path | str | None = None,
    place: Place = ONE_WORKER,
    only: Collection[str] = (),
    progress: Progress | None = None,
) -> SuiteRun:
    """Make every missing cell of a suite; finished ones are never made again, whenever the run was stopped.

    Args:
        out: its `cells` folder is the cache.
        cohorts: folder or address of the cohort folders; default beside the suite file.
        place: where cells are made.
        only: entries to run; baselines always stand. Empty = all.
        progress: called with (cells there, cells of the suite).

    Raises:
        InputError: the suite, a cohort or a plan cannot be used, or another run works in `out`.
    """
    suite = _limited(read_suite(suite_file), only)
    root = cohorts or suite_file.parent
    with _alone(out):
        known = read_known(out / "files.json")
        runs = [prepare(suite, section, root) for section in suite.cohorts]
        places = [place for run in runs for place in _places(suite, run, known)]
        write_known(out / "files.json", known)
        made, cached = _fill(places, out / "cells", place, progress)
    for run in runs:
        _derive(run)
    return SuiteRun(suite, runs, made, cached)


@dataclass(frozen=True)
class _Place:
    """Where a cell's result belongs."""

    run: CohortRun
    to: LineRun
    cell: Cell

    @property
    def at(self) -> tuple[int, int]:
        return self.cell.planned.repeat, self.cell.planned.fold


def prepare(suite: Suite, section: CohortSection, root: Path | str) -> CohortRun:
    """Load a cohort, choose its cases, divide them, list its lines."""
    folder = cohort_below(root, section.folder or section.name)
    cohort = load_cohort(folder)
    covered = Coverage.of(cohort, require=section.require)
    if not covered.cases:
        raise InputError(f"No case of cohort {section.name!r} has {' and '.join(section.require)} data.")
    strata = None
    if section.strata is not None:
        if section.strata not in cohort.fields:
            raise UnknownNameError("clinical field", section.strata, cohort.fields)
        strata = {str(case): str(value) for case, value in cohort.clinical[section.strata].items()}
    planned = suite.plan_of(section).splits(cohort, covered.cases)
    lines = {line.name: LineRun(line) for line in lines_of(suite, section, cohort, covered)}
    return CohortRun(section, folder, cohort, covered, planned, lines, strata)


def _limited(suite: Suite, only: Collection[str]) -> Suite:
    names = [one.name for one in (*suite.entries, *suite.derived)]
    for name in only:
        if name not in names:
            raise UnknownNameError("entry", name, names)
    if not only:
        return suite
    kept = tuple(one for one in suite.entries if one.name in only)
    return suite.model_copy(
        update={"entries": kept, "derived": tuple(one for one in suite.derived if one.name in only)}
    )


def _places(suite: Suite, run: CohortRun, known: Known) -> Iterator[_Place]:
    """The cells of a cohort's trained lines. A split that leaves a line no training case is an error of that fold."""
    content = cohort_digest(run.folder, run.cohort, known)
    for to in run.lines.values():
        if to.line.config is None:
            continue
        ids = run.covered.cases_with(to.line.modalities)
        for planned in run.planned:
            try:
                mine = among(planned, ids)
            except InputError as error:
                to.errors[planned.repeat, planned.fold] = str(error)
                continue
            cell = make_cell(
                run.folder, content, to.line.config, to.line.modalities, mine, suite_seed=suite.seed, known=known
            )
            yield _Place(run, to, cell)


def _fill(places: Sequence[_Place], cache: Path, where: Place, progress: Progress | None) -> tuple[int, int]:
    """Every place gets predictions or an error; cells with one key are made once. -> (made, cached)."""
    todo: dict[str, list[_Place]] = {}
    cells = {place.cell.key for place in places}
    for place in places:
        found = read_predictions(cache / place.cell.key)
        if found is None:
            todo.setdefault(place.cell.key, []).append(place)
        else:
            place.to.folds[place.at] = found
    cached = len(cells) - len(todo)

    def tell(made: int) -> None:
        if progress:
            progress(cached + made, len(cells))

    tell(0)
    tasks = [_task(waiting[0]) for waiting in todo.values()]
    made = 0
    with closing(run_tasks(run_cell, tasks, where, tick=lambda: tell(made))) as outcomes:
        for task, outcome in outcomes:
            key = task.argument.key
            if not isinstance(outcome, Failed):
                write_predictions(cache / key, outcome, _facts(todo[key][0]))
            for place in todo[key]:
                if isinstance(outcome, Failed):
                    place.to.errors[place.at] = outcome.reason
                else:
                    place.to.folds[place.at] = outcome
            made += 1
            tell(made)
    return len(todo), cached


def _task(place: _Place) -> Task[Cell]:
    """A cell as a worker anywhere can make it."""
    name = f"{place.to.line.name} on {place.run.section.name}, fold {place.cell.planned.name}"
    folder = place.cell.folder.resolve()
    return Task(name, replace(place.cell, folder=folder, address=address_of(folder)))


def _facts(place: _Place) -> dict[str, object]:
    """What a person who opens the cached file wants to know."""
    split, event = place.cell.planned.split, place.run.cohort.event
    return {
        "version": TRAINING_VERSION,
        "cohort": place.run.section.name,
        "entry": place.to.line.name,
        "modalities": list(place.cell.modalities),
        "seed": place.cell.seed,
        "n_train": len(split.train),
        "n_validation": len(split.val),
        "n_test": len(split.test),
        "n_events_test": int(event.loc[list(split.test)].sum()),
        "settings": place.cell.config.model_dump(mode="json", exclude_defaults=True),
    }


def _derive(run: CohortRun) -> None:
    """Fill the lines that train nothing, in their order: a mean may be of means."""
    truth = Oracle(run.folder / run.section.oracle) if run.section.oracle else None
    for to in run.lines.values():
        if to.line.reason or to.line.config is not None:
            continue
        for planned in run.planned:
            at = (planned.repeat, planned.fold)
            if to.line.kind == "truth" and truth is not None:
                to.folds[at] = truth.predict(planned, ORACLE_TIMES)
                continue
            failed = [name for name in to.line.of if at not in run.lines[name].folds]
            if failed:
                to.errors[at] = f"{', '.join(failed)} failed"
            else:
                to.folds[at] = mean_of_risks([run.lines[name].folds[at] for name in to.line.of])


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder for this process; the lock goes with the process, however it ends."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"Another benchmark runs in {out}. Wait for it, or give another --out.") from error
        yield
