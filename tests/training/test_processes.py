"""Two processes train as one: the same loss in every epoch, the same weights, whatever the loss compares."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from survviz.checkpoint.layout import RUN_LOG, WEIGHTS
from survviz.data.cohort import Cohort
from survviz.training.processes import World

ABMIL = {"model": "abmil", "model_settings.d_embed": 16, "model_settings.d_attention": 8, "model_settings.dropout": 0}
SURVPGC = {
    "model_settings.d_embed": 16,
    "model_settings.d_attention": 8,
    "model_settings.d_programme": 4,
    "model_settings.d_head": 8,
    "model_settings.dropout": 0,
    "model_settings.programme_dropout": 0,
}
CASES: dict[str, dict[str, Any]] = {
    "likelihood, 7 cases per batch": {**ABMIL, "batch_size": 7},
    "likelihood, last batch of one case": {**ABMIL, "batch_size": 3, "accumulate": 2},
    "cox over 8 cases": {**ABMIL, "model_settings.output": "log-hazard", "risk_set": 8, "batch_size": 5},
    "cosine term, hidden modalities, L1": {**SURVPGC, "beta": 0.3, "l1": 1e-4, "batch_size": 9},
}


def train(cohort: Cohort, out: Path, settings: dict[str, Any], processes: int) -> list[dict[str, Any]]:
    """The run's log."""
    values = {"preprocess.programmes": str(cohort.folder / "sets.gmt"), "n_folds": 2, "n_bins": 3, "epochs": 3}
    options = [
        text for item in {**values, **settings}.items() for text in ("--set", f"{item[0]}={json.dumps(item[1])}")
    ]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    start = [sys.executable, *(torchrun if processes > 1 else []), "-m", "survviz.cli", "train"]
    done = subprocess.run(
        [*start, "--cohort", str(cohort.folder), "--out", str(out), *options, "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checkpoint"] == str(out), "one process prints"
    return [json.loads(line) for line in (out / RUN_LOG).read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_as_one(tiny: Cohort, tmp_path: Path, name: str) -> None:
    one, two = (train(tiny, tmp_path / f"run{n}", CASES[name], n) for n in (1, 2))
    assert [run[0]["processes"] for run in (one, two)] == [1, 2]
    assert [line["event"] for line in one] == [line["event"] for line in two]
    for single, double in zip(one, two, strict=True):
        if single["event"] == "epoch":
            for key in ("train_loss", "validation_loss"):
                assert double[key] == pytest.approx(single[key], abs=1e-6), key
            assert double["lr"] == single["lr"]
    first, second = (load_file(tmp_path / f"run{n}" / WEIGHTS) for n in (1, 2))
    for tensor, value in first.items():
        torch.testing.assert_close(second[tensor], value, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n_cases", [0, 1, 2, 3, 7, 16])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_every_case_is_counted_by_one_process(n_cases: int, size: int) -> None:
    worlds = [World(rank, size) for rank in range(size)]
    cases = list(range(n_cases))
    counted = [cases[world.rows(n_cases)][: world.sizes(n_cases)[world.rank]] for world in worlds]
    assert [case for share in counted for case in share] == cases
    assert all(len(cases[world.rows(n_cases)]) >= min(1, n_cases) for world in worlds), "each has something to compute"
    assert max(map(len, counted)) - min(map(len, counted)) <= 1


def test_one_process_alone_changes_nothing() -> None:
    world, values = World.current(), torch.randn(3, 2)
    assert world == World(0, 1)
    assert world.gather(values, 3) is values
    layer = nn.Linear(2, 1)
    layer(values).sum().backward()
    assert layer.weight.grad is not None
    gradient = layer.weight.grad.clone()
    world.average_gradients(layer.parameters())
    assert torch.equal(layer.weight.grad, gradient)
    assert world.agreed(1.5, None, device=torch.device("cpu")) == (1.5, None)
