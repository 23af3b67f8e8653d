"""MLP (Clinic): each clinical sentence through two layers, all of them side by side, a head.

A row of the SurvPGC comparison (Hou et al. 2025, Table 1).
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks.dense import flattened_tokens
from survviz.models.card import CLEAN_ROOM, ZERO_EMBEDDING, Card
from survviz.models.inputs import SentenceInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class MlpClinicConfig(SentenceInput):
    """Sizes; the defaults are the published ones."""

    d_embed: int = Field(256, ge=1)
    d_hidden: int = Field(128, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("clinical",)


@register("mlp-clinic")
class MlpClinic(Model):
    """Linear and ReLU twice per sentence, the results one after another, one linear layer.

    Since the sentences stand side by side, each has weights of its own in the last layer; SNN (Clinic) averages them.
    """

    card = Card(
        title="MLP (Clinic)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (comparison system)",
        year=2025,
        family="clinic or omics",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        when_missing=ZERO_EMBEDDING,
        differences=("Takes batches; the release flattens its batch with the tokens, so that it takes one case only.",),
        parameters=167_300,
    )
    Config = MlpClinicConfig
    config: MlpClinicConfig

    def __init__(self, config: MlpClinicConfig) -> None:
        super().__init__(config)
        self.encode = flattened_tokens(config.d_clinical, config.d_embed, config.d_hidden, config.dropout)
        self.output_layer = nn.Linear(len(config.clinical_tokens) * config.d_hidden, config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits and the clinical embedding."""
        clinical = self.encode(inputs.tokens["clinical"]) * inputs.present["clinical"].unsqueeze(-1)  # (B, T * H)
        return Output(self.output_layer(clinical), self.config.output, {"clinical": clinical})
