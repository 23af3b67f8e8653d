"""Start, watch and stop jobs. A job outlives the page, and the server, that started it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from survviz.deployment import allow, record, settings
from survviz.errors import InputError
from survviz.jobs.kinds import check_arguments
from survviz.jobs.processes import alive, end, start_time
from survviz.jobs.state import JobStatus, cancel_asked, job_folder, new_id, read_state, write_json, write_state
from survviz.workspace import disk_words, present, workspace

logger = logging.getLogger(__name__)

GRACE_S = 20.0
KEEP_DAYS = 14


def submit(kind: str, arguments: Mapping[str, Any], *, owner: str = "") -> str:
    """Start a job in a process of its own.

    Args:
        owner: whose job it is; `list_jobs(owner)` finds it again after a reload.

    Returns:
        Its id.

    Raises:
        InputError: the arguments do not fit the kind, or the owner has as many jobs as one person may.
        UnknownNameError: there is no such kind.
        AccessError: the owner's role may not.
    """
    checked = check_arguments(kind, arguments)
    allow(owner, "train" if kind == "training" else "compute")
    _check_number(owner)
    _forget_old()
    record(owner, "trained" if kind == "training" else "computed", kind=kind)
    job_id = new_id()
    folder = workspace("jobs", job_id)
    now = time.time()
    status = JobStatus(job_id, kind, owner=owner, message="Waiting to start", created=now, updated=now)
    try:
        write_json(folder / "job.json", {"kind": kind, "arguments": checked.model_dump(mode="json")})
        write_state(folder, status)
        process = _start(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"The computation cannot start. {disk_words(error) or error}") from error
    with suppress(OSError):  # the worker writes it too
        write_json(folder / "process.json", {"pid": process.pid, "started": start_time(process.pid)})
    threading.Thread(target=process.wait, name=f"job-{job_id[:8]}", daemon=True).start()  # reaps the worker
    return job_id


def _start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "survviz.jobs.worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )


def status(job_id: str) -> JobStatus:
    """How far a job is; one whose worker has vanished is failed, or cancelled if that was asked.

    Raises:
        InputError: there is no such job.
    """
    return _status(job_folder(job_id))


def _status(folder: Path) -> JobStatus:
    current = read_state(folder)
    if current.finished or _worker_lives(folder, current):
        return current
    current = read_state(folder)  # it may have finished between the two looks
    if current.finished:
        return current
    if cancel_asked(folder):
        final = replace(current, state="cancelled", message="Cancelled", updated=time.time())
    else:
        why = (
            "The job stopped without a word: its process was ended, or the machine ran out of memory or was restarted. "
            f"Start it again; if it happens again, show the log of job {current.id[:8]} to your administrator."
        )
        final = replace(current, state="failed", error=why, updated=time.time())
    with suppress(OSError):  # on a full disk the answer is the same at every look
        write_state(folder, final)
    return final


def _worker_lives(folder: Path, current: JobStatus) -> bool:
    try:
        content = json.loads((folder / "process.json").read_text())
    except FileNotFoundError:
        return abs(time.time() - current.created) < GRACE_S  # a clock may have been set back
    if not alive(content["pid"], content["started"]):
        return False
    if cancel_asked(folder) and abs(time.time() - (folder / "cancel").stat().st_mtime) > GRACE_S:
        end(content["pid"], signal.SIGKILL)
    return True


def cancel(job_id: str) -> None:
    """Ask a job to stop; it does at its next step, and is ended by force if it does not within 20 s.

    Raises:
        InputError: there is no such job.
    """
    (job_folder(job_id) / "cancel").touch(exist_ok=True)


def list_jobs(owner: str = "", *, kind: str | None = None) -> list[JobStatus]:
    """An owner's jobs, newest first."""
    found = _all_known()
    mine = [job for job in found if job.owner == owner and kind in (None, job.kind)]
    return sorted(mine, key=lambda job: job.created, reverse=True)


def _all_known() -> list[JobStatus]:
    """Every job on disk; one whose state is damaged is left out, and hides no other one."""
    found: list[JobStatus] = []
    for state in workspace("jobs").glob("*/state.json"):
        try:
            found.append(_status(state.parent))
        except InputError as error:
            logger.warning("%s", error)
    return found


def count_states() -> Counter[tuple[str, str]]:
    """How many jobs of everybody there are, by kind and state."""
    found = _all_known()
    return Counter((job.kind, job.state) for job in found)


def owners_at_work() -> set[str]:
    """Owners of jobs that wait or run."""
    found = _all_known()
    return {job.owner for job in found if not job.finished}


def log_text(job_id: str) -> str:
    """What the worker wrote, for an administrator.

    Raises:
        InputError: there is no such job.
    """
    return (job_folder(job_id) / "log.txt").read_text(errors="replace")


def _check_number(owner: str) -> None:
    found = settings()
    most = found.limits.jobs if found else None
    if most is not None and (running := sum(not job.finished for job in list_jobs(owner))) >= most:
        raise InputError(
            f"You have {running} computations waiting or running; one person may have {most}. Wait until one is done, "
            "or cancel one."
        )


def _forget_old() -> None:
    oldest = time.time() - KEEP_DAYS * 86400
    for path, state in list(present(workspace("jobs").glob("*/state.json"))):
        if state.st_mtime < oldest and _is_over(path.parent):
            shutil.rmtree(path.parent, ignore_errors=True)  # another process may be at it


def _is_over(folder: Path) -> bool:
    try:
        return _status(folder).finished
    except InputError:  # damaged, and of no use to anybody
        return True
