"""Tasks on a Ray cluster: a bounded number in flight, lost ones started again, one that always dies given up.

Ray's own retries are off, so that a task is counted each time that it takes a worker with it, and no result is made
twice. Results come back to the one process that writes them, or are written by the task under a temporary name.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

from survviz import __version__
from survviz.cluster.places import Ray
from survviz.cluster.tasks import TICK_SECONDS, Failed, Task, Tick, in_words
from survviz.errors import InputError, SurvvizError

A = TypeVar("A")
R = TypeVar("R")

IN_FLIGHT = 2
"""Tasks handed over per place that can run one: the next one waits at the cluster, not at its end of the network."""

logger = logging.getLogger(__name__)


def run_on_ray(
    function: Callable[[A], R], tasks: Sequence[Task[A]], place: Ray, tick: Tick | None
) -> Generator[tuple[Task[A], R | Failed], None, None]:
    """As `run_tasks`."""
    if not tasks:
        return
    with connected(place) as ray:
        _check_room(ray, place)
        yield from _run(ray, function, tasks, place, tick)


def _run(
    ray: ModuleType, function: Callable[[A], R], tasks: Sequence[Task[A]], place: Ray, tick: Tick | None
) -> Generator[tuple[Task[A], R | Failed], None, None]:
    needs = {"num_cpus": place.cpus, "num_gpus": place.gpus}
    submit = ray.remote(**needs, max_retries=0, max_calls=0)(_work)
    threads, todo = max(1, int(place.cpus)), deque(enumerate(tasks))
    running: dict[Any, int] = {}
    lost: Counter[int] = Counter()
    try:
        while todo or running:
            room = _room(ray, place)
            while todo and len(running) < room:
                number, task = todo.popleft()
                running[submit.remote(function, task.argument, threads, versions())] = number
            done, _ = ray.wait(list(running), num_returns=1, timeout=TICK_SECONDS)
            for reference in done:
                number = running.pop(reference)
                outcome = _outcome(ray, reference)
                if isinstance(outcome, _Lost):
                    lost[number] += 1
                    if lost[number] < place.attempts:
                        logger.warning("%s: %s. It is started again.", tasks[number].name, outcome.reason)
                        todo.append((number, tasks[number]))
                        continue
                    outcome = Failed(f"given up after {lost[number]} attempts: {outcome.reason}", outcome.died)
                yield tasks[number], outcome
            if tick:
                tick()
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


class _Lost(Failed):
    """A failure that another attempt may not have."""


def _outcome(ray: ModuleType, reference: Any) -> Any:
    """What a task returned, or how it failed."""
    died = (
        ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError,
        ray.exceptions.ObjectLostError,
    )  # fmt: skip
    try:
        return ray.get(reference)
    except died as error:
        short = "out of memory" if isinstance(error, ray.exceptions.OutOfMemoryError) else "out of memory, or killed?"
        return _Lost(f"its worker died ({short})", died=True)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause if isinstance(error.cause, Exception) else error
        failed = in_words(cause)
        return _Lost(failed.reason) if isinstance(cause, OSError) else failed


def _work(function: Callable[[A], R], argument: A, threads: int, expected: dict[str, str]) -> R | Failed:
    """What a worker does: one task, with so many threads."""
    found = versions()
    if found != expected:
        return Failed(f"this machine has {found}, the one that asked has {expected}. Install the same on all.")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    try:
        return function(argument)
    except SurvvizError as error:
        return in_words(error)


def versions() -> dict[str, str]:
    """What must be the same on every machine of a run."""
    from importlib.metadata import version

    return {"survviz": __version__, "torch": version("torch"), "python": platform.python_version()}


def _import_ray() -> ModuleType:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "^")  # else Ray's news of dead workers stand in our JSON
    try:
        import ray
    except ImportError as error:
        raise InputError("Ray is not installed here. Install it: pip install 'survviz[cluster]'.") from error
    return ray


@contextmanager
def connected(place: Ray) -> Iterator[ModuleType]:
    """Join a cluster, or start one for as long as the block lasts; one that this process has joined stays joined.

    Raises:
        InputError: Ray is not installed, or no cluster answers.
    """
    ray = _import_ray()
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if place.address is None:
            wanted = math.ceil((place.workers or 0) * place.cpus)
            ray.init("local", num_cpus=wanted or os.cpu_count(), include_dashboard=False, **quiet)
        else:
            ray.init(place.address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"No Ray cluster answers at {place.address or 'this machine'}: {error}. Start one with `ray start --head`, "
            "and give its HOST:PORT."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _slots(ray: ModuleType, place: Ray) -> int:
    """Tasks that the machines of the cluster can run at the same time, each on one machine."""
    found = 0
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            fits = [has.get(name, 0.0) / need for name, need in (("CPU", place.cpus), ("GPU", place.gpus)) if need > 0]
            found += int(min(fits, default=has.get("CPU", 1.0)))
    return found


def _room(ray: ModuleType, place: Ray) -> int:
    """Tasks in flight, at most; machines that join are used from then on."""
    return place.workers or max(1, IN_FLIGHT * _slots(ray, place))


def _check_room(ray: ModuleType, place: Ray) -> None:
    """A task that no machine can hold would wait for ever.

    Raises:
        InputError: no machine of the cluster has that many cores or GPUs.
    """
    if _slots(ray, place) == 0:
        raise InputError(
            f"No machine of the Ray cluster has {place.cpus:g} cores and {place.gpus:g} GPUs for one task; it has "
            f"{ {name: n for name, n in ray.cluster_resources().items() if name in ('CPU', 'GPU')} }. Ask for less "
            "(--cpus-per-task, --gpus-per-task), or add machines."
        )
