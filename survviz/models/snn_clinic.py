"""SNN (Clinic): each clinical sentence through a self-normalising network, their mean, a head.

A row of the SurvPGC comparison (Hou et al. 2025, Table 1); Klambauer et al. 2017, Self-Normalizing Neural Networks.
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import self_normalising
from survviz.models.card import CLEAN_ROOM, ZERO_EMBEDDING, Card
from survviz.models.inputs import SentenceInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class SnnClinicConfig(SentenceInput):
    """Sizes; the defaults are the published ones."""

    d_embed: int = Field(256, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    last_dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("clinical",)


@register("snn-clinic")
class SnnClinic(Model):
    """Linear, ELU and alpha dropout twice per sentence, the mean over sentences, one linear layer."""

    card = Card(
        title="SNN (Clinic)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (comparison system)",
        year=2025,
        family="clinic or omics",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        when_missing=ZERO_EMBEDDING,
        differences=("Takes batches; the release takes one case at a time.",),
        parameters=198_148,
    )
    Config = SnnClinicConfig
    config: SnnClinicConfig

    def __init__(self, config: SnnClinicConfig) -> None:
        super().__init__(config)
        self.encode = nn.Sequential(
            self_normalising(config.d_clinical, config.d_embed, config.dropout),
            self_normalising(config.d_embed, config.d_embed, config.last_dropout),
        )
        self.output_layer = nn.Linear(config.d_embed, config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits and the clinical embedding."""
        clinical = self.encode(inputs.tokens["clinical"]).mean(dim=1) * inputs.present["clinical"].unsqueeze(-1)
        return Output(self.output_layer(clinical), self.config.output, {"clinical": clinical})
