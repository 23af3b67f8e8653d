"""What testing a map against chance costs: `python -m benchmarks.faithfulness_speed [--patches 10000] [--threads 2]`.

SurvPGC at its published sizes with fresh weights on noise. Wall and CPU seconds of one round, and the peak memory; the
orders of chance are those that the app tries for so many patches.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from survviz.explain.faithfulness import STEPS, faithfulness, n_orders
from survviz.models import create_model
from survviz.models.inputs import random_inputs

RESULTS = Path(__file__).parent / "results" / "faithfulness_speed.json"


def main() -> None:
    """Measure, add to the JSON, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patches", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    model = create_model("survpgc", programmes=None).eval().requires_grad_(False)
    inputs = random_inputs(model.config.reads, (asked.patches,))
    scores = np.random.default_rng(0).random(asked.patches)
    faithfulness([(model, inputs)], scores, signed=False, n_chance=1)  # not counted
    n_sets = len(STEPS) * 2 * (2 + 2 * n_orders(asked.patches))
    wall, cpu = time.perf_counter(), time.process_time()
    found = faithfulness([(model, inputs)], scores, signed=False)
    row = {
        "forwards": n_sets,
        "forwards_of_a_whole_case": round(n_sets / 2 * (1 + float(found.shares.mean()))),
        "smallest_p": found.smallest_p,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(row)
    document = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    document[f"{asked.patches} patches, {asked.threads} threads"] = {
        "machine": platform.machine(), "torch": version("torch"), **row,
    }  # fmt: skip
    RESULTS.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
