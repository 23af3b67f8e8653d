"""Goal 12: a DP-SGD step on bags beside Opacus' hooks and a step without privacy: same batch, clipping and noise."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from benchmarks.harness import Block, Cell, Setting
from survviz.losses import discrete_nll
from survviz.models import Model, create_model
from survviz.models.inputs import random_inputs
from survviz.privacy.stream import new_key
from survviz.training.dp_sgd import DpSgd, Examples
from survviz.training.private_config import PrivateConfig

BAGS = ((8, 1_000), (32, 1_000), (8, 4_000))
CLIP, SIGMA, LR = 1.0, 1.0, 0.05


def blocks(setting: Setting) -> Iterator[Block]:
    """ABMIL at its published size, every patient in every batch."""
    for n_bags, n_patches in ((2, 50),) if setting.quick else BAGS:
        yield list(steps(n_bags, n_patches))


def network() -> Model:
    """Fresh weights, without dropout, which Opacus' hooks would draw otherwise."""
    torch.manual_seed(0)
    return create_model("abmil", dropout=0.0).train()


def steps(n_bags: int, n_patches: int) -> Iterator[Cell]:
    """The same gradients, clipped or not."""
    model = network()
    random = torch.Generator().manual_seed(0)
    bins = torch.randint(model.config.n_bins, (n_bags,), generator=random)
    event = torch.rand(n_bags, generator=random) < 0.5
    inputs = random_inputs(model.config.reads, (n_patches,) * n_bags)
    examples = Examples(tuple(map(str, range(n_bags))), inputs, bins, event)
    config = PrivateConfig.model_validate({
        "model": "abmil", "modalities": ("pathology",), "patients": n_bags, "batch": n_bags, "steps": 1, "clip": CLIP,
        "optimizer": "sgd", "lr": LR, "momentum": 0.0, "warmup": 0,
    })  # fmt: skip
    said = f"{n_bags} bags of {n_patches:,}"
    names = (f"{said}, no privacy", f"{said}, Opacus' hooks")

    runs = {sigma: DpSgd(network(), examples, config, noise_multiplier=sigma, key=new_key(), seed=0)
            for sigma in (SIGMA, 0.0)}  # fmt: skip

    def private(sigma: float = SIGMA) -> None:
        runs[sigma].step = 0  # the one step again, from where it led
        runs[sigma].run()

    plain_model = network()
    plain_optimizer = torch.optim.SGD(plain_model.parameters(), lr=LR)

    def plain() -> None:
        plain_optimizer.zero_grad()
        discrete_nll(plain_model(inputs).logits, bins, event).backward()
        plain_optimizer.step()

    yield Cell(said, "clipped bag by bag, exact noise from a secret key", private, against=names,
               check=partial(difference, examples, config))  # fmt: skip
    yield Cell(f"{said}, noise left out", "clipping alone", lambda: private(0.0))
    yield Cell(names[0], "one batch, plain SGD", plain)
    yield Cell(names[1], "GradSampleModule, flat clipping, torch's noise", OpacusStep(examples).run)


class OpacusStep:
    """A step of Opacus' own optimiser."""

    def __init__(self, examples: Examples) -> None:
        from opacus import GradSampleModule
        from opacus.optimizers import DPOptimizer

        self.examples = examples
        self.model = GradSampleModule(network())
        self.optimizer = DPOptimizer(
            torch.optim.SGD(self.model.parameters(), lr=LR), noise_multiplier=SIGMA, max_grad_norm=CLIP,
            expected_batch_size=len(examples),
        )  # fmt: skip

    def run(self) -> None:
        """Gradients per bag, clipped, noised, applied."""
        self.optimizer.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            discrete_nll(self.model(self.examples.inputs).logits, self.examples.bin, self.examples.event).backward()
            self.optimizer.step()


def difference(examples: Examples, config: PrivateConfig) -> dict[str, float]:
    """Largest difference of the weights after a step without noise from one bag after the other by plain autograd."""
    ours, plain = network(), network()
    DpSgd(ours, examples, config, noise_multiplier=0.0, key=bytes(32), seed=0).run()
    total = [torch.zeros_like(one) for one in plain.parameters()]
    for row in range(len(examples)):
        one = examples.take([row])
        loss = discrete_nll(plain(one.inputs).logits, one.bin, one.event)
        own = torch.autograd.grad(loss, list(plain.parameters()))
        norm = float(np.sqrt(sum(float(part.double().square().sum()) for part in own)))
        for kept, part in zip(total, own, strict=True):
            kept += part * min(1.0, CLIP / norm)
    moved = [one - LR * kept / config.batch for one, kept in zip(plain.parameters(), total, strict=True)]
    apart = max(float((a - b).detach().abs().max()) for a, b in zip(ours.parameters(), moved, strict=True))
    return {"largest difference of weights from a plain loop": apart}
