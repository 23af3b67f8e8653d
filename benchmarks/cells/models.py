"""Every model of the registry at its published sizes: forward, and forward with backward, by number of patches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.harness import Block, Cell, Setting, Skip
from survviz.models import Model, create_model
from survviz.models.describe import n_parameters
from survviz.models.inputs import random_inputs
from survviz.training.precision import call, has_bf16
from survviz.types import Inputs

SIZES = (1_000, 4_000, 10_000, 50_000)
QUICK = (500,)
WITH_ATTENTION = 10_000
IN_BF16 = ("survpgc", "survpath", "mcat", "abmil", "transmil")


def blocks(setting: Setting, name: str) -> Iterator[Block]:
    """Fresh weights on noise; a model without patches is measured once."""
    torch.manual_seed(0)
    model = create_model(name).to(setting.device)
    patches = any(read.form == "patches" for read in model.config.reads)
    for n in (QUICK if setting.quick else SIZES) if patches else (1,):
        inputs = random_inputs(model.config.reads, (n,)).to(torch.device(setting.device))
        said = f"{n:,} patches" if patches else "a case"
        yield list(of_size(model, inputs, said, n, setting))


def of_size(model: Model, inputs: Inputs, said: str, n: int, setting: Setting) -> Iterator[Cell | Skip]:
    """The cells of one number of patches."""

    def forward(attention: bool = False) -> object:
        with torch.inference_mode():
            return model.eval()(inputs, attention=attention)

    def both() -> None:
        model.zero_grad(set_to_none=True)
        model.train()(inputs).logits.sum().backward()

    yield Cell(f"forward, {said}", f"{n_parameters(model):,} parameters, evaluation mode", forward)
    yield Cell(f"forward and backward, {said}", "training mode: gradients of all parameters, dropout drawn", both)
    if model.attends and n in (WITH_ATTENTION, *QUICK):
        yield Cell(f"forward with attention, {said}", "every attention matrix returned", lambda: forward(True))
    if model.name in IN_BF16 and n in (WITH_ATTENTION, *QUICK):
        yield in_bf16(model, inputs, said, setting)


def in_bf16(model: Model, inputs: Inputs, said: str, setting: Setting) -> Cell | Skip:
    """Patches and products in bf16, as training uses them, where the hardware multiplies it."""
    name = f"forward in bf16, {said}"
    if not has_bf16(torch.device(setting.device)):
        return Skip(name, "this CPU has neither AVX512_BF16 nor AMX")
    halved = replace(inputs, patches=inputs.patches.bfloat16())

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            return call(model.eval(), halved, "bf16").logits

    def difference() -> dict[str, float]:
        with torch.inference_mode():
            exact = model.eval()(inputs).logits
        return {"largest difference of logits": float((forward() - exact).abs().max()),
                "largest logit": float(exact.abs().max())}  # fmt: skip

    return Cell(name, "evaluation mode, weights cast inside", forward, check=difference)
