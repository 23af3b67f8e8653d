"""What the tests' workers do; workers import it by name."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from survviz.errors import InputError


@dataclass(frozen=True)
class Job:
    """A number to double, and a folder in which the task leaves its traces."""

    folder: Path
    number: int


def double(job: Job) -> int:
    """Twice the number; a line in the folder says that it was done."""
    with (job.folder / "done").open("a") as file:
        file.write(f"{job.number}\n")
    return 2 * job.number


def refuse_odd(job: Job) -> int:
    """An error of ours, and one that is none."""
    if job.number == 1:
        raise InputError("1 is odd.")
    if job.number == 3:
        raise ZeroDivisionError("3 is odd.")
    return double(job)


def alone(job: Job) -> int:
    """Fails where another task is at work."""
    busy = job.folder / "busy"
    os.close(os.open(busy, os.O_CREAT | os.O_EXCL))
    result = double(job)
    busy.unlink()
    return result


def die_on_three(job: Job) -> int:
    """Takes its worker with it, and counts how often."""
    if job.number == 3:
        with (job.folder / "died").open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return double(job)


def wait_once(job: Job) -> int:
    """The first attempt at number 2 says who it is, and waits to be killed."""
    if job.number == 2:
        try:
            (job.folder / "waiting").mkdir()
        except FileExistsError:
            return double(job)
        with (job.folder / "fifo").open("w") as fifo:
            fifo.write(str(os.getpid()))
        signal.pause()
    return double(job)
