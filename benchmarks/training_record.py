"""What a run of `benchmarks/training_speed.py` took, and the document made of it."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.textbook_survpgc import D_PATCH

PHASES = ("load", "forward and backward", "step")


@dataclass
class Spent:
    """Seconds of one epoch, CPU and wall clock, by phase; and the most memory seen."""

    cpu: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    wall: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    loss: float = 0.0
    anonymous_mib: float = 0.0

    def time(self, phase: str, work: Callable[[], Any]) -> Any:
        """Do it and add what it took."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.cpu[phase] += time.process_time() - cpu
        self.wall[phase] += time.perf_counter() - wall
        return result


def row(spent: list[Spent], n_cases: int) -> dict[str, Any]:
    """Medians over the rounds."""
    cpu, wall = ([sum(getattr(one, kind).values()) for one in spent] for kind in ("cpu", "wall"))
    return {
        "cases per CPU second": n_cases / statistics.median(cpu),
        "cases per second": n_cases / statistics.median(wall),
        "CPU ms per case": {
            phase: 1000 * statistics.median(one.cpu[phase] for one in spent) / n_cases for phase in PHASES
        },
        "loss of the last round": spent[-1].loss,
    }


def write(
    path: Path,
    protocol: str,
    rows: dict[str, Any],
    spent: dict[str, list[Spent]],
    same: dict[str, float],
    settings: dict[str, Any],
) -> None:
    """The document, printed and, of a CPU, written; ratios are medians of each round's own.

    Args:
        protocol: what was measured; the first paragraph is left out.
        rows: what `row` gives, of each loop.
        same: how far both are apart with the same weights.
        settings: of the command line, batch and precision.
    """
    pairs = list(zip(spent["field"], spent["survviz"], strict=True))
    ratios = {
        kind: statistics.median(sum(getattr(a, kind).values()) / sum(getattr(b, kind).values()) for a, b in pairs)
        for kind in ("cpu", "wall")
    }
    moved = rows["survviz"]["cases per second"] * settings["patches"] * D_PATCH * 2 * 2 / 1e9
    document = {
        "protocol": " ".join(protocol.split("\n\n", 1)[1].split()),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "device": settings["device"],
                    "threads": settings["threads"], "load average": os.getloadavg()[0]},
        "versions": {name: version(name) for name in ("survviz", "torch", "numpy")},
        "settings": {name: settings[name] for name in ("cases", "patches", "rounds", "batch", "precision")},
        "loops": rows,
        "ratio of cases per CPU second": ratios["cpu"],
        "ratio of cases per second": ratios["wall"],
        "patch bytes read in forward and backward, GB/s": moved,
        "share of peak bandwidth": moved / settings["peak_gb"] if settings["peak_gb"] else None,
        "same weights, no dropout": same,
        "rounds": {name: [asdict(one) for one in values] for name, values in spent.items()},
    }  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    if settings["device"] == "cpu":
        path.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps({name: value for name, value in document.items() if name != "rounds"}, indent=2))
