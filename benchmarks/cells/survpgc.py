"""Goals 1 and 2: SurvPGC beside the equations written with standard layers, same weights, same run."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.harness import Block, Cell, Setting
from benchmarks.textbook_survpgc import TextbookSurvPGC
from survviz.models import Model, create_model
from survviz.models.inputs import random_inputs
from survviz.types import Inputs

SIZES = (10_000, 50_000)


def blocks(setting: Setting) -> Iterator[Block]:
    """Both models hold the same weights; dropout draws in training mode only."""
    torch.manual_seed(0)
    model, textbook = create_model("survpgc"), TextbookSurvPGC()
    textbook.load_state_dict(model.state_dict())
    for n in (500,) if setting.quick else SIZES:
        yield of_size(model, textbook, random_inputs(model.config.reads, (n,)), f"{n:,} patches")


def of_size(model: Model, textbook: TextbookSurvPGC, inputs: Inputs, said: str) -> Block:
    """Forward with and without attention, forward and backward, of both."""

    def forward(attention: bool) -> torch.Tensor:
        with torch.inference_mode():
            return model.eval()(inputs, attention=attention).logits

    def plain() -> torch.Tensor:
        with torch.inference_mode():
            return textbook.eval()(inputs.patches, inputs.tokens)

    def both() -> None:
        model.zero_grad(set_to_none=True)
        model.train()(inputs).logits.sum().backward()

    def both_plain() -> None:
        textbook.zero_grad(set_to_none=True)
        textbook.train()(inputs.patches, inputs.tokens).sum().backward()

    def difference() -> dict[str, float]:
        return {"largest difference of logits": float((forward(True) - plain()).abs().max())}

    ours, theirs = f"forward with attention, {said}", f"standard layers, forward, {said}"
    both_theirs = f"standard layers, forward and backward, {said}"
    return [
        Cell(ours, "every attention matrix returned", lambda: forward(True), against=(theirs,), check=difference),
        Cell(f"forward, {said}", "no matrix returned", lambda: forward(False), against=(theirs,)),
        Cell(theirs, "queries, keys and values of every patch formed, no matrix returned", plain),
        Cell(f"forward and backward, {said}", "training mode", both, against=(both_theirs,)),
        Cell(both_theirs, "training mode", both_plain),
    ]
