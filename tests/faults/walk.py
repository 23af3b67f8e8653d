"""Walk through the stages of a scenario: kill, look, go on, compare. `python -m tests.faults.walk KIND OUT [MOST]`.

Each run is a fork of a process that has imported everything and done nothing, so that a run costs what the work costs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from tests.faults.dying import Watch
from tests.faults.scenarios import SCENARIOS, Scenario, files_of, is_temporary

KILLED = 9


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace and a folder for results of their own."""

    home: Path
    out: Path

    @classmethod
    def make(cls, base: Path, name: str) -> Place:
        place = cls(base / name / "home", base / name / "out")
        place.home.mkdir(parents=True)
        place.out.mkdir()
        return place


def fork(place: Place, action: Callable[[], Any]) -> tuple[int, Any]:
    """Do something in a process of its own; returns its signal or exit status, and its answer."""
    answer = place.home.parent / "answer.json"
    answer.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.environ["SURVVIZ_HOME"] = str(place.home)
            log = os.open(place.home.parent / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            answer.write_text(json.dumps(action()))
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), json.loads(answer.read_text()) if answer.exists() else None


def stages_of(scenario: Scenario, given: Any, place: Place) -> tuple[list[tuple[str, int]], Any]:
    """Every stage, at the first and at the last time that it is met; and what the run answers."""
    trace = place.home.parent / "stages.txt"

    def run() -> Any:
        with trace.open("a") as file:
            Watch([place.home, place.out], lambda name: print(name, file=file, flush=True))
            return scenario.run(given, place.out)

    code, answer = fork(place, run)
    assert code == 0, (place.home.parent / "log.txt").read_text()[-4000:]
    assert answer["state"] == "done", answer
    counts = Counter(trace.read_text().splitlines())
    return [(name, nth) for name, most in counts.items() for nth in sorted({1, most})], answer


def digests(scenario: Scenario, place: Place) -> dict[str, str]:
    """Name -> hash of what is compared; the folders of this run do not count."""
    found = {}
    for name, path in files_of(scenario, place.home, place.out):
        data = path.read_bytes().replace(str(place.home).encode(), b"HOME").replace(str(place.out).encode(), b"OUT")
        found[name] = hashlib.sha256(data).hexdigest()
    return found


def look(job: str | None) -> Any:
    """What a person is told of the job that was killed."""
    if job is None:
        return {"state": "ended", "words": "the shell says that the command was killed"}
    from survviz import jobs

    found = jobs.list_jobs()
    if not found:
        return {"state": "none", "words": "not there yet"}
    return {"state": found[0].state, "words": found[0].error or found[0].message}


def names(place: Place) -> dict[str, int]:
    """File -> inode of everything whole that is there."""
    return {
        str(path): path.stat().st_ino
        for root in (place.home, place.out)
        for path in root.rglob("*")
        if path.is_file() and not is_temporary(path) and "jobs" not in path.relative_to(root).parts
    }


def try_stage(
    scenario: Scenario, given: Any, base: Path, stage: tuple[str, int], same_as: dict[str, str]
) -> dict[str, Any]:
    """Kill at one stage, look, and do it again in the same place."""
    place = Place.make(base, f"at-{hashlib.sha256(repr(stage).encode()).hexdigest()[:12]}")

    def die() -> Any:
        Watch([place.home, place.out], lambda name: None, stage)
        return scenario.run(given, place.out)

    code, _ = fork(place, die)
    _, seen = fork(place, lambda: look(scenario.job))
    before = names(place)
    again_code, again = fork(place, lambda: scenario.run(given, place.out))
    after, found = names(place), digests(scenario, place)
    left = [
        path for root in (place.home, place.out) for path in root.rglob("*") if path.is_file() and is_temporary(path)
    ]
    row = {
        "stage": stage[0],
        "time": stage[1],
        "killed": code == -KILLED,
        "told": seen,
        "again": again if again_code == 0 else {"state": "crashed", "error": tail(place)},
        "same": {name: found.get(name) for name in same_as} == same_as,
        "differs": sorted(name for name in same_as if found.get(name) != same_as[name]),
        "extra": sorted(found.keys() - same_as.keys()),
        "kept": sum(after.get(name) == inode for name, inode in before.items()),
        "was_there": len(before),
        "left_behind": len([path for path in left if path.name not in (".lock", "lock", "process.json")]),
    }
    shutil.rmtree(place.home.parent)
    return row


def tail(place: Place) -> str:
    return (place.home.parent / "log.txt").read_text()[-600:]


def walk(kind: str, base: Path, most: int | None = None, keep: Path | None = None) -> dict[str, Any]:
    """Every stage of a scenario.

    Args:
        most: only so many stages, spread over all.
        keep: file that is written anew after each stage.
    """
    scenario = SCENARIOS[kind]
    inputs = base / "inputs"
    inputs.mkdir()
    start = time.monotonic()
    maker = Place.make(base, "maker")
    code, _ = fork(maker, lambda: json.dumps(scenario.prepare(inputs), default=str))
    assert code == 0, tail(maker)
    given = json.loads(json.loads((maker.home.parent / "answer.json").read_text()))
    given = Path(given) if isinstance(given, str) else given
    first, second = Place.make(base, "first"), Place.make(base, "second")
    stages, _ = stages_of(scenario, given, first)
    stages_of(scenario, given, second)
    one, two = digests(scenario, first), digests(scenario, second)
    stable = {name: one[name] for name in one if one[name] == two.get(name)}
    chosen = stages if most is None else stages[:: max(1, len(stages) // most)]
    found: dict[str, Any] = {
        "kind": kind, "stages": len(stages), "tried": 0, "compared": len(stable),
        "volatile": sorted(one.keys() - stable.keys()), "seconds": 0, "rows": [],
    }  # fmt: skip
    for name, nth in chosen:
        row = try_stage(scenario, given, base, (name, nth), stable)
        while not row["killed"] and row["time"] > 1:  # progress is told by the clock, and this run told less of it
            row = try_stage(scenario, given, base, (name, row["time"] // 2), stable)
        found["rows"].append(row)
        found["tried"], found["seconds"] = len(found["rows"]), round(time.monotonic() - start)
        if keep is not None:
            keep.write_text(json.dumps(found, indent=1) + "\n")
    return found


def import_everything() -> None:
    """Before the first fork: what costs seconds once."""
    import survviz.administration.backup
    import survviz.cli.app
    import survviz.jobs.worker
    import survviz.pipeline.predictor
    import survviz.training
    import survviz.wsi.extract  # noqa: F401


if __name__ == "__main__":
    import_everything()
    with tempfile.TemporaryDirectory() as folder:
        found = walk(sys.argv[1], Path(folder), int(sys.argv[3]) if len(sys.argv) > 3 else None, Path(sys.argv[2]))
    bad = [row for row in found["rows"] if not row["killed"] or row["again"]["state"] != "done" or not row["same"]]
    sys.stdout.write(
        f"{found['kind']}: {found['tried']} of {found['stages']} stages, {len(bad)} bad, {found['seconds']} s\n"
    )
    for row in bad:
        sys.stdout.write(json.dumps(row) + "\n")
    sys.exit(1 if bad else 0)
