"""Noise, no patient's data, and what each fold answers to it, so that a copy can be shown to compute the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from survviz.errors import CheckpointError
from survviz.models.inputs import random_inputs
from survviz.types import Inputs, Modality

if TYPE_CHECKING:
    from survviz.models import Model

N_PATCHES = (24, 12)
TOLERANCE = 1e-5


def golden_tensors(models: Sequence[Model]) -> dict[str, Tensor]:
    """Inputs and every fold's outputs, named for one safetensors file."""
    tensors: dict[str, Tensor] = {}
    for fold, model in enumerate(models):
        inputs = random_inputs(model.config.reads, N_PATCHES)
        for name, value in _named(inputs).items():
            tensors[f"fold{fold}.input.{name}"] = value
        for name, value in answers(model, inputs).items():
            tensors[f"fold{fold}.output.{name}"] = value
    return tensors


def answers(model: Model, inputs: Inputs) -> dict[str, Tensor]:
    """Logits and embeddings of a model in evaluation mode."""
    with torch.inference_mode():
        output = model.eval()(inputs)
    return {"logits": output.logits} | {f"embedding.{name}": value for name, value in output.embeddings.items()}


def largest_deviation(model: Model, fold: int, tensors: Mapping[str, Tensor]) -> float:
    """Largest absolute difference between a fold's stored answers and what it computes now; NaN if one is NaN.

    Raises:
        CheckpointError: inputs or answers are missing.
    """
    prefix = f"fold{fold}.output."
    stored = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    computed = answers(model, _inputs_from(tensors, fold))
    if stored.keys() != computed.keys():
        raise CheckpointError(f"The golden answers of fold {fold} are {sorted(stored)}; expected {sorted(computed)}.")
    return float(torch.stack([(computed[name] - stored[name]).abs().max() for name in stored]).max())


def _named(inputs: Inputs) -> dict[str, Tensor]:
    named = {"patches": inputs.patches, "patch_mask": inputs.patch_mask}
    for kind, group in (("tokens", inputs.tokens), ("vectors", inputs.vectors), ("present", inputs.present)):
        named |= {f"{kind}.{name}": value for name, value in group.items()}
    return named


def _inputs_from(tensors: Mapping[str, Tensor], fold: int) -> Inputs:
    prefix = f"fold{fold}.input."
    groups: dict[str, dict[str, Tensor]] = {"tokens": {}, "vectors": {}, "present": {}}
    for name, value in tensors.items():
        kind, _, key = name.removeprefix(prefix).partition(".")
        if name.startswith(prefix) and kind in groups:
            groups[kind][key] = value
    try:
        patches, mask = tensors[f"{prefix}patches"], tensors[f"{prefix}patch_mask"]
    except KeyError as error:
        raise CheckpointError(f"The golden input of fold {fold} is missing.") from error
    present: dict[Modality, Tensor] = {name: value for name, value in groups["present"].items()}  # type: ignore[misc]
    return Inputs(patches, mask, groups["tokens"], groups["vectors"], present)
