"""The harness that `make bench` stands on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.cells import GROUPS, MODELS
from benchmarks.harness import Cell, Group, Reading, Skip
from benchmarks.harness.comparing import line, slower
from benchmarks.harness.machine import ROOT
from benchmarks.harness.results import merged, read, write
from benchmarks.harness.running import chosen, run_group
from benchmarks.harness.timing import run_block
from benchmarks.harness.yardsticks import Yardsticks
from survviz.models import list_models


def burn(n: int) -> int:
    return sum(range(n))


def test_cells_take_turns_and_are_compared_by_round(tmp_path: Path) -> None:
    calls: list[str] = []

    def work(name: str, n: int):
        return lambda: (calls.append(name), burn(n))

    block = [
        Cell(
            "fast", "few numbers", work("fast", 20_000), yardstick=None, against=("slow",), check=lambda: {"same": True}
        ),
        Cell("slow", "many numbers", work("slow", 800_000), yardstick=None, rounds=2),
    ]
    found = run_block(block, Yardsticks(tmp_path), rounds=3)
    assert calls == ["fast", "slow", "fast", "slow", "fast", "slow", "fast"]  # first calls, then rounds
    assert found["fast"]["times_as_fast_as"]["slow"] > 5
    assert found["slow"]["seconds"]["rounds"] == 2
    assert found["fast"]["facts"] == {"same": True}


def test_times_are_per_item(tmp_path: Path) -> None:
    found = run_block([Cell("ten", "ten at once", lambda: burn(500_000), items=10, yardstick=None),
                       Cell("one", "one", lambda: burn(500_000), yardstick=None, against=("ten",))],
                      Yardsticks(tmp_path), rounds=5)  # fmt: skip
    assert found["one"]["times_as_fast_as"]["ten"] == pytest.approx(0.1, rel=0.9)


def test_memory_that_is_freed_within_a_call_counts(tmp_path: Path) -> None:
    block = [Cell("large", "100 MB, at once freed", lambda: bytearray(100_000_000) and None, yardstick=None)]
    assert run_block(block, Yardsticks(tmp_path), rounds=1)["large"]["peak_mb"] == pytest.approx(100, abs=5)


def test_a_cell_cannot_be_compared_with_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its block does not have"):
        run_block([Cell("a", "", lambda: None, yardstick=None, against=("b",))], Yardsticks(tmp_path), rounds=1)


def test_only_what_is_slower_by_both_clocks_is_slower() -> None:
    old = {"kind": "cell", "unit": "s", "yardstick": "linear", "yardsticks": 2.0, "yardsticks_cpu": 2.0}
    assert slower(old | {"yardsticks": 4.0}, old) == 1.0
    assert slower(old | {"yardsticks": 4.0, "yardsticks_cpu": 3.0}, old) == 1.5
    assert slower(old, None) is None


def test_a_reading_knows_which_way_is_better(tmp_path: Path) -> None:
    def rate(value: float) -> dict:
        block = [Reading("rate", "cases", [value], "per s", "higher"), Skip("other", "no GPU")]
        return run_block(block, Yardsticks(tmp_path), rounds=1)

    assert slower(rate(5.0)["rate"], rate(10.0)["rate"]) == 2.0
    assert slower(rate(5.0)["other"], rate(10.0)["other"]) is None
    assert "no GPU" in line("other", rate(5.0)["other"], None)


def test_a_part_that_ran_replaces_its_own_results_only(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    write(merged({"groups": {"a/x": {"cells": 1}, "gone": {}}}, {"a/y": {"cells": 2}}, ["a/x", "a/y"], "cpu"), path)
    assert list(read(path)["groups"]) == ["a/x", "a/y"]
    document = merged(read(path), {"a/x": {"error": "broken", "cells": {}}}, ["a/x", "a/y"], "cpu")
    assert document["groups"]["a/x"] == {"cells": 1}
    assert document["machine"]["cores"] >= 1


def test_groups_are_chosen_by_the_beginning_of_their_names() -> None:
    groups = [Group("a/x", ""), Group("a/y", "", devices=("cpu", "cuda")), Group("b", "", quick=False)]
    assert [one.name for one in chosen(groups, ["a/"], "cpu", False)] == ["a/x", "a/y"]
    assert [one.name for one in chosen(groups, [], "cuda", False)] == ["a/y"]
    assert [one.name for one in chosen(groups, [], "cpu", True)] == ["a/x", "a/y"]
    with pytest.raises(SystemExit, match="no group begins with 'c'"):
        chosen(groups, ["c"], "cpu", False)


def test_every_group_has_a_name_of_its_own() -> None:
    names = [group.name for group in GROUPS]
    assert len(set(names)) == len(names)


def test_a_group_runs_in_a_process_of_its_own() -> None:
    found = run_group(next(group for group in GROUPS if group.name == "machine/limits"), "cpu", quick=True)
    assert found["cells"]["JPEG tile"]["seconds"]["rounds"] == 1
    assert found["cells"]["OpenSlide patch"]["yardsticks"] > 1


def test_every_registered_model_is_measured() -> None:
    assert set(MODELS) == set(list_models())


@pytest.mark.slow
@pytest.mark.parametrize(
    "group", [one for one in GROUPS if one.quick and "cpu" in one.devices], ids=lambda one: one.name
)
def test_a_group_runs_on_its_smallest_sizes(group: Group) -> None:
    found = run_group(group, "cpu", quick=True)
    assert "error" not in found
    assert found["cells"]


def test_a_gpu_is_refused_where_there_is_none() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    command = [sys.executable, "-m", "benchmarks", "--device", "cuda"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert shown.returncode == 1
    assert "PyTorch finds no GPU here, so nothing was measured" in shown.stderr
