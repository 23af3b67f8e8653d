"""Makes cells in parallel processes of one torch thread each; a cell that fails or kills its worker stops no other."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from survviz.benchmark.cells import Cell, run_cell
from survviz.benchmark.predictions import FoldPredictions
from survviz.errors import SurvvizError

Outcome = FoldPredictions | str
"""Predictions, or in words what went wrong."""


def run_cells(cells: Sequence[Cell], *, workers: int) -> Iterator[tuple[Cell, Outcome]]:
    """Every cell once, as they are done, in no fixed order.

    A worker that dies takes the cells with it that the other workers are at; each of these is tried once more, alone.

    Args:
        workers: processes; 0 = in this one, for a debugger and for suites of seconds.
    """
    suspects: deque[Cell] = deque()
    todo = deque(cells)
    while todo:
        yield from _until_broken(todo, workers, suspects)
    while suspects:
        cell, lost = suspects.popleft(), deque[Cell]()
        yield from _until_broken(deque([cell]), 1, lost)
        if lost:
            yield cell, "the worker process died (out of memory?); give it more memory or use fewer workers"


def _until_broken(todo: deque[Cell], workers: int, suspects: deque[Cell]) -> Iterator[tuple[Cell, Outcome]]:
    """Work through `todo` until it is empty or a worker dies; the cells under way then become suspects."""
    with _pool(workers) as pool:
        running: dict[Future[FoldPredictions], Cell] = {}
        while todo or running:
            try:
                while todo and len(running) < max(workers, 1):
                    running[pool.submit(run_cell, todo[0])] = todo[0]
                    todo.popleft()
            except BrokenProcessPool:
                suspects.extend(running.values())
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            broken = False
            for future in done:
                cell, error = running.pop(future), future.exception()
                if isinstance(error, BrokenProcessPool):
                    suspects.append(cell)
                    broken = True
                else:
                    yield cell, future.result() if error is None else _in_words(error)
            if broken:
                suspects.extend(running.values())
                return


def _pool(workers: int) -> Executor:
    if workers == 0:
        return ThreadPoolExecutor(max_workers=1)
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max_workers=workers, mp_context=spawn, initializer=_start_worker)


def _in_words(error: BaseException) -> str:
    return str(error) if isinstance(error, SurvvizError) else f"{type(error).__name__}: {error}"


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
