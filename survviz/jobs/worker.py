"""One job: `python -m survviz.jobs.worker FOLDER`. Its output goes to the job's log."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from survviz.errors import CancelledError, SurvvizError
from survviz.jobs.kinds import check_arguments, find_kind
from survviz.jobs.line import waiting_line
from survviz.jobs.processes import start_time
from survviz.jobs.state import JobStatus, cancel_asked, read_state, write_json, write_state
from survviz.workspace import disk_words, workspace

SLOTS_VARIABLE = "SURVVIZ_JOBS_AT_ONCE"
WRITE_EVERY_S = 0.25
log = logging.getLogger(__name__)
NICENESS = 5


class Reporter:
    """The `Progress` callback: keeps the state on disk, and stops the job when a person asked for it."""

    def __init__(self, folder: Path, message: str) -> None:
        self.folder = folder
        self.status = replace(read_state(folder), state="running", message=message)
        self.written = 0.0

    def __call__(self, done: int, total: int) -> None:
        if cancel_asked(self.folder):
            raise CancelledError("Cancelled on request.")
        self.status = replace(self.status, done=done, total=total)
        if done >= total or time.monotonic() - self.written > WRITE_EVERY_S:
            self.keep(self.status)

    def keep(self, status: JobStatus) -> None:
        """Write a state now."""
        self.status = replace(status, updated=time.time())
        self.written = time.monotonic()
        write_state(self.folder, self.status)


@contextmanager
def slot(folder: Path, row: str = "slot", tell: Callable[[int], None] = lambda before: None) -> Iterator[None]:
    """Wait for one of the machine's places for jobs, in turn; a place frees itself when its holder dies.

    Args:
        row: of places; a training of hours stands in another one than what somebody is waiting for.
        tell: is called with the number of jobs that wait before this one, when it changes.

    Raises:
        CancelledError: a person asked for it while the job was waiting.
    """
    places = max(1, int(os.environ.get(SLOTS_VARIABLE) or 1))
    told = -1
    with ExitStack() as stack:
        with waiting_line(row) as turn:
            while not ((before := turn.before()) < places and _take_place(stack, row, places)):
                if before != told:
                    tell(before)
                    told = before
                if cancel_asked(folder):
                    raise CancelledError("Cancelled while waiting.")
                time.sleep(0.2)
        yield


def _take_place(stack: ExitStack, row: str, places: int) -> bool:
    for number in range(places):
        lock = (workspace("jobs") / f"{row}-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        stack.enter_context(lock)
        return True
    return False


def waiting_words(before: int) -> str:
    """What a person reads while their job waits."""
    if before == 0:
        return "Waiting: next in line, until a running job ends"
    return f"Waiting: {before} {'job is' if before == 1 else 'jobs are'} before this one"


def work(folder: Path) -> JobStatus:
    """Run the job of a folder to its end, whatever that is."""
    job = json.loads((folder / "job.json").read_text())
    write_json(folder / "process.json", {"pid": os.getpid(), "started": start_time(os.getpid())})
    _, run, words = find_kind(job["kind"])
    report = Reporter(folder, words)
    unexpected = (
        f"An error inside survviz stopped this job (id {report.status.id[:8]}). "
        "Details are in its log; please report them with this id."
    )
    final = replace(report.status, state="failed", error=unexpected)
    try:
        queued = read_state(folder)

        def tell(before: int) -> None:
            write_state(folder, replace(queued, message=waiting_words(before), updated=time.time()))

        with slot(folder, "training" if job["kind"] == "training" else "slot", tell):
            report.keep(report.status)
            result = run(check_arguments(job["kind"], job["arguments"]), report)
            done = report.status.total or report.status.done
            final = replace(report.status, state="done", done=done, message="Done", result=result)
    except CancelledError:
        final = replace(report.status, state="cancelled", message="Cancelled")
    except SurvvizError as error:
        final = replace(report.status, state="failed", error=str(error))
    except Exception as error:  # whoever reads "failed" must find the traceback in the log, so it comes first
        log.exception("The job stopped at an error inside survviz.")
        final = replace(report.status, state="failed", error=disk_words(error) or unexpected)
    finally:
        report.keep(final)
    return final


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    os.nice(NICENESS)
    sys.exit(0 if work(Path(sys.argv[1])).state == "done" else 1)
