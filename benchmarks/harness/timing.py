"""Rounds of a block: yardstick and cell in turns, ratios by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.cell import Block, Cell, Fact, Reading
from benchmarks.harness.memory import peak_over_base
from benchmarks.harness.yardsticks import Yardsticks

CELL_SECONDS = 3.0
"""A cell has as many rounds as fit, one at least."""


@dataclass(slots=True)
class Times:
    """Seconds per item, one value per round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, work: Callable[[], object], items: int, device: str) -> None:
        """One more round."""
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        wait_for(device)
        self.wall.append((time.perf_counter() - wall) / items)
        self.cpu.append((time.process_time() - cpu) / items)


def wait_for(device: str) -> None:
    """Until the device has done what it was given."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def quartiles(values: Sequence[float]) -> dict[str, Any]:
    """Median, quartiles, number."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": statistics.median(values), "low": low, "high": high, "rounds": len(values)}


def run_block(block: Block, yardsticks: Yardsticks, rounds: int, device: str = "cpu") -> dict[str, dict[str, Any]]:
    """Name -> result, of everything in a block."""
    cells = [one for one in block if isinstance(one, Cell)]
    names = {cell.name for cell in cells}
    for cell in cells:
        if missing := set(cell.against) - names:
            raise ValueError(f"{cell.name} is compared with {sorted(missing)}, which its block does not have")
    works = {cell.yardstick: yardsticks.get(cell.yardstick) for cell in cells if cell.yardstick}
    peaks: dict[str, float] = {}
    own = {cell.name: Times() for cell in cells}
    yard = {cell.name: Times() for cell in cells}
    left: dict[str, int] = {}
    for cell in cells:
        first, before = Times(), Times()
        if cell.yardstick:
            before.add(*works[cell.yardstick], "cpu")
        peaks[cell.name] = peak(lambda cell=cell, first=first: first.add(cell.work, cell.items, device), device)
        spent = first.wall[0] * cell.items
        left[cell.name] = min(cell.rounds or rounds, max(1, int(CELL_SECONDS / max(spent, 1e-9))))
        if spent > CELL_SECONDS:  # too slow to be done again: the first call counts
            own[cell.name], yard[cell.name], left[cell.name] = first, before, 0
    for done in range(rounds):
        for cell in cells:
            if done >= left[cell.name]:
                continue
            if cell.yardstick:
                yard[cell.name].add(*works[cell.yardstick], "cpu")
            own[cell.name].add(cell.work, cell.items, device)
    found: dict[str, dict[str, Any]] = {}
    for one in block:
        if isinstance(one, Cell):
            facts = dict(one.check()) if one.check else {}
            found[one.name] = row(one, own, yard[one.name], peaks[one.name], facts)
        else:
            found[one.name] = reading(one) if isinstance(one, Reading) else {"kind": "skip", "why": one.why}
    return found


def peak(work: Callable[[], object], device: str) -> float:
    """MB of a call: of the process, or of the GPU."""
    if device != "cuda":
        return peak_over_base(work)
    import torch

    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """Median of the rounds' own ratios."""
    return statistics.median(a / b for a, b in zip(one, other, strict=False))


def row(cell: Cell, own: Mapping[str, Times], yard: Times, peak_mb: float, facts: Mapping[str, Fact]) -> dict[str, Any]:
    """What stands in the results of a timed cell; seconds are per item."""
    mine = own[cell.name]
    return {
        "kind": "cell",
        "what": cell.what,
        "unit": f"s per {cell.unit}",
        "items": cell.items,
        "seconds": quartiles(mine.wall),
        "cpu_seconds": quartiles(mine.cpu),
        "yardstick": cell.yardstick,
        "yardsticks": ratio(mine.wall, yard.wall) if cell.yardstick else None,
        "yardsticks_cpu": ratio(mine.cpu, yard.cpu) if cell.yardstick else None,
        "yardstick_seconds": statistics.median(yard.wall) if cell.yardstick else None,
        "times_as_fast_as": {name: ratio(own[name].wall, mine.wall) for name in cell.against},
        "times_as_fast_as_cpu": {name: ratio(own[name].cpu, mine.cpu) for name in cell.against},
        "peak_mb": round(peak_mb, 1),
        "facts": dict(facts),
    }


def reading(one: Reading) -> dict[str, Any]:
    """What stands in the results of a number with ways of its own."""
    return {
        "kind": "reading",
        "what": one.what,
        "unit": one.unit,
        "better": one.better,
        "value": quartiles(list(one.values)),
        "facts": dict(one.facts),
    }
