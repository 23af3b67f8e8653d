"""Where tasks run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes of this machine, of one torch thread each.

    Attributes:
        workers: how many; 0 = this process, with the threads that it has.
    """

    workers: int = 1


@dataclass(frozen=True, slots=True)
class Ray:
    """A Ray cluster whose machines see the same files under the same paths.

    Attributes:
        address: HOST:PORT of a running one, or "auto"; None starts one on this machine and ends it afterwards.
        cpus: cores per task, which are its torch threads too; a part of one is one thread.
        gpus: GPUs per task; a part of one shares it.
        workers: tasks at the same time, at most; None = as many as there is room for.
        attempts: how often a task may lose its worker before it is given up.
    """

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    workers: int | None = None
    attempts: int = 3


Place: TypeAlias = Processes | Ray
