"""MLP (pathology): the mean of the projected patches and a small head. The baseline without attention.

Hou et al., SurvPGC, npj Digital Medicine 2025, comparison system "MLP (Pathology)".
"""

from __future__ import annotations

from typing import cast

from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import head, masked_mean
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, Card
from survviz.models.inputs import PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class MlpPathologyConfig(PatchInput):
    """Sizes; the defaults are the published ones."""

    d_embed: int = Field(256, ge=1)
    d_head: int = Field(64, ge=1)
    modalities: tuple[Modality, ...] = ("pathology",)


@register("mlp-pathology")
class MlpPathology(Model):
    """Linear and ReLU per patch, mean over patches, Linear, ReLU, Linear."""

    card = Card(
        title="MLP (pathology)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (comparison system)",
        year=2025,
        family="pathology",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing="without patches the embedding is zero: every such case gets the same, uninformed risk",
        differences=(
            "Padding is masked in the mean.",
            "The feed-forward and the LayerNorm that the release builds and never uses are left out.",
        ),
        parameters=279_108,
    )
    Config = MlpPathologyConfig
    config: MlpPathologyConfig

    def __init__(self, config: MlpPathologyConfig) -> None:
        super().__init__(config)
        self.project = nn.Sequential(nn.Linear(config.d_patch, config.d_embed), nn.ReLU())
        self.head = head(config.d_embed, config.n_outputs, config.d_head)

    @property
    def output_layer(self) -> nn.Linear:  # type: ignore[override]
        """The last layer of the head."""
        return cast(nn.Linear, self.head[-1])

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits and the mean of the projected patches."""
        pooled = masked_mean(self.project(inputs.patches), inputs.patch_mask)  # (B, E)
        return Output(self.head(pooled), self.config.output, {"pathology": pooled})
