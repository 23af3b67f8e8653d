"""One group, in this process: `python -m benchmarks.harness.child GROUP OUT [--quick] [--device cuda]`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cells import GROUPS
from benchmarks.harness.cell import Group, Setting
from benchmarks.harness.machine import commit
from benchmarks.harness.memory import resident_mb
from benchmarks.harness.timing import run_block
from benchmarks.harness.yardsticks import Yardsticks


def run(group: Group, setting: Setting) -> dict[str, Any]:
    """Every block of a group."""
    import torch

    torch.set_num_threads(setting.threads)
    module, _, name = group.target.partition(":")
    function = getattr(importlib.import_module(module), name)
    arguments = [] if group.argument is None else [group.argument]
    rounds = 1 if setting.quick else group.rounds
    started, load = time.perf_counter(), os.getloadavg()[0]
    yardsticks, cells, base = Yardsticks(setting.folder), {}, resident_mb()
    for block in function(setting, *arguments):
        cells |= run_block(block, yardsticks, rounds, setting.device)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "device": setting.device,
        "threads": setting.threads,
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "seconds": round(time.perf_counter() - started, 1),
        "base_mb": round(base, 1),
        "peak_mb": round(resident_mb("VmHWM"), 1),
        "cells": cells,
    }


def main() -> None:
    """Write the group's result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("group", choices=[group.name for group in GROUPS])
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--nice", type=int, default=0)
    asked = parser.parse_args()
    if asked.nice:
        Path("/proc/self/autogroup").write_text(str(asked.nice))
    group = next(group for group in GROUPS if group.name == asked.group)
    with tempfile.TemporaryDirectory(prefix="survviz-bench-") as folder:
        found = run(group, Setting(asked.quick, asked.device, group.threads, Path(folder)))
    asked.out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
