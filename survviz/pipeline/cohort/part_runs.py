"""Every part of a cohort, here or by workers elsewhere; what lies on disk already is read, not made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from survviz.checkpoint.layout import CONFIG
from survviz.cluster import Failed, Place, Processes, Task, run_tasks
from survviz.data.cohort_file import cohort_stamp
from survviz.data.fingerprint import of_file
from survviz.data.omics_units import in_units_of
from survviz.data.remote_cohort import at_worker
from survviz.errors import InputError
from survviz.pipeline.cohort.evaluation import load_for_evaluation
from survviz.pipeline.cohort.part_scoring import PartScorer, curve_times, refusal
from survviz.pipeline.cohort.parts import Part, read_part, write_part
from survviz.pipeline.cohort.scoring import NotScored
from survviz.pipeline.predictor import Predictor
from survviz.remote import address_of
from survviz.types import Progress

CASES_PER_PART = 128
HERE = Processes(0)


@dataclass(frozen=True, slots=True)
class Workers:
    """Who scores parts in place of this process, on which device."""

    place: Place
    device: str


@dataclass(frozen=True, slots=True)
class PartJob:
    """What a worker needs to score a part.

    Attributes:
        checkpoint_sha256, cohort_stamp: it must find what the process that asks has loaded.
        address: where the cohort was copied from, for machines that do not see the copy.
    """

    checkpoint: Path
    checkpoint_sha256: str
    cohort: Path
    cohort_stamp: float
    address: str | None
    device: str
    anyway: bool
    batch_size: int
    case_ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """The cases, for people."""
        first, last = self.case_ids[0], self.case_ids[-1]
        return f"case {first}" if first == last else f"cases {first} to {last}"


def every_part(scorer: PartScorer, folder: Path, workers: Workers | None, progress: Progress | None) -> list[Part]:
    """All parts in the order of the cases.

    Args:
        folder: where finished parts lie.
        workers: None = this process.
        progress: called with (cases done, cases of the cohort).

    Raises:
        InputError: a part failed; the others are finished and stay.
        CancelledError: `progress` raised it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = sorted(scorer.cohort.case_ids)
    chunks = {
        folder / f"{start:07d}.safetensors": tuple(ids[start : start + CASES_PER_PART])
        for start in range(0, len(ids), CASES_PER_PART)
    }
    if workers is not None:
        _score_elsewhere(scorer, chunks, workers, progress)
    parts, done = [], 0
    for path, some in chunks.items():
        part = read_part(path)
        if part is None:
            part = scorer.score(some, _shifted(progress, done, len(ids)))
            write_part(path, part)
        done += len(some)
        if progress:
            progress(done, len(ids))
        parts.append(part)
    return parts


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _score_elsewhere(
    scorer: PartScorer, chunks: dict[Path, tuple[str, ...]], workers: Workers, progress: Progress | None
) -> None:
    """Write every part that is missing. A part that kills its workers is tried again case by case."""
    todo = {path: some for path, some in chunks.items() if read_part(path) is None}
    total = sum(map(len, chunks.values()))
    done = total - sum(map(len, todo.values()))
    failed: list[str] = []

    def tick() -> None:
        if progress:
            progress(done, total)

    whole = _job(scorer, workers)
    names = {some: path for path, some in todo.items()}
    tasks = [_task(whole, some) for some in todo.values()]
    with closing(run_tasks(score_part, tasks, workers.place, tick=tick)) as outcomes:
        for task, outcome in outcomes:
            some = task.argument.case_ids
            if isinstance(outcome, Failed) and outcome.died and len(some) > 1:
                outcome = _one_by_one(whole, some, workers.place, len(scorer.times))
            if isinstance(outcome, Failed):
                failed.append(f"{task.name}: {outcome.reason}")
                continue
            write_part(names[some], outcome)
            done += len(some)
            tick()
    if failed:
        raise InputError(
            f"{len(failed)} of {len(chunks)} parts could not be scored; the others are kept, and not made again. "
            + "\n".join(failed)
        )


def _one_by_one(whole: PartJob, case_ids: Sequence[str], place: Place, n_times: int) -> Part | Failed:
    """The part without the cases that kill their workers; these are rows of `not_scored`."""
    found: dict[str, Part] = {}
    with closing(run_tasks(score_part, [_task(whole, (case,)) for case in case_ids], place)) as outcomes:
        for task, outcome in outcomes:
            (case,) = task.argument.case_ids
            if isinstance(outcome, Failed) and not outcome.died:
                return outcome
            if isinstance(outcome, Failed):
                nothing = np.zeros((0, n_times), np.float32)
                outcome = Part([], nothing, [refusal(NotScored(case, "error", outcome.reason))])
            found[case] = outcome
    parts = [found[case] for case in case_ids]
    return Part(
        [row for part in parts for row in part.rows],
        np.concatenate([part.survival for part in parts]),
        [row for part in parts for row in part.not_scored],
    )


def _job(scorer: PartScorer, workers: Workers) -> PartJob:
    checkpoint = scorer.predictor.checkpoint.folder.resolve()
    folder = scorer.cohort.folder.resolve()
    return PartJob(
        checkpoint, of_file(checkpoint / CONFIG), folder, cohort_stamp(folder), address_of(folder), workers.device,
        scorer.anyway, scorer.batch_size, (),
    )  # fmt: skip


def _task(whole: PartJob, case_ids: tuple[str, ...]) -> Task[PartJob]:
    job = replace(whole, case_ids=case_ids)
    return Task(job.name, job)


def score_part(job: PartJob) -> Part:
    """What a worker does; checkpoint and cohort are read once per process.

    Raises:
        InputError: it does not find the checkpoint or the cohort of the process that asks.
    """
    return _scorer(replace(job, case_ids=())).score(job.case_ids)


@lru_cache(maxsize=1)
def _scorer(job: PartJob) -> PartScorer:
    folder = at_worker(job.cohort, job.address)
    same = job.address is not None or cohort_stamp(folder) == job.cohort_stamp
    if of_file(job.checkpoint / CONFIG) != job.checkpoint_sha256 or not same:
        raise InputError(f"{job.checkpoint} or {job.cohort} was written again while it was used. Start the run again.")
    predictor = Predictor.load(job.checkpoint, job.device)
    cohort, _ = in_units_of(load_for_evaluation(folder), predictor.checkpoint.preprocess(0).ood.omics)
    return PartScorer(predictor, cohort, job.anyway, job.batch_size, curve_times(predictor))
