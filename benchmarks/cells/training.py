"""Training: packed store against one file per case, and an epoch of SurvPath with a step per case (goal 3)."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import torch

from benchmarks import training_speed as speed
from benchmarks.cells.survpath_epoch import SurvpathLoop
from benchmarks.harness import Block, Cell, Reading, Setting
from benchmarks.harness.memory import resident_mb
from benchmarks.harness.timing import Times
from benchmarks.harness.yardsticks import linear

ROUNDS = 2

WARM_UP = 1


def loops(setting: Setting) -> Iterator[Block]:
    """SurvPGC: the field's loop and ours take turns, each in a process of its own."""
    given = speed.Setting(setting.folder, 4 if setting.quick else 12, 256 if setting.quick else 4096, setting.device)
    speed.write_files(given)
    runners = {name: speed.Runner(given, name, setting.threads) for name in speed.LOOPS}
    spent: dict[str, list[speed.Spent]] = {name: [] for name in runners}
    for done in range(1 if setting.quick else ROUNDS + WARM_UP):
        for name, runner in runners.items():
            one = runner.epoch()
            if done >= (0 if setting.quick else WARM_UP):
                spent[name].append(one)
    memory = {name: runner.memory() for name, runner in runners.items()}
    for runner in runners.values():
        runner.pool.terminate()
        runner.pool.join()
    what = {"field": "batch 1, one fp32 .pt per case, standard layers, a step per case",
            "survviz": "packed store, batches of 16, bf16 where it is fast, a step per batch"}  # fmt: skip
    wall = {name: [given.n_cases / sum(one.wall.values()) for one in own] for name, own in spent.items()}
    cpu = {name: [given.n_cases / sum(one.cpu.values()) for one in own] for name, own in spent.items()}
    yield [
        *(Reading(f"cases per second, {name}", what[name], wall[name], "cases per s", "higher",
                  {"per CPU second": statistics.median(cpu[name]), **memory[name]}) for name in wall),
        Reading("ratio, survviz to field", "of cases per second, round by round",
                [a / b for a, b in zip(wall["survviz"], wall["field"], strict=True)], "times", "higher",
                {"by CPU time": statistics.median(a / b for a, b in zip(cpu["survviz"], cpu["field"], strict=True)),
                 **speed.parity(given)}),
    ]  # fmt: skip


def survpath(setting: Setting) -> Iterator[Block]:
    """Cases of 4,096 patches and 331 pathways in turn, a step of the optimiser after each, as in the official loop."""
    n_cases, n_patches = (3, 64) if setting.quick else (32, 4096)
    loop = SurvpathLoop(setting.folder, n_cases, n_patches)
    base, resident = resident_mb("RssAnon"), []
    work, _ = linear()
    work()
    yard, own = Times(), Times()
    for _ in range(1 if setting.quick else ROUNDS):
        yard.add(work, 1, "cpu")
        own.add(lambda: loop.epoch(lambda: resident.append(resident_mb("RssAnon"))), n_cases, "cpu")
    after_20 = resident[min(20, n_cases - 1)]
    relative = [a / b for a, b in zip(own.cpu, yard.cpu, strict=True)]
    yield [
        Reading("SurvPath, a step per case", f"{n_cases} cases, {n_patches:,} patches each, packed, {loop.precision}",
                [1 / one for one in own.cpu], "cases per CPU s", "higher",
                {"yardsticks per case": statistics.median(relative),
                 "CPU ms per case": 1000 * statistics.median(own.cpu),
                 "steps": len(resident), "anonymous MB at most, over the start": max(resident) - base,
                 "peak RSS in MB, with pages of the mapped file": resident_mb("VmHWM"),
                 "growth of anonymous memory after case 20, percent": 100 * (max(resident) / after_20 - 1)}),
    ]  # fmt: skip
    batch = next(loop.batches())
    yield [
        Cell("SurvPath, a case", "forward, backward and step, patches at hand", lambda: loop.case(batch)),
        Cell("SurvPath, the step alone", "the optimiser, 24.8 million parameters", loop.step),
    ]


def growth(setting: Setting) -> Iterator[Block]:
    """Cases per epoch: 8, 16, 32, 64 of 2,048 patches; the time per case should stay the same (goal 18)."""
    from benchmarks.cells.growth import straight_line

    sizes = (2, 4) if setting.quick else (8, 16, 32, 64)
    n_patches = 64 if setting.quick else 2048
    times, peaks = [], []
    for n in sizes:
        folder = setting.folder / str(n)
        folder.mkdir()
        given = speed.Setting(folder, n, n_patches, setting.device)
        speed.write_files(given)
        loop, own = speed.PackedLoop(given), Times()
        for _ in range(1 if setting.quick else 3):
            own.add(loop.epoch, 1, "cpu")
        times.append(min(own.cpu))
        peaks.append(resident_mb("RssAnon"))
        torch.set_grad_enabled(True)
    yield [straight_line("an epoch, by cases", f"SurvPGC, {n_patches:,} patches per case", sizes, times, peaks, "case")]
