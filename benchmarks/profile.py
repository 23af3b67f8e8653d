"""What takes the time of a cell: `python -m benchmarks.profile GROUP CELL [--by torch|python]` -> results/profiles/.

`torch` counts the CPU time of its operations (torch.profiler), `python` that of Python's functions (cProfile).
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import json
import pstats
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.cells import GROUPS
from benchmarks.harness import Cell, Setting

RESULTS = Path(__file__).parent / "results" / "profiles"
ROWS = 10


def find(group_name: str, cell_name: str, folder: Path) -> Cell:
    """The cell, with its data."""
    group = next(one for one in GROUPS if one.name == group_name)
    torch.set_num_threads(group.threads)
    module, _, name = group.target.partition(":")
    arguments = [] if group.argument is None else [group.argument]
    for block in getattr(importlib.import_module(module), name)(
        Setting(False, "cpu", group.threads, folder), *arguments
    ):
        for cell in block:
            if isinstance(cell, Cell) and cell.name == cell_name:
                return cell
    raise SystemExit(f"{group_name} has no cell {cell_name!r}")


def by_torch(cell: Cell) -> list[dict[str, Any]]:
    """Operations by their own CPU time."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        cell.work()
    events = found.key_averages()
    whole = sum(one.self_cpu_time_total for one in events)
    top = sorted(events, key=lambda one: -one.self_cpu_time_total)[:ROWS]
    return [
        {"name": one.key, "share": one.self_cpu_time_total / whole, "ms": one.self_cpu_time_total / 1000,
         "calls": one.count} for one in top
    ]  # fmt: skip


def by_python(cell: Cell) -> list[dict[str, Any]]:
    """Functions by their own time."""
    profile = cProfile.Profile()
    profile.runcall(cell.work)
    stats: dict[Any, Any] = pstats.Stats(profile).stats  # pyright: ignore[reportAttributeAccessIssue]
    whole = sum(own for _, _, own, _, _ in stats.values())
    top = sorted(stats.items(), key=lambda one: -one[1][2])[:ROWS]
    return [
        {"name": place(*where), "share": own / whole, "ms": 1000 * own, "calls": calls}
        for where, (_, calls, own, _, _) in top
    ]


def place(file: str, line: int, function: str) -> str:
    """Function and module, without the machine's folders."""
    if file == "~":
        return function
    path = Path(file)
    parts = path.parts
    start = max((i for i, part in enumerate(parts) if part in ("survviz", "benchmarks", "site-packages")), default=-2)
    return f"{function} ({'/'.join(parts[start:])}:{line})"


def main() -> None:
    """Measure one call after one that is not counted, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("group", choices=[group.name for group in GROUPS])
    parser.add_argument("cell")
    parser.add_argument("--by", choices=("torch", "python"), default="torch")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="survviz-bench-") as folder:
        cell = find(asked.group, asked.cell, Path(folder))
        cell.work()
        started = time.process_time()
        cell.work()
        spent = 1000 * (time.process_time() - started)
        rows = by_torch(cell) if asked.by == "torch" else by_python(cell)
    document = {
        "command": f'python -m benchmarks.profile {asked.group} "{asked.cell}" --by {asked.by}',
        "what": cell.what, "ms": spent, "by": {"torch": "torch's operations", "python": "Python's functions"}[asked.by],
        "rows": rows,
    }  # fmt: skip
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", f"{asked.group} {asked.cell}".lower()).strip("-")
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
