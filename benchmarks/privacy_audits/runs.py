"""Runs of the private trainer for audits: its sampling, clipping and noise as they ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.private_training import arms
from survviz.data.cohort import Cohort, load_cohort
from survviz.models import Model
from survviz.privacy.membership import own_log_likelihood
from survviz.training.dp_sgd import Examples
from survviz.training.private_config import PrivateConfig
from survviz.types import Inputs

DELTA = 1e-5
SETTINGS: dict[str, Any] = {
    "model": "bilayer",
    "model_settings": {"d_embed": 32, "d_hidden": 64, "dropout": 0.0},
    "modalities": ("clinical",),
    "optimizer": "sgd",
    "lr": 2.0,
    "threads": 1,
}


def shipped() -> PrivateConfig:
    """Public constants of the models that ship (`benchmarks.private_training`)."""
    return next(arm.config for arm in arms().values() if arm.ship)


def settings(patients: int, batch: int, steps: int) -> PrivateConfig:
    """Public constants of a run in which everything learns, so that more can be memorised than by what ships."""
    return PrivateConfig(**SETTINGS, patients=patients, batch=batch, steps=steps)


def training_part(folder: Path) -> tuple[Cohort, tuple[str, ...]]:
    """A cohort and the ids of its published training patients."""
    split = pd.read_csv(folder / "splits" / "published.csv")
    return load_cohort(folder), tuple(split.loc[split["part"] == "train", "case_id"])


def joined(first: Examples, second: Examples) -> Examples:
    """Patients of both."""

    def both(one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: torch.cat([value, other[name]]) for name, value in one.items()}

    a, b = first.inputs, second.inputs
    inputs = Inputs(
        torch.cat([a.patches, b.patches]),
        torch.cat([a.patch_mask, b.patch_mask]),
        both(dict(a.tokens), dict(b.tokens)),
        both(dict(a.vectors), dict(b.vectors)),
        both(dict(a.present), dict(b.present)),  # type: ignore[arg-type]
    )
    ids = (*first.case_ids, *second.case_ids)
    return Examples(ids, inputs, torch.cat([first.bin, second.bin]), torch.cat([first.event, second.event]))


def flipped(examples: Examples, bins: int) -> Examples:
    """The same records with the opposite outcome: who died late is censored early, who was censored dies at once."""
    return replace(examples, bin=torch.where(examples.event, bins - 1, 0), event=~examples.event)


def likelihoods(model: Model, examples: Examples) -> Float[NDArray, " n"]:
    """Log-likelihood that a model gives to each patient's own outcome."""
    with torch.inference_mode():
        hazard = torch.sigmoid(model.eval()(examples.inputs).logits)
    return own_log_likelihood(hazard.double().numpy(), examples.bin.numpy(), examples.event.numpy())


def coins(n: int, seed: int) -> Bool[NDArray, " n"]:
    """Who is in."""
    return np.random.default_rng(seed).random(n) < 0.5
