"""ABMIL: a slide is a weighted mean of its patches, and the weights are learnt. The pathology-only baseline.

Ilse, Tomczak, Welling 2018, Attention-based Deep Multiple Instance Learning, equations 7 to 9.
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from survviz.models.base import Model, ModelConfig, real_patches
from survviz.models.blocks import GatedAttention, masked_softmax
from survviz.models.registry import register
from survviz.types import Attention, Inputs, Modality, Output


class AbmilConfig(ModelConfig):
    """Sizes; the defaults are those of the survival comparisons (461,061 parameters)."""

    d_patch: int = Field(1024, ge=1)
    d_embed: int = Field(256, ge=1)
    d_attention: int = Field(256, ge=1)
    n_bins: int = Field(4, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology",)


@register("abmil")
class Abmil(Model):
    """Linear and ReLU, gated attention over patches, one hidden layer, a discrete-hazard head.

    Differs from the survival comparisons only in that padding is masked. A case without patches has a zero embedding
    and so gets the same, uninformed risk as any other such case.
    """

    Config = AbmilConfig
    config: AbmilConfig

    def __init__(self, config: AbmilConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = ("pathology",)
        self.token_names = {"case": ("case",)}
        self.directions = (("case", "pathology"),)
        drop = config.dropout
        self.project = nn.Sequential(nn.Linear(config.d_patch, config.d_embed), nn.ReLU(), nn.Dropout(drop))
        self.attend = GatedAttention(config.d_embed, config.d_attention, drop)
        self.hidden = nn.Sequential(nn.Linear(config.d_embed, config.d_embed), nn.ReLU(), nn.Dropout(drop))
        self.output_layer = nn.Linear(config.d_embed, config.n_bins)

    def forward(self, inputs: Inputs, *, attention: bool = False) -> Output:
        """Discrete-hazard logits, the pooled embedding, and on request the raw score of each patch."""
        features, mask = real_patches(inputs, self.config.d_patch)
        patches = self.project(features)  # (B, N, E)
        scores = self.attend(patches)  # (B, N)
        pooled = (masked_softmax(scores, mask).unsqueeze(1) @ patches).squeeze(1)  # (B, E)
        maps = None
        if attention:
            named = Attention(scores[:, None, None, :], "case", "pathology", "all patches of the patient")
            maps = {("case", "pathology"): named}
        return Output(self.output_layer(self.hidden(pooled)), "discrete-hazard", {"pathology": pooled}, maps)
