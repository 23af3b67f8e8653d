"""What maps cost: `.venv/bin/python -m benchmarks.map_speed` (one thread; `--quick` for the sample case alone).

Two situations: the largest slide of the sample cohort under the five models of `checkpoints/demo-survpgc`, and noise of
1,024 features per patch under one SurvPGC of its published size. Seconds of CPU, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from survviz.data.cohort import load_cohort
from survviz.explain.attention import attention_maps
from survviz.explain.gradients import patch_contributions
from survviz.explain.perturbation import group_patches, risk_without
from survviz.models import Model, create_model
from survviz.models.inputs import random_inputs
from survviz.pipeline import Predictor
from survviz.types import Bag, MapKind
from survviz.units import Mpp

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "map_speed.json"
KINDS: tuple[MapKind, ...] = ("attention", "contribution", "perturbation")
SIZES = (4096, 10_000)


def bag_of(n: int) -> Bag:
    """Patches in rows of 100, without features."""
    y, x = np.divmod(np.arange(n), 100)
    coords = np.stack([x, y], axis=1).astype(np.int64) * 256
    return Bag("noise", np.zeros((n, 0), np.float32), coords, 256, Mpp(0.5), "noise")


def published() -> Model:
    """SurvPGC as published, with fresh weights."""
    torch.manual_seed(0)
    return create_model("survpgc", programmes=None).eval()


def of_noise(kind: MapKind, n: int) -> str:
    """One kind of map of one model; returns what was done."""
    model = published()
    inputs = random_inputs(model.config.reads, (n,))
    if kind == "contribution":
        found = patch_contributions(model, inputs)
        return f"{found.n_gradients} gradients, completeness gap {100 * found.gap:.2g} %"
    if kind == "perturbation":
        groups = group_patches([bag_of(n)])
        risk_without(model, inputs, groups)
        return f"{len(groups)} groups, squares of {groups.side} x {groups.side}"
    with torch.inference_mode():
        attention = model(inputs, attention=True).attention or {}
    for direction, raw in attention.items():
        group = next(name for name in direction if name != "pathology")
        attention_maps([raw], model.token_names[group], [bag_of(n)])
    return f"{len(attention)} directions, every token"


def of_sample(kind: MapKind) -> str:
    """One kind of map of the largest sample slide, all five models."""
    predictor = Predictor.load(ROOT / "checkpoints" / "demo-survpgc", device="cpu")
    cohort = load_cohort(ROOT / "sample_data")
    case = max((cohort.case(name) for name in cohort.holdout), key=lambda case: sum(map(len, case.bags)))
    predictor.predict(case, allow_unlike=True)
    return measured(lambda: f"{len(predictor.explain_kind(case, kind=kind))} tokens, {len(case.bags[0])} patches")


def measured(work: Callable[[], str]) -> str:
    """Seconds and peak memory as one line of JSON."""
    wall, cpu = time.perf_counter(), time.process_time()
    what = work()
    numbers: Mapping[str, float] = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    return json.dumps({"what": what} | {name: round(value, 2) for name, value in numbers.items()})


def main() -> None:
    """Every measurement in a process of its own, so that peaks do not mix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the sample case alone")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "PATCHES"), help="one measurement; 0 patches = the sample")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.one:
        kind, n = chosen.one[0], int(chosen.one[1])
        sys.stdout.write((measured(lambda: of_noise(kind, n)) if n else of_sample(kind)) + "\n")
        return
    rows = []
    for n in (0,) if chosen.quick else (0, *SIZES):
        for kind in KINDS:
            command = [sys.executable, "-m", "benchmarks.map_speed", "--one", kind, str(n)]
            shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
            rows.append({"case": f"noise, {n}" if n else "sample", "kind": kind, **json.loads(shown.stdout)})
            sys.stdout.write(f"{rows[-1]}\n")
    if not chosen.quick:
        RESULT.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
