"""Retention: what is too old goes on request, what a running job may use stays."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from survviz import jobs
from survviz.administration.retention import forget_person, of_person, remove, too_old
from survviz.deployment import Person, person_of_owner, remember
from survviz.deployment.audit import entries
from survviz.errors import InputError
from survviz.jobs.processes import start_time
from survviz.jobs.state import JobStatus, new_id, write_state
from survviz.server import store
from survviz.server.folders import cohort_folder, own_checkpoints, upload_folder
from survviz.workspace import workspace

DAY = 86400
Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def closed_store() -> Iterator[None]:
    yield
    store.close()


@pytest.fixture
def ann(write_settings: Write) -> str:
    write_settings("[retention]\nuploads_days = 30\ncaches_days = 10\n")
    return remember(Person("ann@clinic.org"))


def aged(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * 100)
    stamp = time.time() - days * DAY
    os.utime(path, (stamp, stamp))
    return path


def running_job(owner: str) -> None:
    """A job that this very process works on."""
    folder = workspace("jobs", new_id())
    write_state(folder, JobStatus(folder.name, "extract", "running", owner=owner))
    (folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "started": start_time(os.getpid())}))


def test_what_is_older_than_the_settings_say_goes(ann: str) -> None:
    old = aged(upload_folder(ann) / "old.csv", 31)
    part = aged(upload_folder(ann) / ".abcdefgh.part", 31)
    young = aged(upload_folder(ann) / "young.csv", 29)
    cache = aged(workspace("features") / "a.h5", 11)
    model = aged(own_checkpoints(ann) / "mine" / "config.json", 400)
    items = too_old(time.time())
    assert {item.path for item in items} == {old, part, cache}
    assert old.exists(), "nothing goes before it is asked for"
    assert remove(items) == 3
    assert not old.exists()
    assert young.exists()
    assert model.exists()
    assert [(line["who"], line["what"], line["kind"]) for line in entries()] == [
        ("command line", "deleted", "uploads"),
        ("command line", "deleted", "uploads"),
        ("command line", "deleted", "features"),
    ]


def test_a_cohort_is_as_old_as_its_newest_file(ann: str) -> None:
    aged(cohort_folder(ann) / "c1" / "cohort.toml", 90)
    aged(cohort_folder(ann) / "c1" / "clinical.csv", 5)
    assert too_old(time.time()) == []
    aged(cohort_folder(ann) / "c1" / "clinical.csv", 35)
    (item,) = too_old(time.time())
    assert (item.kind, item.path.name, item.bytes, round(item.age_days)) == ("cohorts", "c1", 200, 35)


def test_nothing_goes_that_a_running_job_may_use(ann: str) -> None:
    bob = remember(Person("bob@clinic.org"))
    mine, theirs = (aged(upload_folder(owner) / "old.csv", 31) for owner in (ann, bob))
    cache = aged(workspace("features") / "a.h5", 11)
    before = too_old(time.time())
    running_job(ann)
    assert [item.path for item in too_old(time.time())] == [theirs]
    assert remove(before) == 1, "asked again at the moment of deletion"
    assert mine.exists()
    assert cache.exists()
    assert not theirs.exists()
    with pytest.raises(InputError, match=r"A job of ann@clinic\.org is running"):
        of_person("ann@clinic.org", time.time())


def test_a_person_leaves_nothing_behind(ann: str) -> None:
    bob = remember(Person("bob@clinic.org"))
    others = aged(upload_folder(bob) / "b.csv", 1)
    for path in (upload_folder(ann) / "a.csv", own_checkpoints(ann) / "m" / "config.json"):
        aged(path, 1)
    aged(workspace("drafts") / f"{upload_folder(ann).name}.json", 1)
    folder = workspace("jobs", new_id())
    write_state(folder, JobStatus(folder.name, "extract", "done", owner=ann))
    store.put([store.Grant("token", ann, "slide", {})])
    items = of_person("Ann@clinic.org", time.time())
    assert sorted(item.kind for item in items) == ["checkpoints", "drafts", "jobs", "uploads"]
    remove(items)
    forget_person("ann@clinic.org")
    assert [path for path in workspace().rglob("*") if path.is_file() and upload_folder(ann).name in str(path)] == []
    assert jobs.list_jobs(ann) == []
    assert store.get("token", "slide", ann) is None
    assert person_of_owner(ann) is None
    assert others.exists()


def test_a_stranger_and_no_limit_are_said(write_settings: Write, ann: str) -> None:
    with pytest.raises(InputError, match=r"eve@evil\.org has never signed in here\. Who has: ann@clinic\.org"):
        of_person("eve@evil.org", time.time())
    write_settings("")
    with pytest.raises(InputError, match="No age is limited"):
        too_old(time.time())
