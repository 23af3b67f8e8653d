"""What DP-SGD costs in time: an epoch with and without it, same model, same batches, same thread.

    python -m benchmarks.private_overhead [--rounds 5]

Made-up patients of the size of the pan-cancer cohort (59 clinical columns). "Without" is an
epoch of plain mini-batches through the same loss and optimiser. Both alternate, so that a busy machine slows both; the
ratio is the median over rounds. Writes benchmarks/results/private_overhead.json.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from survviz.data.public_preprocess import public_preprocess, read_constants
from survviz.losses import discrete_nll
from survviz.models import Model, create_model
from survviz.models.describe import n_parameters
from survviz.models.inputs import random_inputs
from survviz.privacy.stream import new_key
from survviz.training.dp_sgd import DpSgd, Examples
from survviz.training.private_config import PrivateConfig
from survviz.training.private_run import model_settings

RESULTS = Path(__file__).parent / "results" / "private_overhead.json"
N, BATCH, LIMIT = 4096, 1024, 3.0
SMALL = {"d_embed": 32, "d_hidden": 64, "n_groups": 8, "dropout": 0.0, "shortcut": True, "proportional": True}
SHIPPED = ("shortcut", "output_layer")
CASES = {
    "bilayer as shipped (frozen attention), clinical": ("bilayer", ("clinical",), SHIPPED),
    "linear, clinical": ("logistic-hazard", ("clinical",), ()),
    "bilayer, all parameters learn, clinical": ("bilayer", ("clinical",), ()),
}


def settings(model: str, modalities: tuple[str, ...], trained: tuple[str, ...]) -> PrivateConfig:
    """One epoch."""
    return PrivateConfig.model_validate(
        {
            "model": model,
            "modalities": modalities,
            "model_settings": SMALL if model == "bilayer" else {},
            "trained": trained,
            "patients": N,
            "batch": BATCH,
            "steps": N // BATCH,
            "threads": 1,
        }
    )


def network(config: PrivateConfig) -> Model:
    """Fresh weights."""
    torch.manual_seed(0)
    preprocess = public_preprocess(read_constants(), config.modalities)
    model = create_model(config.model, **model_settings(config, preprocess))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not config.trained or name.startswith(config.trained))
    return model


def patients(model: Model) -> Examples:
    """Noise of the shapes that the model reads."""
    inputs = random_inputs(model.config.reads, (1,) * N)
    random = torch.Generator().manual_seed(0)
    bins = torch.randint(model.config.n_bins, (N,), generator=random)
    return Examples(tuple(map(str, range(N))), inputs, bins, torch.rand(N, generator=random) < 0.4)


def private_epoch(config: PrivateConfig, examples: Examples) -> None:
    """Poisson batches, gradients per patient, clipped, exact noise."""
    DpSgd(network(config), examples, config, noise_multiplier=2.0, key=new_key(), seed=0).run()


def plain_epoch(config: PrivateConfig, examples: Examples) -> None:
    """Shuffled mini-batches of the same size."""
    model = network(config).train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=config.lr)
    order = np.random.default_rng(0).permutation(N)
    for part in np.array_split(order, math.ceil(N / BATCH)):
        batch = examples.take(part)
        optimizer.zero_grad()
        discrete_nll(model(batch.inputs).logits, batch.bin, batch.event).backward()
        optimizer.step()


def timed(work: Callable[[], None]) -> float:
    """CPU seconds of this process, which other processes do not lengthen."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(name: str, rounds: int) -> dict[str, Any]:
    """One model."""
    config = settings(*CASES[name])
    model = network(config)
    examples = patients(model)
    private_epoch(config, examples)  # tables, caches, first use
    pairs = [
        (timed(lambda: private_epoch(config, examples)), timed(lambda: plain_epoch(config, examples)))
        for _ in range(rounds)
    ]
    private, plain = (float(np.median(times)) for times in zip(*pairs, strict=True))
    return {
        "model": name,
        "learnt": n_parameters(model),
        "private_seconds": round(private, 3),
        "plain_seconds": round(plain, 3),
        "ratio": round(float(np.median([one / other for one, other in pairs])), 2),
    }


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in CASES:
        rows.append(measure(name, given.rounds))
        print(rows[-1], flush=True)
        write(rows, given.rounds)


def write(rows: list[dict[str, Any]], rounds: int) -> None:
    """What was measured so far."""
    protocol = (
        f"{N:,} made-up patients, expected batches of {BATCH:,}, one thread, CPU seconds of an epoch, median of "
        f"{rounds} rounds in turns"
    )
    document = {"protocol": protocol, "limit": LIMIT, "rows": rows}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
