"""Jobs as a browser follows them: found again by what they compute, and only by their owner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from survviz import jobs
from survviz.errors import InputError
from survviz.jobs.state import JobStatus, new_id, write_state
from survviz.server.auth import new_owner
from survviz.server.computations import cancel_job, jobs_about, register_job
from survviz.workspace import workspace

ClientOf = Callable[[str | None], TestClient]
ABOUT = {"case": "sample:A", "kind": "contribution"}


def job_on_disk(state: str, **more: object) -> str:
    """A job as its worker would have left it."""
    job = new_id()
    write_state(workspace("jobs", job), JobStatus(job, "maps", state=state, created=1.0, **more))  # type: ignore[arg-type]
    return job


def test_progress_of_a_job_is_told_to_its_owner_only(owner: str, client_of: ClientOf) -> None:
    token = register_job(owner, job_on_disk("done", done=5, total=5, message="Done", result={"path": "/x"}), ABOUT)
    answer = client_of(owner).get(f"/sv/job/{token}.json")
    assert answer.json() == {"state": "done", "done": 5, "total": 5, "message": "Done", "error": ""}
    assert answer.headers["cache-control"] == "no-store"
    for other in (new_owner(), None):
        assert client_of(other).get(f"/sv/job/{token}.json").status_code == 404


def test_jobs_are_found_again_by_what_they_compute(owner: str) -> None:
    first = register_job(owner, job_on_disk("failed", error="No memory"), ABOUT)
    register_job(owner, job_on_disk("done"), {**ABOUT, "case": "sample:B"})
    register_job(new_owner(), job_on_disk("done"), ABOUT)
    ((grant, now),) = jobs_about(owner, ABOUT)
    assert (grant.token, now.error) == (first, "No memory")


def test_job_that_was_removed_from_disk_is_forgotten(owner: str, survviz_home: Path) -> None:
    job = job_on_disk("done")
    token = register_job(owner, job, ABOUT)
    (survviz_home / "jobs" / job / "state.json").unlink()
    assert jobs_about(owner, ABOUT) == []
    with pytest.raises(InputError, match="No job"):
        cancel_job(owner, token)


def test_only_the_owner_can_stop_a_job(owner: str) -> None:
    job = job_on_disk("running")
    token = register_job(owner, job, ABOUT)
    with pytest.raises(InputError, match="not known for this browser"):
        cancel_job(new_owner(), token)
    cancel_job(owner, token)
    assert (workspace("jobs", job) / "cancel").exists()
    assert jobs.status(job).id == job
