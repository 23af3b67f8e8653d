"""The power goes out in the middle of a benchmark: started again, it ends in the same table and makes nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.conftest import SUITE, write_suite

ROOT = Path(__file__).parents[2]
PATIENCE = 1200
"""Tenths of a second."""


def command(suite: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "survviz.cli", "benchmark", str(suite), "--out", str(out), "--workers", "2", "--json"]


def table(printed: str) -> dict[str, Any]:
    """What was printed, without what belongs to the run: times and places."""
    document = json.loads(printed)
    for cohort in document["cohorts"]:
        for row in cohort["rows"]:
            row.pop("seconds")
    return {name: value for name, value in document.items() if name not in ("written", "cells")}


def finished(out: Path) -> dict[str, int]:
    """Cells that are complete, and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "cells").glob("*.json")}


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", maxsplit=1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.slow
def test_a_killed_benchmark_goes_on_where_it_was(tmp_path: Path) -> None:
    one_model = SUITE.replace('settings = {{ loss = "cox" }}', "settings = {{ epochs = 2 }}").replace(
        "n_folds = 2", "n_folds = 5"
    )
    suite = write_suite(tmp_path, one_model)
    undisturbed = subprocess.run(command(suite, tmp_path / "a"), capture_output=True, text=True, cwd=ROOT, check=True)
    out, pause = tmp_path / "b", threading.Event()
    with subprocess.Popen(command(suite, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as first:
        for _ in range(PATIENCE):
            if len(finished(out)) >= 3:
                break
            assert first.poll() is None
            pause.wait(0.1)
        workers = children(first.pid)
        os.kill(first.pid, signal.SIGKILL)
    for _ in range(PATIENCE):
        if not any(alive(worker) for worker in workers):
            break
        pause.wait(0.1)
    assert not any(alive(worker) for worker in workers), "workers outlived their killed parent"
    before = finished(out)
    assert 3 <= len(before) < len(finished(tmp_path / "a"))
    assert not (out / "leaderboard.json").exists()

    second = subprocess.run(command(suite, out), capture_output=True, text=True, cwd=ROOT, check=True)

    assert table(second.stdout) == table(undisturbed.stdout)
    after = finished(out)
    assert after.keys() == finished(tmp_path / "a").keys()
    assert {name: after[name] for name in before} == before, "a finished cell was made again"
    assert json.loads(second.stdout)["cells"] == {"made": len(after) - len(before), "cached": len(before)}
