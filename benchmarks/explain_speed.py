"""What explanations of a large case cost -> benchmarks/results/explain_speed.json:

    python -m benchmarks.explain_speed [--patches 10000] [--threads 2]

SurvPGC at its published sizes with fresh weights on noise: attention map, and integrated gradients by 32 gradients of
everything that the model reads (modality shares and every level below) and of the patches alone. The product takes as
many gradients as completeness needs: 12, 12, 20, 28 and 396 by the five models of
`demo-survpgc` on one case of the sample cohort. Wall and CPU seconds, the
median of the rounds after one that is not counted, and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

from survviz.explain.baselines import Reference
from survviz.explain.targets import risk
from survviz.explain.ways import InputWay
from survviz.models import create_model
from survviz.types import Inputs, Modality

ROUNDS = 3
STEPS = 32
RESULTS = Path(__file__).parent / "results" / "explain_speed.json"
SHAPES = {"clinical": (6, 512), "genomic": (4, 768)}


def a_case(n_patches: int) -> Inputs:
    """Noise of the published sizes."""
    generator = torch.Generator().manual_seed(0)
    return Inputs(
        patches=torch.randn(1, n_patches, 1024, generator=generator),
        patch_mask=torch.ones(1, n_patches, dtype=torch.bool),
        tokens={name: torch.randn(1, *shape, generator=generator) for name, shape in SHAPES.items()},
        present={name: torch.ones(1, dtype=torch.bool) for name in ("pathology", "clinical", "genomic")},
    )


def works(inputs: Inputs) -> dict[str, Callable[[], object]]:
    """Name -> what is measured."""
    torch.manual_seed(0)
    model = create_model("survpgc").eval()
    generator = torch.Generator().manual_seed(1)
    point = Reference(tokens={name: torch.randn(*shape, generator=generator) for name, shape in SHAPES.items()})
    shares = [(i + 0.5) / STEPS for i in range(STEPS)]

    def attention() -> object:
        with torch.inference_mode():
            return model(inputs, attention=True).attention

    def steps(start: Reference, *only: Modality) -> object:
        return InputWay(model, inputs, risk, start, only=only or None).along(shares, [1 / STEPS] * STEPS)

    return {
        "attention": attention,
        f"every input, {STEPS} gradients": lambda: steps(point),
        f"patches, {STEPS} gradients": lambda: steps(Reference(), "pathology"),
    }


def measure(work: Callable[[], object]) -> dict[str, float]:
    """Median wall and CPU seconds, and the peak memory so far."""
    work()
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"seconds": statistics.median(walls), "cpu_seconds": statistics.median(cpus), "peak_mb": peak_mb()}


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure every cell, write the JSON, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patches", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    inputs = a_case(asked.patches)
    at_start = peak_mb()
    rows = {}
    for name, work in works(inputs).items():
        rows[name] = measure(work)
        print(name, {key: round(value, 4) for key, value in rows[name].items()}, flush=True)
    document = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    document[f"{asked.patches} patches, {asked.threads} threads"] = {
        "machine": platform.machine(), "torch": version("torch"), "peak_mb_with_the_case": at_start, "cells": rows,
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
