"""What every model of the registry costs: `python -m benchmarks.models` -> benchmarks/results/models.json.

Times are CPU milliseconds of one process with one torch thread, on cases of the bundled cohort. What each model learns
there is measured by `survviz benchmark benchmarks/suites/sample.toml`. docs/models.md is written anew at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from survviz.data.cohort import load_cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.models import create_model, list_models, model_config
from survviz.models.describe import n_parameters
from survviz.training import TrainConfig
from survviz.training.batches import Batch
from survviz.training.fold import model_settings
from survviz.training.objective import Labels, objective
from survviz.types import Modality

ROOT = Path(__file__).resolve().parents[1]
COHORT = ROOT / "sample_data"
RESULTS = Path(__file__).parent / "results" / "models.json"
SMALLER: dict[str, dict[str, Any]] = {
    "cmta": {"d_embed": 64, "landmarks": 16},
    "transmil": {"d_embed": 256, "landmarks": 32},
}
"""Where published sizes would take hours here: Nystrom's landmarks are inverted per case and head."""
TIMED_CASES = 16
ROUNDS = 3
ABSENT = ("cnv",)
"""Modalities that the bundled cohort does not have; a model reads the rest of its own."""
PROTOCOL = (
    "Widths as published but for {smaller}. CPU milliseconds per case, one thread, in a batch of {cases} cases of the "
    "bundled cohort with all their patches ({patches:.0f} on average); median of {rounds}. "
    "`.venv/bin/python -m benchmarks.models`, survviz {survviz}, torch {torch}, {machine}."
)


def modalities_of(name: str) -> tuple[Modality, ...]:
    """What a model reads of this cohort."""
    taken: tuple[Modality, ...] = model_config(name).model_fields["modalities"].default
    return tuple(one for one in taken if one not in ABSENT)


def cpu_ms(work: Callable[[], object]) -> float:
    """Median CPU milliseconds per timed case."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return 1000 * statistics.median(seconds) / TIMED_CASES


def measure(name: str) -> dict[str, Any]:
    """One row of the table: parameters as trained, and CPU milliseconds per case of a training step and of scoring."""
    torch.set_num_threads(1)
    modalities = modalities_of(name)
    config = TrainConfig(model=name, modalities=modalities, model_settings=SMALLER.get(name, {}))
    cohort = load_cohort(COHORT)
    training = [case for case in cohort.case_ids if case not in cohort.holdout]
    preprocess = Preprocess.fit(cohort, training, PreprocessConfig(modalities=modalities))
    model = create_model(name, **model_settings(config, preprocess))
    ids = training[:TIMED_CASES]
    inputs = preprocess.collate([preprocess.transform(cohort.case(case)) for case in ids])
    time_months = torch.as_tensor(cohort.time.loc[ids].to_numpy(dtype=float))
    bins = torch.as_tensor(preprocess.bins.labels(time_months.numpy()), dtype=torch.int64)
    event = torch.as_tensor(cohort.event.loc[ids].to_numpy(dtype=bool))
    labels = Labels.of([Batch(inputs, bins, event, time_months)], torch.device("cpu"))

    def step() -> None:
        objective(model.train(), [model(inputs)], labels, config).backward()

    def score() -> None:
        with torch.inference_mode():
            model.eval()(inputs)

    return {
        "name": name,
        "modalities": modalities,
        "parameters": n_parameters(model),
        "patches": float(inputs.patch_mask.sum() / len(ids)) if "pathology" in modalities else None,
        "ms_train": cpu_ms(step),
        "ms_score": cpu_ms(score),
    }


def main() -> None:
    """Measure, write the JSON after every model, print the rows, write docs/models.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list_models(), help="measure these again, keep the other rows")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text())["models"] if options.only else []
    names = options.only or list_models()
    rows = {row["name"]: row for row in kept if row["name"] not in names}
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(measure, name) for name in names]):
            row = done.result()
            rows[row["name"]] = row
            print(f"{row['name']}: {row['parameters']:,} parameters, {row['ms_train']:.1f} ms per case", flush=True)
            write(list(rows.values()))
    subprocess.run([sys.executable, str(ROOT / "docs" / "make_models.py")], check=True)


def write(rows: list[dict[str, Any]]) -> None:
    """The results with their protocol."""
    smaller = "; ".join(
        f"{name} ({', '.join(f'{k} {v}' for k, v in sizes.items())})" for name, sizes in SMALLER.items()
    )
    patches = statistics.mean(row["patches"] for row in rows if row["patches"])
    protocol = PROTOCOL.format(
        smaller=smaller, cases=TIMED_CASES, patches=patches, rounds=ROUNDS, survviz=version("survviz"),
        torch=version("torch"), machine=platform.machine(),
    )  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    document = {"protocol": protocol, "models": sorted(rows, key=lambda row: row["name"])}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
