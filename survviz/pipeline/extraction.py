"""Encodes many slides, here or by workers elsewhere: each once, kept in a manifest, so that a killed run goes on."""

from __future__ import annotations

import fcntl
import hashlib
import json
import time as clock
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from survviz.cluster import Failed, Place, Processes, Task, run_tasks
from survviz.data.packed_store import to_float16
from survviz.errors import InputError
from survviz.pipeline.device import choose_device
from survviz.types import Notice, Progress
from survviz.wsi.encoders import Encoder, create_encoder
from survviz.wsi.extract import REVISION, extract_cached
from survviz.wsi.features import write_features

MANIFEST, LOCK = "manifest.jsonl", ".lock"
HERE = Processes(0)


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """An encoder by name, so that every process can make it.

    Attributes:
        weights: local folder or file, or hub:ORG/NAME.
        float16: how features are stored.
    """

    name: str
    weights: str | None = None
    device: str = "cpu"
    float16: bool = False


@dataclass(frozen=True, slots=True)
class SlideJob:
    """A slide to encode.

    Attributes:
        slide_id: what the feature file is called.
        mpp: um per pixel of level 0, for files that declare none.
        key: changes with the slide's file, its pixel size, and anything that pins the encoder.
    """

    path: Path
    slide_id: str
    mpp: float | None
    encoder: EncoderChoice
    out: Path
    key: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A line of the manifest: a feature file that is complete.

    Attributes:
        file: its name, in the manifest's folder.
        seconds: that it took, from opening the slide to the finished file.
    """

    slide_id: str
    key: str
    file: str
    n_patches: int
    width: int
    size: int
    mpp_source: str
    encoder: str
    revision: str
    seconds: float
    notices: tuple[Notice, ...]


Finished = Callable[[Path, Encoded | Failed], None]


def extract_slides(
    slides: Sequence[tuple[Path, str, float | None]],
    encoder: EncoderChoice,
    out: Path,
    *,
    place: Place = HERE,
    finished: Finished,
    progress: Progress | None = None,
) -> int:
    """Write OUT/SLIDE_ID.h5 of every slide, and a line of OUT/manifest.jsonl; a slide that fails stops no other.

    Slides whose line and file are there, made of the same bytes by the same encoder, are not opened again.

    Args:
        slides: (file, slide id, um per pixel where the file declares none).
        place: this process, or others, which must see slides and OUT under the same paths.
        finished: told of each slide as it is done, also of those that were there.
        progress: called with (slides done, slides); here with (patches done, patches) of the slide under way.

    Returns:
        How many were there already.

    Raises:
        InputError: two slides have one id, another process is writing into OUT, or the encoder cannot be made.
        CancelledError: `progress` raised it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out) as manifest:
        jobs = _jobs(slides, encoder, out.resolve(), place)
        known = read_manifest(out)
        todo = [job for job in jobs if not _is_there(known.get(job.slide_id), job)]
        _write_manifest(manifest, known)
        missing = {job.slide_id for job in todo}
        for job in jobs:
            if job.slide_id not in missing:
                finished(job.path, known[job.slide_id])
        done = len(jobs) - len(todo)
        with closing(_outcomes(todo, place, done, len(jobs), progress)) as outcomes:
            for job, outcome in outcomes:
                if not isinstance(outcome, Failed):
                    _append(manifest, outcome)
                finished(job.path, outcome)
    return len(jobs) - len(todo)


def extract_slide(job: SlideJob) -> Encoded:
    """What a worker does: the feature file appears complete or not at all.

    Raises:
        SlideError, MissingMppError, NoTissueError: the slide cannot be encoded.
        InputError: a feature does not fit into float16, where that was asked for.
    """
    return _extract(job, None)


def read_manifest(folder: Path) -> dict[str, Encoded]:
    """Slide id -> what was written last; a line that a killed process left unfinished counts for nothing."""
    found: dict[str, Encoded] = {}
    path = folder / MANIFEST
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
            row["notices"] = tuple(Notice(**notice) for notice in row["notices"])
            found[row["slide_id"]] = Encoded(**row)
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _extract(job: SlideJob, progress: Progress | None) -> Encoded:
    started = clock.perf_counter()
    encoder = _encoder(job.encoder)
    bag, notices = extract_cached(job.path, encoder, mpp=job.mpp, progress=progress, keep=False)
    bag = replace(bag, slide_id=job.slide_id)
    if job.encoder.float16:
        bag = replace(bag, features=to_float16(bag))
    path = write_features(job.out / f"{job.slide_id}.h5", bag, patch_px=encoder.patch_px)
    return Encoded(
        slide_id=job.slide_id,
        key=job.key,
        file=path.name,
        n_patches=len(bag),
        width=bag.features.shape[1],
        size=path.stat().st_size,
        mpp_source=bag.mpp_source or "",
        encoder=encoder.name,
        revision=encoder.revision,
        seconds=round(clock.perf_counter() - started, 3),
        notices=notices,
    )


@lru_cache(maxsize=1)
def _encoder(choice: EncoderChoice) -> Encoder:
    """One per process: weights are read once."""
    return create_encoder(choice.name, weights=choice.weights, device=str(choose_device(choice.device)))


def _outcomes(
    jobs: Sequence[SlideJob], place: Place, before: int, total: int, progress: Progress | None
) -> Generator[tuple[SlideJob, Encoded | Failed], None, None]:
    if place == HERE:
        for job in jobs:
            try:
                yield job, _extract(job, progress)
            except InputError as error:
                yield job, Failed(str(error))
        return
    done = before

    def tick() -> None:
        if progress:
            progress(done, total)

    tasks = [Task(f"slide {job.slide_id}", job) for job in jobs]
    with closing(run_tasks(extract_slide, tasks, place, tick=tick)) as outcomes:
        for task, outcome in outcomes:
            done += 1
            yield task.argument, outcome
            tick()


def _jobs(
    slides: Sequence[tuple[Path, str, float | None]], choice: EncoderChoice, out: Path, place: Place
) -> list[SlideJob]:
    encoder = _encoder(choice if place == HERE else replace(choice, device="cpu"))
    pins = (REVISION, encoder.name, encoder.revision, encoder.mpp, encoder.patch_px, choice.float16)
    owners: dict[str, Path] = {}
    jobs = []
    for path, slide_id, mpp in slides:
        path = path.absolute()
        if owners.setdefault(slide_id, path) != path:
            raise InputError(f"{owners[slide_id]} and {path} would both become {slide_id}.h5. Rename one of them.")
        text = json.dumps([*pins, mpp, *_state(path)])
        jobs.append(SlideJob(path, slide_id, mpp, choice, out, hashlib.sha256(text.encode()).hexdigest()))
    return jobs


def _state(path: Path) -> tuple[int, int]:
    """Size and date of a slide file; of one that is missing nothing, which opening it will say."""
    try:
        state = path.stat()
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _is_there(line: Encoded | None, job: SlideJob) -> bool:
    if line is None or line.key != job.key:
        return False
    path = job.out / line.file
    return path.is_file() and path.stat().st_size == line.size


@contextmanager
def _alone(out: Path) -> Iterator[Path]:
    """Hold the folder for this process; the system lets go of it when the process ends, however it ends."""
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"Another process is encoding slides into {out}. Wait for it.") from error
        yield out / MANIFEST


def _line(row: Encoded) -> str:
    return json.dumps(asdict(row), ensure_ascii=False) + "\n"


def _write_manifest(path: Path, rows: dict[str, Encoded]) -> None:
    """One line per slide, in place of what a killed run may have left."""
    fresh = path.with_name(f".{path.name}.part")
    fresh.write_text("".join(_line(row) for row in rows.values()), encoding="utf-8")
    fresh.replace(path)


def _append(path: Path, row: Encoded) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(_line(row))
