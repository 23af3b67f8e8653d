"""Goals 9 and 16: integrated gradients beside captum, masked forwards, on SurvPGC at its published size.

Captum explains the same weights in standard layers, as a released model would be, and ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import Block, Cell, Setting, Skip
from benchmarks.textbook_survpgc import TextbookSurvPGC
from survviz.explain.baselines import Reference
from survviz.explain.faithfulness import faithfulness
from survviz.explain.gradients import patch_contributions
from survviz.explain.perturbation import Groups, risk_without
from survviz.explain.targets import risk
from survviz.explain.ways import InputWay, repeated
from survviz.models import Model, create_model
from survviz.models.inputs import random_inputs
from survviz.types import Inputs, Output

STEPS, N_MASKS = 50, 100
CROWDED = (2, 3, 4, 5, 6)
"""Powers of t at which the points are put too, crowded to the start of the way: does that bring completeness?"""

CAPTUM_GB = 13.0
"""What captum's default may take: all steps in one batch."""


def network(setting: Setting) -> tuple[Model, Inputs]:
    """Fresh weights on noise of 10,000 patches."""
    torch.manual_seed(0)
    model = create_model("survpgc").eval().requires_grad_(False)
    return model, random_inputs(model.config.reads, (200 if setting.quick else 10_000,))


def gradients(setting: Setting) -> Iterator[Block]:
    """The same 50 Gauss-Legendre points of the way for all."""
    model, inputs = network(setting)
    textbook = TextbookSurvPGC().eval().requires_grad_(False)
    textbook.load_state_dict(model.state_dict())
    points, weights = np.polynomial.legendre.leggauss(STEPS)
    kept: dict[str, np.ndarray] = {}

    def ours() -> None:
        way = InputWay(model, inputs, risk, Reference(), only=("pathology",))
        kept["ours"] = way.along(((points + 1) / 2).tolist(), (weights / 2).tolist())

    def plain(patches: torch.Tensor) -> torch.Tensor:
        tokens = {name: value.expand(len(patches), -1, -1) for name, value in inputs.tokens.items()}
        return risk(Output(textbook(patches, tokens), "discrete-hazard", {}))

    def by_model(patches: torch.Tensor) -> torch.Tensor:
        return risk(model(repeated(inputs, patches)))

    def captum(forward: Callable[[torch.Tensor], torch.Tensor], at_once: int | None) -> None:
        from captum.attr import IntegratedGradients

        found = IntegratedGradients(forward).attribute(
            inputs.patches, n_steps=STEPS, method="gausslegendre", internal_batch_size=at_once
        )
        kept["captum"] = found.sum(dim=-1)[0].double().numpy()

    def check() -> dict[str, float]:
        with torch.no_grad():
            change = float(by_model(inputs.patches) - by_model(torch.zeros_like(inputs.patches)))
        gap, theirs = (abs(kept[name].sum() / change - 1) for name in ("ours", "captum"))
        apart = np.abs(kept["ours"] - kept["captum"]).max() / np.abs(kept["captum"]).max()
        return {"completeness error": gap, "of captum": theirs, "largest difference of attributions": float(apart)} | {
            f"completeness error, points at t^{power}": crowded_gap(model, inputs, power, change) for power in CROWDED
        }

    names = ("captum, one step at a time", "captum, one step at a time, our model")
    default = "captum, its default"
    fits = setting.quick or available_gb() > CAPTUM_GB
    yield [
        Cell(f"integrated gradients, {STEPS} steps", "patches projected once", ours, check=check,
             against=(*names, default) if fits else names),
        Cell(default, "all steps in one batch, standard layers", lambda: captum(plain, None), rounds=1) if fits
        else Skip(default, f"less than {CAPTUM_GB} GB of memory are free"),
        Cell(names[1], "internal_batch_size=1", lambda: captum(by_model, 1), rounds=1),
        Cell(names[0], "internal_batch_size=1, standard layers", lambda: captum(plain, 1), rounds=1),
    ]  # fmt: skip
    yield [Cell("contribution map", "as the app computes it: until completeness holds",
                lambda: patch_contributions(model, inputs), rounds=1)]  # fmt: skip


def crowded_gap(model: Model, inputs: Inputs, power: int, change: float) -> float:
    """By how much as many points miss the change when a power of theirs is taken, and the weights that go with it."""
    points, weights = np.polynomial.legendre.leggauss(STEPS)
    t = (points + 1) / 2
    way = InputWay(model, inputs, risk, Reference(), only=("pathology",))
    values = way.along((t**power).tolist(), (weights / 2 * power * t ** (power - 1)).tolist())
    return abs(float(values.sum()) / change - 1)


def available_gb() -> float:
    """Memory that is free."""
    line = next(one for one in Path("/proc/meminfo").read_text().splitlines() if one.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024 / 1e9


def masks(setting: Setting) -> Iterator[Block]:
    """One forward, a hundred masked ones, the test of a map against chance."""
    model, inputs = network(setting)
    n = inputs.patches.shape[1]
    groups = Groups(np.arange(n) * N_MASKS // n, 10)
    scores = np.random.default_rng(0).random(n)

    def forward() -> None:
        with torch.inference_mode():
            model(inputs)

    def difference() -> dict[str, float]:
        with torch.inference_mode():
            shown = repeated(inputs, inputs.patches, torch.from_numpy(groups.members != 0)[None])
            alone = float(risk(model(inputs)) - risk(model(shown)))
        found = float(risk_without(model, inputs, groups)[0]) * int((groups.members == 0).sum())
        return {"difference from a model shown the masked case": abs(found - alone)}

    yield [
        Cell("one forward", "all patches", forward),
        Cell(f"{N_MASKS} masked forwards", "each without a hundredth of the patches", against=("one forward",),
             work=lambda: risk_without(model, inputs, groups), check=difference),
        Cell("test of a map against chance", "336 sets of patches away or alone", rounds=1, against=("one forward",),
             work=lambda: faithfulness([(model, inputs)], scores, signed=False)),
    ]  # fmt: skip
