"""Work in tasks, in processes of this machine or on a Ray cluster: each ends once, and none that dies stops another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from survviz.cluster.places import Place, Processes, Ray
from survviz.cluster.tasks import Failed, Task, Tick

__all__ = ["Failed", "Place", "Processes", "Ray", "Task", "run_tasks"]

A = TypeVar("A")
R = TypeVar("R")


def run_tasks(
    function: Callable[[A], R], tasks: Sequence[Task[A]], place: Place, *, tick: Tick | None = None
) -> Generator[tuple[Task[A], R | Failed], None, None]:
    """Every task once, as they are done, in no fixed order; close the iterator to stop what is under way.

    An error that a task raises is its outcome, in words. A worker that dies takes no other task with it; its own is
    started again, and given up where it dies every time.

    Args:
        function: of a module that every worker can import; it and the arguments are pickled.
        tick: called at least twice a second while something runs; may raise `CancelledError`.

    Raises:
        InputError: the place cannot be reached, or has no room for a single task.
    """
    if isinstance(place, Ray):
        from survviz.cluster.on_ray import run_on_ray

        return run_on_ray(function, tasks, place, tick)
    from survviz.cluster.processes import run_in_processes

    return run_in_processes(function, tasks, place, tick)
