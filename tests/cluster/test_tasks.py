"""Tasks on a Ray cluster: each ends once, whoever dies; errors in words; nothing left behind."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from survviz.cluster import Failed, Place, Processes, Ray, Task, run_tasks
from survviz.errors import CancelledError, InputError
from tests.cluster import work

pytestmark = pytest.mark.xdist_group("ray")

NUMBERS = range(6)


@pytest.fixture(params=["this process", "ray"])
def place(request: pytest.FixtureRequest) -> Place:
    return Processes(0) if request.param == "this process" else request.getfixturevalue("two_workers")


def tasks(folder: Path) -> list[Task[work.Job]]:
    return [Task(f"number {number}", work.Job(folder, number)) for number in NUMBERS]


def done(folder: Path) -> Counter[int]:
    """How often each number was doubled."""
    return Counter(map(int, (folder / "done").read_text().split()))


def has_ended(pid: int, seconds: float = 60) -> bool:
    """Wait for the end of a process that is no child of ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def test_every_task_is_done_once(two_workers: Ray, tmp_path: Path) -> None:
    found = {task.name: outcome for task, outcome in run_tasks(work.double, tasks(tmp_path), two_workers)}
    assert found == {f"number {number}": 2 * number for number in NUMBERS}
    assert done(tmp_path) == Counter(NUMBERS)


def test_errors_are_outcomes_in_words_and_stop_no_other(place: Place, tmp_path: Path) -> None:
    found = {task.argument.number: outcome for task, outcome in run_tasks(work.refuse_odd, tasks(tmp_path), place)}
    assert found == {0: 0, 1: Failed("1 is odd."), 2: 4, 3: Failed("ZeroDivisionError: 3 is odd."), 4: 8, 5: 10}


def test_task_that_always_kills_its_worker_is_named_and_the_rest_goes_on(two_workers: Ray, tmp_path: Path) -> None:
    found = {
        task.argument.number: outcome for task, outcome in run_tasks(work.die_on_three, tasks(tmp_path), two_workers)
    }
    lost = found.pop(3)
    assert isinstance(lost, Failed)
    assert lost.died
    assert "died" in lost.reason
    assert found == {number: 2 * number for number in NUMBERS if number != 3}
    assert (tmp_path / "died").read_text() == "xxx"
    assert done(tmp_path) == Counter(list(found)), "nobody else's work was done again"


def test_worker_that_is_killed_costs_one_attempt_of_its_own_task(
    two_workers: Ray, tmp_path: Path, fifo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def kill() -> None:
        os.kill(int(fifo.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with caplog.at_level(logging.WARNING, logger="survviz.cluster"):
        outcomes = list(run_tasks(work.wait_once, tasks(tmp_path), two_workers))
    killer.join()
    assert {task.argument.number: outcome for task, outcome in outcomes} == {number: 2 * number for number in NUMBERS}
    assert done(tmp_path) == Counter(NUMBERS)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["number 2"]


def test_no_more_tasks_run_at_a_time_than_asked_for(two_workers: Ray, tmp_path: Path) -> None:
    one = Ray(address=two_workers.address, workers=1)
    assert all(not isinstance(outcome, Failed) for _, outcome in run_tasks(work.alone, tasks(tmp_path), one))


def test_cancelled_run_ends_the_tasks_under_way(two_workers: Ray, tmp_path: Path, fifo: Path) -> None:
    told: list[int] = []
    listener = threading.Thread(target=lambda: told.append(int(fifo.read_text())))
    listener.start()

    def stop() -> None:
        if told:
            raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        list(run_tasks(work.wait_once, [Task("two", work.Job(tmp_path, 2))], two_workers, tick=stop))
    listener.join()
    assert has_ended(told[0]), "the worker goes on with a cancelled task"


def test_more_than_any_machine_has_is_refused(two_workers: Ray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No machine of the Ray cluster has 1 cores and 1 GPUs"):
        list(run_tasks(work.double, tasks(tmp_path), Ray(address=two_workers.address, gpus=1)))


def test_nothing_to_do_asks_for_no_cluster() -> None:
    assert list(run_tasks(work.double, [], Ray(address="192.0.2.1:1"))) == []
