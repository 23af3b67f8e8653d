"""Goal 19: cases per second on a GPU at 4,096 and 50,000 patches, share of the limit that binds, bf16 beside fp32.

The limits are measured in the same run: a large product in bf16, and a copy of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Block, Cell, Reading, Setting
from benchmarks.harness.timing import Times
from survviz.models import Model, create_model
from survviz.models.inputs import random_inputs
from survviz.training.precision import call
from survviz.types import Inputs

MODELS = ("survpgc", "survpath", "abmil", "transmil")
BATCHES = ((4_096, 16), (50_000, 2))
ROUNDS = 10


def blocks(setting: Setting) -> Iterator[Block]:
    """Inference and training of some models; readings, since they need the limits first."""
    flops, bandwidth = limits()
    yield [
        Reading("product, bf16", "8,192 cubed", [flops / 1e12], "TFLOP/s", "higher"),
        Reading("copy of memory", "1 GB read and written", [bandwidth / 1e9], "GB/s", "higher"),
    ]
    for name in MODELS:
        torch.manual_seed(0)
        model = create_model(name).cuda()
        for n_patches, n_cases in ((64, 2),) if setting.quick else BATCHES:
            inputs = random_inputs(model.config.reads, (n_patches,) * n_cases).to("cuda")
            yield list(of_model(model, inputs, f"{name}, {n_cases} x {n_patches:,}", flops, bandwidth))
            del inputs
            torch.cuda.empty_cache()


def limits() -> tuple[float, float]:
    """FLOP and bytes a second."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    x = torch.empty(2**28, device="cuda")
    y = torch.empty_like(x)
    product, copy = seconds(lambda: a @ b), seconds(lambda: y.copy_(x))
    return 2 * 8192**3 / product, 2 * x.numel() * 4 / copy


def seconds(work: Callable[[], object]) -> float:
    """The best of the rounds after one that is not counted."""
    own = Times()
    for _ in range(1 + ROUNDS):
        own.add(work, 1, "cuda")
    return min(own.wall[1:])


def of_model(model: Model, inputs: Inputs, said: str, flops: float, bandwidth: float) -> Iterator[Reading | Cell]:
    """Both precisions of inference, and training in bf16."""
    n_cases, moved = len(inputs.patches), 2 * inputs.patches.numel()  # bf16 patches, read once

    def forward(precision: str) -> torch.Tensor:
        with torch.inference_mode():
            return call(model.eval(), inputs, "bf16" if precision == "bf16" else "fp32").logits

    def both() -> None:
        model.zero_grad(set_to_none=True)
        call(model.train(), inputs, "bf16").logits.sum().backward()

    apart = float((forward("bf16") - forward("fp32")).abs().max())
    works: dict[str, tuple[Callable[[], object], int]] = {
        "inference, fp32": (lambda: forward("fp32"), 1),
        "inference, bf16": (lambda: forward("bf16"), 1),
        "training, bf16": (both, 2),  # patches are read again for the gradient of the projection
    }
    for kind, (work, passes) in works.items():
        torch.cuda.reset_peak_memory_stats()
        with FlopCounterMode(display=False) as counted:
            work()
        took = seconds(work)
        shares = {"FLOP": counted.get_total_flops() / took / flops, "bandwidth": passes * moved / took / bandwidth}
        yield Reading(f"{said}, {kind}", "fresh weights on noise", [n_cases / took], "cases per s", "higher", {
            "share of the FLOP limit": shares["FLOP"], "share of the bandwidth limit": shares["bandwidth"],
            "peak MB": torch.cuda.max_memory_allocated() / 1e6, "bf16 from fp32, largest difference of logits": apart,
        })  # fmt: skip
