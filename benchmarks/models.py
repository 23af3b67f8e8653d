"""Every model of the registry on the bundled cohort: `python -m benchmarks.models` -> benchmarks/results/models.json.

Equal for all and untuned: it shows that each learns what its modalities allow and what it costs, not which is
best. Times are CPU milliseconds of one process with one torch thread. docs/models.md is written anew at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import runpy
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from survviz.data.cohort import load_cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.models import Model, create_model, list_models, model_config
from survviz.models.describe import n_parameters
from survviz.training import TrainConfig, cross_validate
from survviz.training.batches import Batch
from survviz.training.fold import model_settings
from survviz.training.objective import Labels, objective
from survviz.types import Modality

ROOT = Path(__file__).resolve().parents[1]
COHORT = ROOT / "sample_data"
RESULTS = Path(__file__).parent / "results" / "models.json"
SETTINGS: dict[str, Any] = {"n_folds": 5, "epochs": 40, "max_patches": 256, "risk_set": 16, "seed": 0}
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
    "Bundled sample cohort (synthetic, seed 7; {cases} cases without the hold-out), {n_folds}-fold cross-validation, "
    "epoch chosen on an inner validation part, {epochs} epochs, at most {max_patches} patches per case in training, "
    "Cox losses over {risk_set} cases, every other setting at its default, widths as published but for {smaller}. "
    "Pooled out-of-fold C-index with a bootstrap "
    "interval over cases. Time: CPU of one thread, batch of 16 cases (all patches), median of 3. "
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


def times(config: TrainConfig, modalities: tuple[Modality, ...]) -> tuple[int, float, float]:
    """Parameters as trained, and CPU milliseconds per case of a training step and of scoring."""
    cohort = load_cohort(COHORT)
    preprocess = Preprocess.fit(
        cohort,
        [case for case in cohort.case_ids if case not in cohort.holdout],
        PreprocessConfig(modalities=modalities),
    )
    model: Model = create_model(config.model, **model_settings(config, preprocess))
    ids = list(cohort.case_ids[:TIMED_CASES])
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

    return n_parameters(model), cpu_ms(step), cpu_ms(score)


def measure(name: str) -> dict[str, Any]:
    """One row of the table."""
    torch.set_num_threads(1)
    modalities = modalities_of(name)
    config = TrainConfig(model=name, modalities=modalities, model_settings=SMALLER.get(name, {}), **SETTINGS)
    report = cross_validate(load_cohort(COHORT), config)
    metrics = report.reference.metrics
    parameters, ms_train, ms_score = times(config, modalities)
    return {
        "name": name,
        "modalities": modalities,
        "c_index": metrics.c_index,
        "low": metrics.low,
        "high": metrics.high,
        "n_cases": report.reference.n_cases,
        "parameters": parameters,
        "ms_train": ms_train,
        "ms_score": ms_score,
        "seconds": report.seconds,
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
            print(
                f"{row['name']}: C {row['c_index']:.3f}, {row['parameters']:,} parameters, {row['seconds']:.0f} s",
                flush=True,
            )
            write(list(rows.values()))
    runpy.run_path(str(ROOT / "docs" / "make_models.py"), run_name="__main__")


def write(rows: list[dict[str, Any]]) -> None:
    """The results with their protocol."""
    smaller = "; ".join(
        f"{name} ({', '.join(f'{k} {v}' for k, v in sizes.items())})" for name, sizes in SMALLER.items()
    )
    protocol = PROTOCOL.format(
        smaller=smaller, cases=max(row["n_cases"] for row in rows), survviz=version("survviz"), torch=version("torch"),
        machine=platform.machine(), **SETTINGS,
    )  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    document = {"protocol": protocol, "settings": SETTINGS, "models": sorted(rows, key=lambda row: row["name"])}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
