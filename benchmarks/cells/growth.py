"""Goal 18: time and memory by number of patches, 1,000 to 100,000, and how straight the line is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from benchmarks.harness import Block, Reading, Setting
from benchmarks.harness.memory import peak_over_base
from benchmarks.harness.timing import Times
from survviz.models import create_model
from survviz.models.inputs import random_inputs

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
MODELS = ("survpgc", "abmil", "mcat")
ROUNDS = 3


def blocks(setting: Setting) -> Iterator[Block]:
    """Forward, and forward with backward."""
    for name in MODELS[:1] if setting.quick else MODELS:
        torch.manual_seed(0)
        model = create_model(name)
        times: dict[str, list[float]] = {"forward": [], "forward and backward": []}
        peaks: dict[str, list[float]] = {kind: [] for kind in times}
        sizes = (100, 300) if setting.quick else SIZES
        for n in sizes:
            inputs = random_inputs(model.config.reads, (n,))

            def forward(inputs=inputs, model=model) -> None:
                with torch.inference_mode():
                    model.eval()(inputs)

            def both(inputs=inputs, model=model) -> None:
                model.zero_grad(set_to_none=True)
                model.train()(inputs).logits.sum().backward()

            for kind, work in (("forward", forward), ("forward and backward", both)):
                peaks[kind].append(peak_over_base(work))
                own = Times()
                for _ in range(ROUNDS):
                    own.add(work, 1, "cpu")
                times[kind].append(min(own.cpu))
            del inputs, forward, both
        yield [straight_line(f"{name}, {kind}", f"{sizes[0]:,} to {sizes[-1]:,} patches", sizes, times[kind],
                             peaks[kind], "patch") for kind in times]  # fmt: skip


def straight_line(
    name: str, what: str, sizes: Sequence[int], seconds: Sequence[float], peaks: Sequence[float], unit: str
) -> Reading:
    """Slope of the time, the power by which it grows, and how far the points lie from the line.

    The line is fitted to relative errors, so that small sizes count as much as large ones.
    """
    x, y = np.asarray(sizes, dtype=float), np.asarray(seconds)
    design = np.column_stack([np.ones(len(x)), x]) / y[:, None]
    (start, slope), *_ = np.linalg.lstsq(design, np.ones(len(x)), rcond=None)
    residual = np.abs((start + slope * x) / y - 1).max()
    half = len(x) // 2
    power = np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0] if len(x) > 3 else float("nan")
    memory = np.polyfit(x, np.asarray(peaks), 1)[0]
    facts = {f"CPU seconds at {size:,}": float(one) for size, one in zip(sizes, seconds, strict=True)}
    facts |= {f"MB at {size:,}": float(one) for size, one in zip(sizes, peaks, strict=True)}
    return Reading(name, what, [float(slope * 1e6)], f"CPU us per {unit}", facts={
        "power of the upper half": float(power), "largest residual, percent": float(100 * residual),
        f"kB per {unit}": float(1000 * memory), **facts,
    })  # fmt: skip
