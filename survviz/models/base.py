"""What every model is: a module with a name, a frozen configuration, named tokens, and one `forward`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from survviz.errors import InputError
from survviz.types import Inputs, Modality, Output


class ModelConfig(BaseModel):
    """Settings of a model; sizes default to the published ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(nn.Module, ABC):
    """Base of every model.

    Attributes:
        name: as in the registry.
        Config: class of its settings.
        config: its settings.
        modalities: what it reads; anything else in the input is ignored.
        token_names: token group -> names, in the order of the group's rows in attention.
        directions: (query, key) of each attention that it can return.
        output_layer: the last linear layer, whose bias the trainer starts at the base rate.
    """

    name: ClassVar[str]
    Config: ClassVar[type[ModelConfig]]

    config: ModelConfig
    modalities: tuple[Modality, ...]
    token_names: Mapping[str, tuple[str, ...]]
    directions: tuple[tuple[str, str], ...]
    output_layer: nn.Linear

    @abstractmethod
    def forward(self, inputs: Inputs, *, attention: bool = False) -> Output:
        """Score a padded batch; attention matrices are kept only when asked for."""


def present_mask(inputs: Inputs, modality: Modality) -> Bool[Tensor, " B"]:
    """Which cases have a modality; a modality that `inputs.present` does not name is present where it has values."""
    if modality in inputs.present:
        return inputs.present[modality]
    if modality == "pathology":
        return inputs.patch_mask.any(dim=1)
    given = modality in inputs.tokens or (modality == "genomic" and "rna" in inputs.vectors)
    return torch.full((len(inputs.patches),), given, dtype=torch.bool, device=inputs.patches.device)


def check_width(what: str, given: int, expected: int) -> None:
    """Compare a size of the input with what the model was built for.

    Raises:
        InputError: they differ.
    """
    if given != expected:
        raise InputError(
            f"The model was built for {expected} {what}, but the input has {given}. "
            "Use the encoder and the preprocessing stored in the checkpoint."
        )


def real_patches(inputs: Inputs, width: int) -> tuple[Float[Tensor, "B N D"], Bool[Tensor, "B N"]]:
    """Patches and the mask of those that count: real, and of a case whose slides are present.

    Raises:
        InputError: the features are not of the width that the model was built for.
    """
    if inputs.patches.shape[1] == 0:
        return inputs.patches.new_zeros(len(inputs.patches), 0, width), inputs.patch_mask
    check_width("features per patch", inputs.patches.shape[-1], width)
    return inputs.patches, inputs.patch_mask & present_mask(inputs, "pathology").unsqueeze(-1)
