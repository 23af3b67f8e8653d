"""`write_sample`: a whole cohort on disk, from a seed."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from survviz.errors import InputError
from survviz.sample.cases import SampleCase, draw_case
from survviz.sample.plan import SlidePlan
from survviz.sample.regions import Region
from survviz.sample.render import render
from survviz.sample.slides import write_slide, write_truth
from survviz.sample.tables import ENCODER, write_cohort_file, write_hazard, write_regions, write_tables
from survviz.types import Progress
from survviz.wsi.encoders import create_encoder
from survviz.wsi.extract import extract
from survviz.wsi.features import write_features
from survviz.wsi.slide import open_slide

DEMO_CASES = 6
SMALLEST_PX = 512


def write_sample(
    folder: str | Path,
    *,
    cases: int = 200,
    seed: int = 0,
    slides: int | None = None,
    features: bool = True,
    workers: int = 2,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a synthetic cohort with planted truth; the same seed gives the same files, whatever the workers.

    Args:
        slides: keep the files of this many slides, one for each of the first held-out cases; all unless given.
        features: encode the slides with the embedded descriptor.
        workers: processes that render.
        size: width and height of every slide in pixels, at 0.5 um; they vary around 3500 x 3000 unless given.
        progress: called with slides done and in all; may raise `CancelledError`.

    Raises:
        InputError: the folder already holds files, or a number makes no sense.
    """
    folder = Path(folder)
    _check(folder, cases, seed, slides, workers, size)
    drawn = [draw_case(seed, number, size) for number in range(cases)]
    holdout = choose_holdout(drawn, DEMO_CASES if slides is None else slides)
    kept = frozenset(case.case_id for case in drawn) if slides is None else frozenset(holdout)
    for part in ("slides", "truth", *(("features",) if features else ())):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_tables(folder, drawn, seed, kept)
    write_hazard(folder, drawn)
    jobs = [Job(folder, plan, keep=case.case_id in kept, features=features) for case in drawn for plan in case.slides]
    if slides is not None and not features:
        jobs = [job for job in jobs if job.keep]
    write_regions(folder, run_jobs(jobs, workers, progress))
    write_cohort_file(folder, seed, holdout, features=features)
    return folder


def _check(folder: Path, cases: int, seed: int, slides: int | None, workers: int, size: tuple[int, int] | None) -> None:
    if cases < 1 or seed < 0 or workers < 1 or (slides is not None and slides < 0):
        raise InputError(
            f"{cases} cases, seed {seed}, {slides} slides and {workers} workers were given; expected at least one "
            "case and one worker, and no negative number."
        )
    if size is not None and (min(size) < SMALLEST_PX or size[0] % 16 or size[1] % 16):
        raise InputError(
            f"Slides of {size[0]} x {size[1]} px were asked for; expected multiples of 16 from {SMALLEST_PX}."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} already holds files. Give a new or an empty folder for the sample cohort.")


def choose_holdout(cases: Sequence[SampleCase], count: int) -> tuple[str, ...]:
    """Complete cases with one slide: the showpiece, then others spread evenly from low to high risk."""
    count = min(count, max(1, len(cases) // 3))
    whole = [c for c in cases[1:] if len(c.slides) == 1 and c.has_rna and c.has_mirna and all(c.clinical.values())]
    whole.sort(key=lambda case: case.log_hazard)
    if count == 0 or not whole:
        return tuple(case.case_id for case in cases[:count])
    at = np.unique(np.round(np.linspace(0.06, 0.94, count - 1) * (len(whole) - 1)).astype(int)) if count > 1 else []
    return (cases[0].case_id, *(whole[i].case_id for i in at))


@dataclass(frozen=True, slots=True)
class Job:
    """One slide to render, encode and keep or discard."""

    folder: Path
    plan: SlidePlan
    keep: bool
    features: bool


def run_jobs(jobs: Sequence[Job], workers: int, progress: Progress | None) -> dict[str, dict[str, float]]:
    """Run the jobs; slide id -> share of each class in its tissue, in the order of the jobs."""
    shares: dict[str, dict[str, float]] = {}
    if progress:
        progress(0, len(jobs))
    for done, (slide_id, share) in enumerate(_results(jobs, workers), start=1):
        shares[slide_id] = share
        if progress:
            progress(done, len(jobs))
    return {job.plan.slide_id: shares[job.plan.slide_id] for job in jobs}


def _results(jobs: Sequence[Job], workers: int) -> Iterator[tuple[str, dict[str, float]]]:
    if workers == 1 or len(jobs) < 3:
        yield from map(make_slide, jobs)
        return
    with _pool(workers) as pool:
        waiting: list[Future[tuple[str, dict[str, float]]]] = [pool.submit(make_slide, job) for job in jobs]
        for future in as_completed(waiting):
            yield future.result()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool that drops what has not begun when the caller stops."""
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def make_slide(job: Job) -> tuple[str, dict[str, float]]:
    """Render one slide, write its truth, its features and, if it is kept, its file."""
    slide_id = job.plan.slide_id
    rendered = render(job.plan)
    write_truth(job.folder / "truth" / f"{slide_id}.png", rendered.truth)
    if job.keep:
        path = write_slide(job.folder / "slides" / f"{slide_id}.tif", rendered.image)
        _encode(job, path)
    elif job.features:
        with tempfile.TemporaryDirectory() as scratch:
            _encode(job, write_slide(Path(scratch) / f"{slide_id}.tif", rendered.image))
    counts = np.bincount(rendered.truth.ravel(), minlength=len(Region))
    tissue = max(int(counts[1:].sum()), 1)
    return slide_id, {region.name.lower(): round(int(counts[region]) / tissue, 4) for region in list(Region)[1:]}


def _encode(job: Job, path: Path) -> None:
    """Features from the file itself, as a user's own slide would be read; float16 at rest."""
    if not job.features:
        return
    encoder = create_encoder(ENCODER)
    with open_slide(path, probe=False) as slide:
        bag = extract(slide, encoder)
    bag = replace(bag, features=bag.features.astype(np.float16))
    write_features(job.folder / "features" / f"{path.stem}.h5", bag, patch_px=encoder.patch_px, compress=True)
