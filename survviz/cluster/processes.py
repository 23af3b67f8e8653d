"""Tasks in processes of this machine; a task that fails or kills its process stops no other."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from survviz.cluster.places import Processes
from survviz.cluster.tasks import TICK_SECONDS, Failed, Task, Tick, in_words

A = TypeVar("A")
R = TypeVar("R")


def run_in_processes(
    function: Callable[[A], R], tasks: Sequence[Task[A]], place: Processes, tick: Tick | None
) -> Generator[tuple[Task[A], R | Failed], None, None]:
    """As `run_tasks`. A worker that dies takes with it what the others are at; each of these is tried once more, alone.

    In this process (no workers) an error that is no `SurvvizError` is an outcome as well.
    """
    suspects: deque[Task[A]] = deque()
    todo = deque(tasks)
    while todo:
        yield from _until_broken(function, todo, place.workers, suspects, tick)
    while suspects:
        task, lost = suspects.popleft(), deque[Task[A]]()
        yield from _until_broken(function, deque([task]), 1, lost, tick)
        if lost:
            reason = "the worker process died (out of memory?); give it more memory or use fewer workers"
            yield task, Failed(reason, died=True)


def _until_broken(
    function: Callable[[A], R], todo: deque[Task[A]], workers: int, suspects: deque[Task[A]], tick: Tick | None
) -> Generator[tuple[Task[A], R | Failed], None, None]:
    """Work through `todo` until it is empty or a worker dies; the tasks under way then become suspects."""
    with _pool(workers) as pool:
        running: dict[Future[R], Task[A]] = {}
        while todo or running:
            try:
                while todo and len(running) < max(workers, 1):
                    running[pool.submit(function, todo[0].argument)] = todo[0]
                    todo.popleft()
            except BrokenProcessPool:
                suspects.extend(running.values())
                return
            done, _ = wait(running, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
            broken = False
            for future in done:
                task, error = running.pop(future), future.exception()
                if isinstance(error, BrokenProcessPool):
                    suspects.append(task)
                    broken = True
                else:
                    yield task, future.result() if error is None else in_words(error)
            if tick:
                tick()
            if broken:
                suspects.extend(running.values())
                return


def _pool(workers: int) -> Executor:
    if workers == 0:
        return ThreadPoolExecutor(max_workers=1)
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max_workers=workers, mp_context=spawn, initializer=_start_worker)


def _start_worker() -> None:
    """One thread per worker; and no worker outlives a parent that was killed, waiting for work that never comes."""
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
