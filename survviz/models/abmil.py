"""ABMIL: a slide is a weighted mean of its patches, and the weights are learnt. The pathology-only baseline.

Ilse, Tomczak, Welling 2018, Attention-based Deep Multiple Instance Learning, equations 7 to 9.
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import GatedAttention, masked_softmax, rectified
from survviz.models.card import TAKES_BAG, Attends, Card
from survviz.models.inputs import PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class AbmilConfig(PatchInput):
    """Sizes; the defaults are those of the survival comparisons."""

    d_embed: int = Field(256, ge=1)
    d_attention: int = Field(256, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology",)


@register("abmil")
class Abmil(Model):
    """Linear and ReLU, gated attention over patches, one hidden layer, a head."""

    card = Card(
        title="ABMIL",
        paper="Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, ICML 2018",
        year=2018,
        family="pathology",
        licence="original MIT; ours is written from the equations, in the sizes of the survival comparisons",
        pathology=TAKES_BAG,
        when_missing="without patches the embedding is zero: every such case gets the same, uninformed risk",
        differences=("Padding is masked.", "A discrete-hazard head instead of one for a binary label."),
        parameters=461_061,
    )
    Config = AbmilConfig
    config: AbmilConfig
    attends = (Attends("case", "pathology", 1, "all patches of the patient"),)

    def __init__(self, config: AbmilConfig) -> None:
        super().__init__(config)
        self.project = rectified(config.d_patch, config.d_embed, config.dropout)
        self.attend = GatedAttention(config.d_embed, config.d_attention, config.dropout)
        self.hidden = rectified(config.d_embed, config.d_embed, config.dropout)
        self.output_layer = nn.Linear(config.d_embed, config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, the pooled embedding, and on request the raw score of each patch."""
        patches = self.project(inputs.patches)  # (B, N, E)
        scores = self.attend(patches)  # (B, N)
        pooled = (masked_softmax(scores, inputs.patch_mask).unsqueeze(1) @ patches).squeeze(1)  # (B, E)
        maps = self.attends[0].of(scores[:, None, None, :]) if attention else None
        return Output(self.output_layer(self.hidden(pooled)), self.config.output, {"pathology": pooled}, maps)
